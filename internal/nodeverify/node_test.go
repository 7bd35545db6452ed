package nodeverify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
)

// node is a running testdata/receiver.mjs.
type node struct {
	url       string
	endpoints atomic.Int32
}

// startNode starts a receiver. It ends with the test.
func startNode(t *testing.T) *node {
	t.Helper()
	testenv.RequireNode(t, "testdata")
	cmd := exec.CommandContext(t.Context(), "node", "receiver.mjs")
	cmd.Dir = "testdata"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // ends it, if the test's context has not
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("receiver.mjs did not start: %v\n%s", err, &stderr)
	}
	return &node{url: "http://127.0.0.1:" + strings.TrimSpace(port)}
}

// endpoint returns a URL at which a verifier of receiver.mjs knows a secret.
func (n *node) endpoint(t *testing.T, verifier, secret string) string {
	t.Helper()
	url := n.url + "/" + strconv.Itoa(int(n.endpoints.Add(1)))
	n.learn(t, url, verifier, secret)
	return url
}

// learn changes what is known at a URL.
func (n *node) learn(t *testing.T, url, verifier, secret string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"verify": verifier, "secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("PUT %s: %s", url, res.Status)
	}
}
