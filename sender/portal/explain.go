package portal

import (
	"fmt"
	"net/http"

	"github.com/outhook/outhook/store"
)

// explain says why an attempt or a delivery has not succeeded, in plain words for
// whoever runs the receiving server, and what to do.
func explain(class store.ErrorClass, status int) string {
	switch class {
	case "":
		return ""
	case store.ErrorDNS:
		return "The host name of the URL could not be resolved. Check the spelling, and that the name has a public DNS record."
	case store.ErrorConnect:
		return "No connection could be made. Check that the server is running and that its firewall lets requests from outside in."
	case store.ErrorTLS:
		return "No secure connection could be made. Check that the server speaks TLS on this port, and that its certificate has not expired, is for this host name, and comes with its whole chain."
	case store.ErrorTimeout:
		return "No whole answer came in time. Answer as soon as the request has arrived, and do the work afterwards."
	case store.ErrorBlocked:
		return "The URL leads to an address that requests must not go to, such as one in a private network. Use a public address."
	case store.ErrorReset:
		return "The connection broke off before the whole answer had come. The server, or a proxy in front of it, may have been restarted or may limit the size of requests."
	case store.ErrorProtocol:
		return "What came back could not be read as HTTP. Check that an HTTP server listens on this port."
	case store.ErrorStatus:
		return explainStatus(status)
	case store.ErrorSigning, store.ErrorConfig, store.ErrorPanic:
		return "The request could not be made: something is wrong with how webhooks are set up on our side. Your server was not asked."
	case store.ErrorEndpoint:
		return "It was canceled without an attempt: its endpoint was disabled or deleted, or its payload is no longer kept."
	case store.ErrorOther:
	}
	return "Something went wrong that has no name here. The text of the error says more."
}

func explainStatus(status int) string {
	switch {
	case status == http.StatusGone:
		return "Your server answered 410 Gone, which says that it wants no more: the endpoint was disabled. Enable it once the server takes webhooks again."
	case status >= 300 && status < 400:
		return fmt.Sprintf("Your server answered %s. Redirects are not followed: change the URL to the one that it leads to.", statusText(status))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Sprintf("Your server answered %s. Check that it verifies with the current signing secret and needs no login.", statusText(status))
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return fmt.Sprintf("Your server answered %s. Check the path of the URL, and that it takes POST requests.", statusText(status))
	case status == http.StatusRequestEntityTooLarge:
		return "Your server answered 413: it takes no requests of this size. Raise its limit."
	case status == http.StatusTooManyRequests:
		return "Your server answered 429 Too Many Requests. Requests pause for a while; to keep them slower, set a rate limit for the endpoint."
	case status >= 500:
		return fmt.Sprintf("Your server answered %s: it failed. Its logs should say why.", statusText(status))
	}
	return fmt.Sprintf("Your server answered %s. Only answers from 200 to 299 count as received.", statusText(status))
}
