package portal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

// curl returns a command that makes the attempt's request again, for bash and zsh,
// or "" if the payload is no text or too long for a command line, or if the URL is
// none that a request went to: "-K/etc/passwd" would be an option. What was redacted
// in the record is redacted in it.
func curl(a store.Attempt, payload []byte) string {
	if !utf8.Valid(payload) || len(payload) > maxShown || bytes.ContainsRune(payload, 0) {
		return ""
	}
	if !strings.HasPrefix(a.URL, "https://") && !strings.HasPrefix(a.URL, "http://") {
		return ""
	}
	var command strings.Builder
	command.WriteString("curl -i -X POST ")
	if strings.ContainsAny(a.URL, "[]{}") { // "?[redacted]" is no range of URLs
		command.WriteString("--globoff ")
	}
	command.WriteString(shellQuote(a.URL))
	for _, name := range slices.Sorted(maps.Keys(a.RequestHeader)) {
		switch name {
		case "Host", "Content-Length", "Accept-Encoding", "Connection":
			continue // curl's own
		}
		for _, value := range a.RequestHeader[name] {
			command.WriteString(" \\\n  -H " + shellQuote(name+": "+value))
		}
	}
	command.WriteString(" \\\n  --data-raw " + shellQuote(string(payload)))
	return command.String()
}

// shellQuote quotes text so that a shell takes it for one word of data, and so
// that a terminal into which it is pasted sees no control characters.
func shellQuote(text string) string {
	plain := !strings.ContainsFunc(text, func(r rune) bool { return visible(string(r)) != string(r) || r == '\n' || r == '\t' })
	if plain {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var quoted strings.Builder
	quoted.WriteString("$'")
	for _, b := range []byte(text) {
		switch {
		case b == '\'' || b == '\\':
			quoted.WriteString(`\` + string(b))
		case b == '\n':
			quoted.WriteString(`\n`)
		case b < ' ' || b >= 0x7f:
			fmt.Fprintf(&quoted, `\x%02x`, b)
		default:
			quoted.WriteByte(b)
		}
	}
	quoted.WriteString("'")
	return quoted.String()
}
