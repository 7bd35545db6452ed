package docs_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A host that imports the sender gets these modules into its binary, and no
// other. An addition is a decision, not an accident. Versions are in go.mod.
func TestModulesThatTheSenderLinks(t *testing.T) {
	t.Parallel()
	const golden = "internal/docs/testdata/sender_modules.txt"
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./sender")
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	got = slices.Compact(got)

	if updating() {
		mustWrite(t, golden, strings.Join(got, "\n")+"\n")
	}
	want := strings.Fields(mustRead(t, golden))
	for _, module := range got {
		if !slices.Contains(want, module) {
			t.Errorf("sender now links %s", module)
		}
	}
	for _, module := range want {
		if !slices.Contains(got, module) {
			t.Errorf("sender no longer links %s", module)
		}
	}
	if t.Failed() {
		t.Logf("If that is meant, UPDATE_GOLDEN=1 go test ./internal/docs writes %s; say why in the commit.", golden)
	}
}
