package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const maxSenderNames = 50

func TestEveryPackageHasAComment(t *testing.T) {
	t.Parallel()
	for dir, names := range packages(t) {
		var commented []string
		for _, name := range names {
			if _, file := mustParse(t, name, mustRead(t, name)); file.Doc.Text() != "" {
				commented = append(commented, name)
			}
		}
		if len(commented) != 1 {
			t.Errorf("%s: package comments in %q, want exactly one", dir, commented)
		}
	}
}

func TestEveryExportedNameHasAComment(t *testing.T) {
	t.Parallel()
	for dir, names := range packages(t) {
		if !public(dir) {
			continue
		}
		for _, name := range names {
			for _, fault := range uncommented(mustParse(t, name, mustRead(t, name))) {
				t.Errorf("%s:%s", name, fault)
			}
		}
	}
}

// A package with a few names is read, one with many is searched.
func TestSenderIsSmall(t *testing.T) {
	t.Parallel()
	var exported []string
	for _, name := range packages(t)["sender"] {
		_, file := mustParse(t, name, mustRead(t, name))
		exported = append(exported, topLevelNames(file)...)
	}
	slices.Sort(exported)
	t.Logf("sender exports %d names: %s", len(exported), strings.Join(exported, " "))
	if len(exported) == 0 || len(exported) > maxSenderNames {
		t.Errorf("sender exports %d names, want 1 to %d: %s", len(exported), maxSenderNames, strings.Join(exported, " "))
	}
}

var homePath = regexp.MustCompile(`(^|[^\w/.])/(root|home/\w+|Users/\w+)/`)

// What names a directory of its author works for nobody else.
func TestNoPathsOfOneMachine(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, ".go", ".md", ".yaml", ".yml", ".sh", ".mod", ".json", ".txt") {
		for i, line := range strings.Split(mustRead(t, name), "\n") {
			if path := homePath.FindString(line); path != "" {
				t.Errorf("%s:%d: names %q, a directory of one machine", name, i+1, path)
			}
		}
	}
}

var relativeLink = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, ".md") {
		for _, link := range relativeLink.FindAllStringSubmatch(mustRead(t, name), -1) {
			if !exists(path.Join(path.Dir(name), link[1])) {
				t.Errorf("%s links to %s, which is not there", name, link[1])
			}
		}
	}
}

// public reports whether the package in dir is for users.
func public(dir string) bool {
	top, _, _ := strings.Cut(dir, "/")
	return top != "." && top != "examples" && !strings.Contains("/"+dir+"/", "/internal/")
}

// uncommented returns the exported names of the file that nothing is said about.
func uncommented(fset *token.FileSet, file *ast.File) []string {
	var faults []string
	report := func(name *ast.Ident, kind string) {
		faults = append(faults, fmt.Sprintf("%d: %s %s has no comment", fset.Position(name.Pos()).Line, kind, name.Name))
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && !wellKnown(d) && exportedReceiver(d) && d.Doc == nil {
				report(d.Name, "func")
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					uncommentedValues(d, s, report)
				case *ast.TypeSpec:
					uncommentedType(fset, d, s, report)
				}
			}
		}
	}
	return faults
}

// uncommentedValues takes the comment of a group as one of all its members.
func uncommentedValues(d *ast.GenDecl, s *ast.ValueSpec, report func(name *ast.Ident, kind string)) {
	for _, name := range s.Names {
		if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
			report(name, d.Tok.String())
		}
	}
}

func uncommentedType(fset *token.FileSet, d *ast.GenDecl, s *ast.TypeSpec, report func(name *ast.Ident, kind string)) {
	if !s.Name.IsExported() {
		return
	}
	if s.Doc == nil && d.Doc == nil {
		report(s.Name, "type")
	}
	switch typ := s.Type.(type) {
	case *ast.InterfaceType:
		uncommentedFields(fset, typ.Methods.List, report)
	case *ast.StructType:
		uncommentedFields(fset, typ.Fields.List, report)
	}
}

// uncommentedFields lets a comment speak for the lines that follow it without
// an empty line between. Where no field or method has a comment, it takes that
// of the type as enough.
func uncommentedFields(fset *token.FileSet, fields []*ast.Field, report func(name *ast.Ident, kind string)) {
	commented := func(f *ast.Field) bool { return f.Doc != nil || f.Comment != nil }
	if !slices.ContainsFunc(fields, commented) {
		return
	}
	spokenFor, lastLine := false, 0
	for _, field := range fields {
		line := fset.Position(field.Pos()).Line
		spokenFor = commented(field) || spokenFor && line == lastLine+1
		lastLine = fset.Position(field.End()).Line
		for _, name := range field.Names {
			if name.IsExported() && !spokenFor {
				report(name, "field or method")
			}
		}
	}
}

// wellKnown reports whether everybody knows what the method does.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String"}, d.Name.Name)
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	var typeName *ast.Ident // the first in *T and in T[K]
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && typeName == nil {
			typeName = name
		}
		return true
	})
	return typeName.IsExported()
}

func topLevelNames(file *ast.File) []string {
	var names []string
	add := func(name *ast.Ident) {
		if name.IsExported() {
			names = append(names, name.Name)
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					add(s.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						add(name)
					}
				}
			}
		}
	}
	return names
}

func mustParse(t *testing.T, name, text string) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return fset, file
}

// The checker itself.
func TestUncommented(t *testing.T) {
	t.Parallel()
	fset, file := mustParse(t, "p.go", `package p

// The bounds.
const (
	Min = 1
	Max = 2
)

const Alone = 3

var (
	// ErrA is one.
	ErrA = 1
	ErrB = 2
	errC = 3
	ErrD = 4 // is another
)

// Func has one.
func Func() {}

func Bare() {}

func bare() {}

type T struct {
	Zero int

	// A and B are good.
	A int
	B int

	C int
	d int
	E int // is good
}

func (t *T) Method() {}

func (t *T) String() string { return "" }

// One says all.
type One interface{ Do() }

func (t *hidden[K]) Method() {}

// I is an interface.
type I interface {
	Do()
	// Done is good.
	Done()

	Undo()
}

type hidden[K any] struct{ Open K }
`)
	want := []string{
		"const Alone", "var ErrB", "func Bare", "type T ", "method Zero", "method C ", "func Method", "method Do ", "method Undo ",
	}
	got := uncommented(fset, file)
	if !slices.EqualFunc(got, want, strings.Contains) {
		t.Errorf("uncommented: %q, want %q", got, want)
	}
	names := topLevelNames(file)
	if want := []string{"Min", "Max", "Alone", "ErrA", "ErrB", "ErrD", "Func", "Bare", "T", "One", "I"}; !slices.Equal(names, want) {
		t.Errorf("top-level names: %q, want %q", names, want)
	}
}
