package sender

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// The bounds of what a caller may give.
const (
	maxID          = 128
	maxTenant      = 256
	maxType        = 128
	maxURL         = 2048
	maxEventTypes  = 100
	maxHeaders     = 50
	maxHeaderName  = 256
	maxHeaderValue = 4096
	maxHeaderBytes = 16 << 10 // names and values: few servers take more, and each list of endpoints reads them
	maxSecrets     = 10
	maxText        = 1024
)

const (
	textBound        = "at most 1024 bytes of UTF-8 without NUL"
	idBound          = "1 to 128 printable ASCII characters, without a space and without a '.'"
	tenantBound      = "1 to 256 bytes of UTF-8 without control characters, and not \"*\""
	typeBound        = "1 to 128 characters: words of letters, digits, '_' and '-', joined by '.'"
	headerNameBound  = "a header name of at most 256 characters (RFC 9110, 5.1)"
	headerValueBound = "1 to 4096 bytes of UTF-8 without control characters (RFC 9110, 5.5)"
)

// validID: the id is part of what is signed, where a '.' ends it (Standard
// Webhooks, "Signature scheme"), and it is the value of a header.
func validID(id string) bool {
	return within(len(id), 1, maxID) && !strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '.'
	})
}

func validTenant(tenant string) bool {
	return within(len(tenant), 1, maxTenant) && tenant != store.AllTenants &&
		utf8.ValidString(tenant) && !strings.ContainsFunc(tenant, unicode.IsControl)
}

// checkTenant asks a Store that knows the host's tenants.
func checkTenant(ctx context.Context, s store.Store, field, tenant string) error {
	err := store.CheckTenant(ctx, s, tenant)
	if errors.Is(err, store.ErrNotFound) {
		unknown := &FieldError{Field: field, Problem: fmt.Sprintf("is %q", tenant), Bound: "a tenant that the Store knows"}
		return fmt.Errorf("%w: %w", unknown, err)
	}
	if err != nil {
		return fmt.Errorf("tenant %q: %w", tenant, err)
	}
	return nil
}

// validName reports whether name is of letters, digits, '_' and '-'.
func validName(name string, most int) bool {
	return within(len(name), 1, most) && !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
	})
}

func nameBound(most int) string {
	return fmt.Sprintf("1 to %d letters, digits, '_' and '-'", most)
}

// validType: hierarchical, dot-delimited (Standard Webhooks, "Event types");
// '-' is allowed beside the characters of the specification.
func validType(eventType string) bool {
	if len(eventType) > maxType {
		return false
	}
	for word := range strings.SplitSeq(eventType, ".") {
		if !validName(word, maxType) {
			return false
		}
	}
	return true
}

// validPattern reports whether pattern is a type, a category ("review.*") or
// everything ("*").
func validPattern(pattern string) bool {
	category, ok := strings.CutSuffix(pattern, ".*")
	return pattern == "*" || ok && validType(category) || validType(pattern)
}

// validText: a database keeps no other strings.
func validText(text string) bool {
	return len(text) <= maxText && utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

func validHeaderName(name string) bool {
	return within(len(name), 1, maxHeaderName) && !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func validHeaderValue(value string) bool {
	return within(len(value), 1, maxHeaderValue) && utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool {
		return r < ' ' && r != '\t' || r == 0x7f
	})
}

// protocolHeaders are set by HTTP or by Outhook itself.
var protocolHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host",
	"Keep-Alive", hopsHeader, "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// protocolHeader reports whether name is never free. The names of Standard
// Webhooks are reserved under every scheme: a receiver trusts them. To receivers
// that get headers as variables (RFC 3875, 4.1.18) '_' is '-'.
func protocolHeader(name string) bool {
	name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	return slices.Contains(protocolHeaders, name) ||
		strings.HasPrefix(name, "Webhook-") || strings.HasPrefix(name, "Svix-")
}

func schemeHeader(scheme signing.Scheme, name string) bool {
	return slices.ContainsFunc(scheme.HeaderNames(), func(set string) bool {
		return strings.EqualFold(set, name)
	})
}

// reserved reports whether the profile sets the header.
func (p Profile) reserved(name string) bool {
	return schemeHeader(p.Signing, name) ||
		p.IDHeader != "" && strings.EqualFold(name, p.IDHeader) ||
		p.TypeHeader != "" && strings.EqualFold(name, p.TypeHeader)
}

// validate reports every fault of the event at once.
func (e Event) validate(c Config) error {
	var f faults
	f.check(e.ID == "" || validID(e.ID), "Event.ID", fmt.Sprintf("%q", e.ID), idBound)
	f.check(validTenant(e.Tenant), "Event.Tenant", fmt.Sprintf("%q", e.Tenant), tenantBound)
	f.check(validType(e.Type), "Event.Type", fmt.Sprintf("%q", e.Type), typeBound)
	if validType(e.Type) && c.refuses(e.Type) {
		f.add("Event.Type", fmt.Sprintf("is %q", e.Type), "a type in Config.Events (Config.RefuseUnknownEvents)")
	}
	f.check(within(len(e.Payload), 1, c.MaxPayload), "Event.Payload", fmt.Sprintf("%d bytes", len(e.Payload)),
		fmt.Sprintf("1 to %d bytes (Config.MaxPayload)", c.MaxPayload))
	f.check(e.ContentType == "" || validHeaderValue(e.ContentType), "Event.ContentType",
		fmt.Sprintf("%q", e.ContentType), headerValueBound)
	if !within(e.Hops, 0, c.MaxHops) {
		err := error(&FieldError{
			Field: "Event.Hops", Problem: fmt.Sprintf("is %d", e.Hops), Bound: fmt.Sprintf("0 to %d (Config.MaxHops)", c.MaxHops),
		})
		if e.Hops > c.MaxHops {
			err = fmt.Errorf("%w: %w", ErrTooManyHops, err)
		}
		f = append(f, err)
	}
	return f.err()
}

// validateEndpoint reports every fault of the endpoint at once.
func (c Config) validateEndpoint(e store.Endpoint) error {
	var f faults
	f.check(validID(e.ID), "Endpoint.ID", fmt.Sprintf("%q", e.ID), idBound)
	f.check(validTenant(e.Tenant), "Endpoint.Tenant", fmt.Sprintf("%q", e.Tenant), tenantBound)
	c.validateURL(&f, e.URL)
	f.check(validText(e.Description), "Endpoint.Description", fmt.Sprintf("%d bytes", len(e.Description)), textBound)
	f.check(validText(e.DisabledReason), "Endpoint.DisabledReason", fmt.Sprintf("%d bytes", len(e.DisabledReason)), textBound)
	f.check(len(e.EventTypes) <= maxEventTypes, "Endpoint.EventTypes",
		fmt.Sprintf("%d patterns", len(e.EventTypes)), fmt.Sprintf("at most %d", maxEventTypes))
	for i, pattern := range e.EventTypes[:min(len(e.EventTypes), maxEventTypes)] { // as many faults are enough
		f.check(validPattern(pattern), fmt.Sprintf("Endpoint.EventTypes[%d]", i), fmt.Sprintf("%q", pattern),
			"an event type, a category such as \"review.*\", or \"*\"")
	}
	f.check(e.Timeout == 0 || within(e.Timeout, minTimeout, MaxTimeout), "Endpoint.Timeout", e.Timeout,
		"0 for the profile's, or 100ms to 1m0s")
	validateRate(&f, "Endpoint.RateLimit", e.RateLimit)
	profile, ok := c.profile(e)
	if !ok {
		f.add("Endpoint.Profile", fmt.Sprintf("is %q", e.Profile), "empty, or the name of a profile in Config.Profiles")
	}
	validateHeaders(&f, e.Headers, func(name string) bool { return ok && profile.reserved(name) })
	if ok {
		profile.validateSecrets(&f, e.Secrets)
	}
	return f.err()
}

func (p Profile) validateSecrets(f *faults, secrets []store.Secret) {
	f.check(within(len(secrets), 1, maxSecrets), "Endpoint.Secrets", fmt.Sprintf("%d secrets", len(secrets)),
		fmt.Sprintf("1 to %d", maxSecrets))
	values := make([]string, len(secrets))
	usable := true
	for i, secret := range secrets {
		values[i] = secret.Value
		if err := p.Signing.CheckSecret(secret.Value); err != nil {
			usable = false
			f.add(fmt.Sprintf("Endpoint.Secrets[%d]", i), "is not usable ("+hide(err.Error(), secret.Value)+")",
				"a secret of the profile's signing scheme")
		}
	}
	if len(secrets) == 0 || !usable {
		return
	}
	if err := signing.CheckSecrets(p.Signing, values); err != nil {
		f.add("Endpoint.Secrets", "are not usable together ("+hide(err.Error(), values...)+")",
			"what the profile's signing scheme needs")
	}
}

func validateHeaders(f *faults, header http.Header, reserved func(name string) bool) {
	values, size := 0, 0
	for name, of := range header {
		values += len(of)
		size += len(name)
		for _, value := range of {
			size += len(value)
		}
	}
	f.check(values <= maxHeaders, "Endpoint.Headers", fmt.Sprintf("%d headers", values),
		fmt.Sprintf("at most %d", maxHeaders))
	f.check(size <= maxHeaderBytes, "Endpoint.Headers", fmt.Sprintf("%d bytes of names and values", size),
		fmt.Sprintf("at most %d", maxHeaderBytes))
	names := slices.Sorted(maps.Keys(header))
	for _, name := range names[:min(len(names), maxHeaders)] {
		field := fmt.Sprintf("Endpoint.Headers[%s]", clean(name, maxHeaderName))
		switch {
		case !validHeaderName(name):
			f.add(field, "is no header name", headerNameBound)
		case protocolHeader(name) || reserved(name):
			f.add(field, "is reserved", "a header that neither HTTP nor the profile sets")
		case len(header[name]) == 0 || !all(header[name], validHeaderValue):
			f.add(field, "has a value that cannot be sent", headerValueBound)
		}
	}
}

func all[T any](items []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !ok(item) })
}
