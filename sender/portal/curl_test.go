package portal

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store"
)

// shellArguments has bash read the command, and returns the arguments that curl
// would get. Whatever else the command would start fails: there is no PATH.
func shellArguments(t *testing.T, command string) []string {
	t.Helper()
	bash, err := exec.LookPath("bash")
	testenv.Require(t, "bash", err == nil, "apt-get install bash")
	shell := exec.CommandContext(t.Context(), bash, "--norc", "--noprofile")
	shell.Stdin = strings.NewReader("curl() { printf '%s\\0' \"$@\"; }\n" + command + "\n")
	shell.Dir = t.TempDir()
	shell.Env = []string{"PATH=/nowhere", "LC_ALL=C"}
	var faults bytes.Buffer
	shell.Stderr = &faults
	out, err := shell.Output()
	if err != nil || faults.Len() > 0 {
		t.Fatalf("bash: %v: %s\n%s", err, &faults, command)
	}
	if left, err := filepath.Glob(filepath.Join(shell.Dir, "*")); err != nil || len(left) > 0 {
		t.Fatalf("the command left %q", left)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// texts are data that a shell, curl or a terminal could take for something else.
var shellTexts = []string{
	"plain", "it's", "''", `'\''`, `"double"`, "`touch pwned`", "$(touch pwned)", "${HOME}", "$HOME", "!!", "!touch", "a!b'!c", "@/etc/passwd", "@-",
	"-o/etc/passwd", "--config", "a\nb", "\n", "a\\\nb", `\`, `\\`, `\'`, `a\'; touch pwned; '`, "'; touch pwned #", "\ttab", "a\r\nb", "\r", "\x1b[2Jred\x07", "\x01\x02\x7f",
	"\u202etfel\u202c", "\u2066x\u2069", "\u061c", "\u0085", "ü€𝄞", "ü'\n€", "&& touch pwned", "| touch pwned", "> pwned", "< /etc/passwd", "*", "?", "~", "#", "%41", "{a,b}", "[1-9]",
	"\x0141", "\n41", "\\x41", "\\u0041", "$'\\x41'", "{\"a\":\"it's\\n\"}", " ", "  leading and trailing  ", "a;b", "\ufffd", "\u200b\ufeff",
}

// The attacker is whoever causes events or names endpoints, and wants the command
// that a customer pastes into a shell to do more than one request.
func TestAttackCurl(t *testing.T) {
	t.Parallel()
	for _, text := range shellTexts {
		target := "https://a.example/" + text
		a := store.Attempt{URL: target, RequestHeader: http.Header{
			"X-Text": {text, "second"}, "Content-Type": {"application/json"}, "Host": {"no"}, "Content-Length": {"1"}, "Accept-Encoding": {"no"}, "Connection": {"no"},
		}}
		command := curl(a, []byte(text))
		want := []string{"-i", "-X", "POST"}
		if strings.ContainsAny(target, "[]{}") {
			want = append(want, "--globoff")
		}
		want = append(want, target, "-H", "Content-Type: application/json", "-H", "X-Text: "+text, "-H", "X-Text: second", "--data-raw", text)
		if got := shellArguments(t, command); !slices.Equal(got, want) {
			t.Errorf("%q: curl gets\n%q, want\n%q\nof %s", text, got, want, command)
		}
		if line := strings.ReplaceAll(command, "\n", ""); visible(line) != line || strings.Contains(line, "\t") {
			t.Errorf("%q: a terminal would see control characters: %q", text, command)
		}
	}
}

// What cannot be said in a command is not offered.
func TestCurlIsNotOffered(t *testing.T) {
	t.Parallel()
	a := store.Attempt{URL: "https://a.example"}
	for name, command := range map[string]string{
		"bytes":          curl(a, []byte{0xff, 0xfe}),
		"a NUL":          curl(a, []byte("a\x00b")),
		"too long":       curl(a, bytes.Repeat([]byte("a"), maxShown+1)),
		"an option":      curl(store.Attempt{URL: "-K/etc/passwd"}, []byte("{}")),
		"a file":         curl(store.Attempt{URL: "file:///etc/passwd"}, []byte("{}")),
		"a script":       curl(store.Attempt{URL: "javascript:alert(1)"}, []byte("{}")),
		"a host alone":   curl(store.Attempt{URL: "a.example"}, []byte("{}")),
		"a local file":   curl(store.Attempt{URL: "https:/etc/passwd"}, []byte("{}")),
		"nothing at all": curl(store.Attempt{}, []byte("{}")),
	} {
		if command != "" {
			t.Errorf("%s: %.100s", name, command)
		}
	}
	if curl(a, bytes.Repeat([]byte("a"), maxShown)) == "" {
		t.Error("the greatest payload is refused")
	}
}

// A URL as it is recorded, with its query redacted, is one that curl takes.
func TestCurlTakesRedactedURLs(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("curl")
	testenv.Require(t, "curl", err == nil, "apt-get install curl")
	command := curl(store.Attempt{URL: store.RedactURL("https://a.invalid/x?token=1")}, []byte("{}"))
	shell := exec.CommandContext(t.Context(), "bash", "-c", strings.Replace(command, "curl ", "'"+program+"' --max-time 5 --proxy http://127.0.0.1:1 ", 1))
	shell.Env = append(os.Environ(), "LC_ALL=C")
	out, _ := shell.CombinedOutput()
	if strings.Contains(string(out), "bad range") || !strings.Contains(string(out), "127.0.0.1") {
		t.Errorf("curl says %s", out)
	}
}

func FuzzCurl(f *testing.F) {
	for _, text := range shellTexts {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, value, payload string) {
		if !utf8.ValidString(value) || strings.Contains(value+payload, "\x00") || len(value) > 1000 {
			t.Skip()
		}
		command := curl(store.Attempt{URL: "https://a.example", RequestHeader: http.Header{"X": {value}}}, []byte(payload))
		if command == "" {
			if utf8.ValidString(payload) && len(payload) <= maxShown {
				t.Fatal("no command")
			}
			return
		}
		got := shellArguments(t, command)
		if want := []string{"-i", "-X", "POST", "https://a.example", "-H", "X: " + value, "--data-raw", payload}; !slices.Equal(got, want) {
			t.Errorf("curl gets\n%q, want\n%q", got, want)
		}
	})
}
