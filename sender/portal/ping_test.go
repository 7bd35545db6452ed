package portal

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A tenant's tests are bounded, those that hang too; another tenant's are not held up.
func TestTestsAreBounded(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hang") {
			arrived <- struct{}{}
			<-leave
		}
	}))
	t.Cleanup(receiver.Close)
	f := newAPI(t)
	hanging := "/endpoints/" + addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL+`/hang"}`).ID + "/test"
	statuses := make(chan int, maxTests)
	for range maxTests {
		go func() {
			a, err := f.try(t.Context(), "POST", hanging, "", "")
			if err != nil {
				t.Error(err)
			}
			statuses <- a.status
		}()
		<-arrived
	}
	if a := f.do(t, "POST", hanging, ""); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("one more is answered %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	other := f.as("other", All)
	quick := "/endpoints/" + addEndpoint(t, other, `{"url":"`+receiver.URL+`"}`).ID + "/test"
	if a := other.do(t, "POST", quick, ""); a.status != http.StatusOK {
		t.Errorf("another tenant's is answered %d", a.status)
	}
	close(leave)
	for range maxTests {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("one of those that hung is answered %d", status)
		}
	}
	go func() { <-arrived }()
	if a := f.do(t, "POST", hanging, ""); a.status != http.StatusOK {
		t.Errorf("after they have ended one is answered %d", a.status)
	}
}
