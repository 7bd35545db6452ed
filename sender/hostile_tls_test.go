package sender_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority issues the certificates of the receivers, which trust it.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = a.sign(template, template, nil)
	a.pool.AddCert(a.cert)
	return a
}

func (a authority) sign(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// server is the config of a server at 127.0.0.1, after the changes.
func (a authority) server(change func(c *x509.Certificate, config *tls.Config)) *tls.Config {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	config := &tls.Config{}
	change(template, config)
	cert, key := a.sign(template, a.cert, a.key)
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
	return config
}

func (a authority) http2() *tls.Config {
	return a.server(func(_ *x509.Certificate, c *tls.Config) { c.NextProtos = []string{"h2"} })
}

// hostileTLS are receivers that agree to HTTP/1 over TLS, or to nothing.
func hostileTLS(a authority) map[string]hostile {
	fails := func(text string, change func(c *x509.Certificate, config *tls.Config)) hostile {
		return hostile{serve: answers(ok + "\r\n"), class: "tls", text: text, silent: true, tls: a.server(change)}
	}
	return map[string]hostile{
		"TLS, all is well": {serve: answers(ok + "\r\nhi"), status: 200, text: "hi", tls: a.server(plainTLS)},
		"TLS, expired": fails("expired", func(c *x509.Certificate, _ *tls.Config) {
			c.NotAfter = time.Now().Add(-time.Minute)
		}),
		"TLS, not yet valid": fails("not yet valid", func(c *x509.Certificate, _ *tls.Config) {
			c.NotBefore = time.Now().Add(30 * time.Minute)
		}),
		"TLS, another host":    fails("valid for", func(c *x509.Certificate, _ *tls.Config) { c.IPAddresses[0][15] = 2 }),
		"TLS, no host at all":  fails("SANs", func(c *x509.Certificate, _ *tls.Config) { c.IPAddresses = nil }),
		"TLS, not for servers": fails("incompatible key usage", func(c *x509.Certificate, _ *tls.Config) { c.ExtKeyUsage[0] = x509.ExtKeyUsageClientAuth }),
		"TLS, unknown authority": {
			serve: answers(ok + "\r\n"), class: "tls", text: "unknown authority", silent: true,
			tls: newAuthority(a.t).server(plainTLS),
		},
		"TLS 1.0": fails("protocol version", func(_ *x509.Certificate, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		}),
		"TLS 1.1": fails("protocol version", func(_ *x509.Certificate, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		}),
		"TLS, other protocol": fails("no application protocol", func(_ *x509.Certificate, c *tls.Config) { c.NextProtos = []string{"smtp"} }),
		"TLS 1.2, wants a certificate of the client": fails("remote error: tls", func(_ *x509.Certificate, c *tls.Config) {
			c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		}),
		"TLS 1.3, wants a certificate of the client": {
			// The client has finished its handshake when the alert comes.
			serve: (*visit).hang, class: "tls", or: "reset", text: "certificate required", silent: true,
			tls: a.server(func(_ *x509.Certificate, c *tls.Config) {
				c.ClientAuth = tls.RequireAnyClientCert
			}),
		},
		"TLS, HTTP instead":               {serve: func(v *visit) { v.say("HTTP/1.1 400 Bad Request\r\n\r\n"); v.hang() }, class: "tls", silent: true, https: true},
		"TLS, garbage instead":            {serve: func(v *visit) { v.say("lorem ipsum dolor sit amet"); v.hang() }, class: "tls", silent: true, https: true},
		"TLS, silence instead":            {serve: (*visit).deaf, class: "timeout", silent: true, https: true, within: byTimeout},
		"TLS, closed at hello":            {serve: func(*visit) {}, class: "tls", silent: true, https: true},
		"TLS, reset at hello":             {serve: (*visit).reset, class: "tls", or: "connect", silent: true, https: true},
		"TLS, alert at hello":             {serve: func(v *visit) { v.say("\x15\x03\x01\x00\x02\x02\x28"); v.hang() }, class: "tls", text: "handshake failure", silent: true, https: true},
		"TLS, endless record":             {serve: func(v *visit) { v.say("\x16\x03\x03\xff\xff"); v.flood("x") }, class: "tls", silent: true, https: true},
		"TLS, endless messages":           {serve: func(v *visit) { v.say("\x16\x03\x03\x40\x00\x02\xff\xff\xff"); v.flood("x") }, class: "tls", silent: true, https: true},
		"TLS, hello that drips":           {serve: func(v *visit) { v.say("\x16\x03\x03\x40\x00\x02\x00\x20\x00"); v.drip("x") }, class: "timeout", silent: true, https: true, within: byTimeout},
		"TLS, closed after the handshake": {serve: func(*visit) {}, class: "reset", silent: true, tls: a.server(plainTLS)},
		"TLS, garbage after the handshake": {
			serve: func(v *visit) { v.request(); _, _ = v.Conn.(*tls.Conn).NetConn().Write([]byte("lorem ipsum dolor")) },
			class: "tls", tls: a.server(plainTLS),
		},
	}
}

func plainTLS(*x509.Certificate, *tls.Config) {}
