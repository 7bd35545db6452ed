// Package portal is what a host's customers see of their webhooks: pages on which
// they add endpoints, read what was delivered, and send it again, and the same as
// a JSON API for hosts that draw their own.
package portal
