// Receiver is a customer's server, for trying the service beside it: it prints
// each webhook that it gets, and accepts those that are genuine. It needs
// nothing running. From the root of the repository:
//
//	go -C examples/service run ./receiver -secret whsec_…
//
//	-listen ADDR  where it listens. Defaults to 127.0.0.1:9000
//	-secret S     the endpoint's secret, for endpoints without a profile.
//	              Defaults to none: every request is accepted
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/outhook/outhook/signing"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "`address` where it listens")
	secret := flag.String("secret", "", "`secret` of the endpoint; without one every request is accepted")
	flag.Parse()
	server := &http.Server{Addr: *listen, Handler: receive(*secret), ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func receive(secret string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		genuine := "not checked"
		if secret != "" {
			err := signing.Verify(signing.StandardWebhooks(), r.Header, body, []string{secret}, signing.VerifyOptions{})
			if err != nil {
				fmt.Printf("REFUSED %s: %v\n", r.Header.Get("webhook-id"), err)
				http.Error(w, "not authenticated", http.StatusUnauthorized)
				return
			}
			genuine = "genuine"
		}
		fmt.Printf("received %s (%s): %s\n", r.Header.Get("webhook-id"), genuine, body)
		w.WriteHeader(http.StatusNoContent)
	})
}
