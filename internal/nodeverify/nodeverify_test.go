package nodeverify

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// What the verifiers of receiver.mjs answer.
const (
	bySvix             = "verified by svix 2.5.0"
	byStandardWebhooks = "verified by standardwebhooks 1.1.1"
	bySample           = "verified by the page's sample"
)

const (
	oldSecret    = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	newSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	jasperSecret = "your-webhook-secret"
)

// payloads are bodies whose bytes a receiver could mistake: beyond ASCII,
// spread over lines, escaped, with a number that loses by being read.
var payloads = map[string]string{
	"plain":   `{"jamId":"jam_1","type":"video"}`,
	"unicode": `{"title":"„Größe“ 🐞 – ünï"}`,
	"pretty":  "{\r\n  \"title\" : \"a\",\n\t\"b\" : 1.0 }\n\n",
	"escaped": `{"title":"\u00e9\/<&>","n":12345678901234567890}`,
	"large":   `{"title":"` + strings.Repeat("Größe", 100_000) + `"}`,
}

func TestVerifies(t *testing.T) {
	t.Parallel()
	n, e := startNode(t), startEngine(t)
	for _, tc := range []struct{ profile, verifier, want string }{
		{"webhook", "svix", bySvix},
		{"webhook", "standardwebhooks", byStandardWebhooks},
		{"jam", "svix", bySvix},
		{"jam", "standardwebhooks", byStandardWebhooks},
		{"both", "svix", bySvix},
		{"both", "standardwebhooks", byStandardWebhooks},
		{"jasper", "jasper", bySample},
	} {
		t.Run(tc.profile+" by "+tc.verifier, func(t *testing.T) {
			t.Parallel()
			url := n.endpoint(t, tc.verifier, "")
			endpoint := e.put(t, tc.profile, url)
			n.learn(t, url, tc.verifier, endpoint.Secrets[0].Value)
			for name, payload := range payloads {
				wantAnswer(t, name, e.send(t, endpoint, payload), http.StatusOK, tc.want)
			}
		})
	}
}

// During a rotation each request carries a signature of both secrets, so that
// a receiver who knows only one of them can verify it, whichever it is.
func TestVerifiesDuringARotation(t *testing.T) {
	t.Parallel()
	n, e := startNode(t), startEngine(t)
	for verifier, verified := range map[string]string{"svix": bySvix, "standardwebhooks": byStandardWebhooks} {
		t.Run(verifier, func(t *testing.T) {
			t.Parallel()
			url := n.endpoint(t, verifier, oldSecret)
			endpoint := e.put(t, "jam", url, oldSecret)
			wantAnswer(t, "before", e.send(t, endpoint, payloads["unicode"]), http.StatusOK, verified)

			endpoint = e.rotate(t, endpoint, time.Hour)
			wantAnswer(t, "receiver has the old secret", e.send(t, endpoint, payloads["unicode"]), http.StatusOK, verified)
			n.learn(t, url, verifier, endpoint.Secrets[0].Value)
			wantAnswer(t, "receiver has the new secret", e.send(t, endpoint, payloads["unicode"]), http.StatusOK, verified)

			endpoint = e.rotate(t, endpoint, 0)
			wantAnswer(t, "secret has ended", e.send(t, endpoint, payloads["unicode"]), http.StatusUnauthorized, "refused")
			n.learn(t, url, verifier, endpoint.Secrets[0].Value)
			wantAnswer(t, "after", e.send(t, endpoint, payloads["unicode"]), http.StatusOK, verified)
		})
	}
}

// The check can fail: another secret, and a header that is missing.
func TestRefuses(t *testing.T) {
	t.Parallel()
	n, e := startNode(t), startEngine(t)
	for _, tc := range []struct{ name, profile, verifier, sent, known, want string }{
		{"svix, wrong secret", "jam", "svix", newSecret, oldSecret, "svix 2.5.0 refused: No matching signature found"},
		{
			"standardwebhooks, wrong secret", "webhook", "standardwebhooks", newSecret, oldSecret,
			"standardwebhooks 1.1.1 refused: No matching signature found",
		},
		{"svix, no signature", "jasper", "svix", jasperSecret, oldSecret, "svix 2.5.0 refused: Missing required headers"},
		{"sample, wrong secret", "jasper", "jasper", jasperSecret, "another-webhook-secret", "the page's sample refused: Invalid signature"},
		{"sample, no signature", "jam", "jasper", newSecret, jasperSecret, "the page's sample refused: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			endpoint := e.put(t, tc.profile, n.endpoint(t, tc.verifier, tc.known), tc.sent)
			wantAnswer(t, tc.name, e.send(t, endpoint, payloads["plain"]), http.StatusUnauthorized, tc.want)
		})
	}
}

// A body that was changed on its way is refused, by one byte of white space
// that changes nothing for a reader of JSON.
func TestRefusesWhatWasChangedOnItsWay(t *testing.T) {
	t.Parallel()
	n, e := startNode(t), startEngine(t, func(c *sender.Config) { c.Transport = tampering{} })
	for _, tc := range []struct{ profile, verifier, secret string }{
		{"jam", "svix", newSecret},
		{"webhook", "standardwebhooks", newSecret},
		{"jasper", "jasper", jasperSecret},
	} {
		endpoint := e.put(t, tc.profile, n.endpoint(t, tc.verifier, tc.secret), tc.secret)
		wantAnswer(t, tc.verifier, e.send(t, endpoint, payloads["plain"]), http.StatusUnauthorized, "refused")
	}
}

// tampering adds a space to each body.
type tampering struct{}

func (tampering) RoundTrip(req *http.Request) (*http.Response, error) {
	changed := req.Clone(req.Context())
	changed.Body = io.NopCloser(io.MultiReader(req.Body, strings.NewReader(" ")))
	changed.ContentLength++
	return http.DefaultTransport.RoundTrip(changed)
}

// The commands that a user would try, as they are.
func TestExamples(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, tc := range []struct {
		name, example, verifier, known string
		secrets                        []string
	}{
		{"jam", "jam", "svix", newSecret, []string{newSecret}},
		{"jam, old secret known", "jam", "svix", oldSecret, []string{newSecret, oldSecret}},
		{"jam, new secret known", "jam", "standardwebhooks", newSecret, []string{newSecret, oldSecret}},
		{"jasper", "jasper", "jasper", jasperSecret, []string{jasperSecret}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"-allow-local", "-to", n.endpoint(t, tc.verifier, tc.known)}
			for _, secret := range tc.secrets {
				args = append(args, "-secret", secret)
			}
			runAccepted(t, build(t, tc.example), args...)
		})
	}
}

// build builds an example and returns the command.
func build(t *testing.T, example string) string {
	t.Helper()
	command := filepath.Join(t.TempDir(), example)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "../../examples/"+example).CombinedOutput()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", example, err, out)
	}
	return command
}

// runAccepted runs the command, whose first attempt must be accepted. If it is
// not, the command would go on for hours.
func runAccepted(t *testing.T, command string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.Contains(line, `"status":200`) {
		t.Errorf("first attempt %q, %v; want status 200", line, err)
		_ = cmd.Process.Kill()
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func wantAnswer(t *testing.T, name string, a store.Attempt, status int, body string) {
	t.Helper()
	if a.Status != status || !strings.Contains(string(a.ResponseBody), body) {
		t.Errorf("%s: answer %d %q (%s), want %d %q", name, a.Status, a.ResponseBody, a.Error, status, body)
	}
	if a.Succeeded != (status == http.StatusOK) {
		t.Errorf("%s: succeeded: %t", name, a.Succeeded)
	}
}
