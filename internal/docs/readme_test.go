package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const maxReadmeLines = 250

func TestReadmeShowsCodeThatCompiles(t *testing.T) {
	t.Parallel()
	readme := mustRead(t, "README.md")
	fresh, faults := copyBlocks(readme, os.DirFS(root))
	if updating() && fresh != readme {
		mustWrite(t, "README.md", fresh)
		fresh, faults = copyBlocks(fresh, os.DirFS(root))
	}
	for _, fault := range faults {
		t.Errorf("README.md:%s", fault)
	}
	if n := strings.Count(fresh, "\n"); n > maxReadmeLines {
		t.Errorf("README.md has %d lines, want at most %d", n, maxReadmeLines)
	}
}

var (
	markerLine = regexp.MustCompile(`^\s*<!--\s*(example|file|region):\s*(\S+)(?:\s+(\S+))?\s*-->\s*$`)
	fenceLine  = regexp.MustCompile("^(\\s*)(```+|~~~+)\\s*(\\w*)")
	outputLine = regexp.MustCompile(`(?i)^//\s*(unordered )?output:`)
)

// copyBlocks returns text with each of its go blocks replaced by the code that
// its marker names, and what is wrong with text, each with its line number.
func copyBlocks(text string, repo fs.FS) (string, []string) {
	var (
		lines  = strings.Split(text, "\n")
		out    = make([]string, 0, len(lines))
		faults []string
		marker []string // that the next block must follow
	)
	fault := func(i int, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%d: ", i+1)+fmt.Sprintf(format, args...))
	}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		out = append(out, line)
		fence := fenceLine.FindStringSubmatch(line)
		if fence == nil {
			switch m := markerLine.FindStringSubmatch(line); {
			case m != nil:
				marker = m
			case marker != nil && strings.TrimSpace(line) != "":
				fault(i, "no go block follows the marker %q", strings.TrimSpace(marker[0]))
				marker = nil
			}
			continue
		}
		indent, ticks, language := fence[1], fence[2], strings.ToLower(fence[3])
		begin := i
		closes := func(line string) bool { return strings.TrimSpace(line) == ticks }
		block := lines[begin+1:]
		if end := slices.IndexFunc(block, closes); end >= 0 {
			block = block[:end]
		}
		i += 1 + len(block)
		if language == "go" || language == "golang" {
			want, err := source(marker, repo)
			switch {
			case err != nil:
				fault(begin, "%v", err)
			case !slices.Equal(unindentBy(indent, block), want):
				fault(begin, "the block is not the code that %q names: UPDATE_GOLDEN=1 go test ./internal/docs copies it\n%s",
					strings.TrimSpace(marker[0]), firstDifference(unindentBy(indent, block), want))
				block = indentBy(indent, want)
			}
		} else if marker != nil {
			fault(begin, "the block after the marker %q is not marked as go", strings.TrimSpace(marker[0]))
		}
		marker = nil
		out = append(out, block...)
		if i < len(lines) {
			out = append(out, lines[i])
		} else {
			fault(begin, "the block has no end")
		}
	}
	if marker != nil {
		fault(len(lines)-1, "no go block follows the marker %q", strings.TrimSpace(marker[0]))
	}
	return strings.Join(out, "\n"), faults
}

// source returns the lines that a marker names.
func source(marker []string, repo fs.FS) ([]string, error) {
	if marker == nil {
		return nil, fmt.Errorf("a go block needs a marker on the line above that says what it is a copy of")
	}
	kind, file, name := marker[1], marker[2], marker[3]
	text, err := fs.ReadFile(repo, file)
	if err != nil {
		return nil, err
	}
	if (kind == "file") != (name == "") {
		return nil, fmt.Errorf("the marker %q: a file has no name in it, an example and a region have", strings.TrimSpace(marker[0]))
	}
	switch kind {
	case "example":
		return functionBody(file, string(text), name)
	case "region":
		return region(file, string(text), name)
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}

// functionBody returns what stands between the braces of a function, without
// the comment that says what it prints.
func functionBody(file, text, name string) ([]string, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range parsed.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Name.Name != name || function.Recv != nil || function.Body == nil {
			continue
		}
		end := function.Body.Rbrace
		for _, comment := range parsed.Comments {
			inside := comment.Pos() > function.Body.Lbrace && comment.End() < function.Body.Rbrace
			if inside && outputLine.MatchString(comment.List[0].Text) {
				end = comment.Pos()
			}
		}
		body := text[fset.Position(function.Body.Lbrace).Offset+1 : fset.Position(end).Offset]
		return unindent(strings.Split(body, "\n")), nil
	}
	return nil, fmt.Errorf("%s has no function %s", file, name)
}

// region returns the lines between two comments.
func region(file, text, name string) ([]string, error) {
	lines := strings.Split(text, "\n")
	find := func(mark string) int {
		return slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "// readme:"+mark+" "+name })
	}
	begin, end := find("begin"), find("end")
	if begin < 0 || end < begin {
		return nil, fmt.Errorf("%s has no region %s, from // readme:begin %s to // readme:end %s", file, name, name, name)
	}
	return unindent(lines[begin+1 : end]), nil
}

// unindent removes empty lines at both ends, and the tabs that all lines begin with.
func unindent(lines []string) []string {
	blank := func(line string) bool { return strings.TrimSpace(line) == "" }
	lines = slices.Clone(lines)
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	common := ""
	for i, line := range lines {
		if tabs := line[:len(line)-len(strings.TrimLeft(line, "\t"))]; i == 0 || !blank(line) && len(tabs) < len(common) {
			common = tabs
		}
	}
	for i, line := range lines {
		if blank(line) {
			line = ""
		}
		lines[i] = strings.TrimPrefix(line, common)
	}
	return lines
}

func unindentBy(indent string, lines []string) []string {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
	}
	return lines
}

func indentBy(indent string, lines []string) []string {
	lines = slices.Clone(lines)
	for i := range lines {
		if lines[i] != "" {
			lines[i] = indent + lines[i]
		}
	}
	return lines
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "(end of the block)", "(end of the code)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("\tits line %d: %s\n\tthe code:   %s", i+1, g, w)
		}
	}
	return ""
}

// The checker itself, on small documents.
func TestCopyBlocks(t *testing.T) {
	t.Parallel()
	repo := fstest.MapFS{
		"p/example_test.go": {Data: []byte(`package p_test

func ExampleA() {
	a := 1
	if a > 0 {
		fmt.Println(a) // prints it
	}

	// Output:
	// 1
}

func ExampleB() {
	fmt.Println("b") // Output: is not meant here
	// Unordered output: b
}

func (r recv) ExampleC() {}
`)},
		"main.go": {Data: []byte(`package main

func main() {
	setup()
	// readme:begin send
	send(ctx,

		event)
	// readme:end send
}
`)},
	}
	const bodyOfA = "a := 1\nif a > 0 {\n\tfmt.Println(a) // prints it\n}\n"
	for name, tc := range map[string]struct {
		text   string
		faults []string // how each begins
		fresh  string   // "" is text
	}{
		"no code":             {"# Title\n\ntext\n", nil, ""},
		"other languages":     {"```sh\nmake test\n```\n\n```\nplain\n```\n", nil, ""},
		"example":             {"<!-- example: p/example_test.go ExampleA -->\n```go\n" + bodyOfA + "```\n", nil, ""},
		"one line":            {"<!-- example: p/example_test.go ExampleB -->\n```go\nfmt.Println(\"b\") // Output: is not meant here\n```\n", nil, ""},
		"blank line between":  {"<!-- example: p/example_test.go ExampleA -->\n\n```go\n" + bodyOfA + "```\n", nil, ""},
		"file":                {"<!-- file: main.go -->\n```go\n" + string(repo["main.go"].Data) + "```\n", nil, ""},
		"region":              {"<!-- region: main.go send -->\n```go\nsend(ctx,\n\n\tevent)\n```\n", nil, ""},
		"in a list":           {"1. first\n   <!-- region: main.go send -->\n   ```go\n   send(ctx,\n\n   \tevent)\n   ```\n", nil, ""},
		"no marker":           {"```go\na := 1\n```\n", []string{"1: a go block needs a marker"}, ""},
		"no marker, golang":   {"```golang\na := 1\n```\n", []string{"1: a go block needs a marker"}, ""},
		"no marker, tildes":   {"~~~go\na := 1\n~~~\n", []string{"1: a go block needs a marker"}, ""},
		"marker used up":      {"<!-- region: main.go send -->\n```go\nsend(ctx,\n\n\tevent)\n```\n```go\nx\n```\n", []string{"7: a go block needs a marker"}, ""},
		"marker without code": {"<!-- file: main.go -->\ntext\n", []string{"2: no go block follows"}, ""},
		"marker at the end":   {"text\n<!-- file: main.go -->", []string{"2: no go block follows"}, ""},
		"marker before shell": {"<!-- file: main.go -->\n```sh\nls\n```\n", []string{"2: the block after the marker"}, ""},
		"no such file":        {"<!-- file: none.go -->\n```go\n```\n", []string{"2: open none.go"}, ""},
		"no such function":    {"<!-- example: p/example_test.go ExampleC -->\n```go\n```\n", []string{"2: p/example_test.go has no function ExampleC"}, ""},
		"no such region":      {"<!-- region: main.go sent -->\n```go\n```\n", []string{"2: main.go has no region sent"}, ""},
		"no name":             {"<!-- region: main.go -->\n```go\n```\n", []string{"2: the marker"}, ""},
		"no end":              {"<!-- region: main.go send -->\n```go\nsend(ctx,\n\n\tevent)", []string{"2: the block has no end"}, ""},
		"another block": {
			"<!-- region: main.go send -->\n```go\nsend(ctx)\n```\ntext\n",
			[]string{"2: the block is not the code"},
			"<!-- region: main.go send -->\n```go\nsend(ctx,\n\n\tevent)\n```\ntext\n",
		},
		"another block in a list": {
			"- <!-- no marker -->\n  <!-- region: main.go send -->\n  ```go\n  ```\n",
			[]string{"3: the block is not the code"},
			"- <!-- no marker -->\n  <!-- region: main.go send -->\n  ```go\n  send(ctx,\n\n  \tevent)\n  ```\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh, faults := copyBlocks(tc.text, repo)
			if !slices.EqualFunc(faults, tc.faults, strings.HasPrefix) {
				t.Errorf("faults %q, want %q", faults, tc.faults)
			}
			if tc.fresh == "" {
				tc.fresh = tc.text
			}
			if fresh != tc.fresh {
				t.Errorf("after the update:\n%s\nwant:\n%s", fresh, tc.fresh)
			}
		})
	}
}
