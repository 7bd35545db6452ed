package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lossy is a TCP proxy whose network loses replies: of so many in a hundred,
// half are swallowed and their connection is broken, and half come after the
// client has given up waiting.
type lossy struct {
	to    string
	loss  float64
	delay time.Duration

	swallowed atomic.Int64
	delayed   atomic.Int64
}

// proxySummary is the proxy's last line.
const proxySummary = "%d replies swallowed, %d delayed"

// proxy is the role.
func proxy(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	var p lossy
	listen := flags.String("listen", "", "address")
	flags.StringVar(&p.to, "to", "", "address of the server")
	flags.Float64Var(&p.loss, "loss", 0.02, "share of the replies that are lost")
	flags.DurationVar(&p.delay, "delay", 5*time.Second, "of a reply that comes too late")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		client, err := listener.Accept()
		if ctx.Err() != nil {
			fmt.Fprintf(os.Stderr, proxySummary+"\n", p.swallowed.Load(), p.delayed.Load())
			return nil
		}
		if err != nil {
			return err
		}
		go p.serve(ctx, client) // until one side closes, or the process ends
	}
}

func (p *lossy) serve(ctx context.Context, client net.Conn) {
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", p.to)
	if err != nil {
		_ = client.Close()
		return
	}
	var done sync.WaitGroup
	shut := func() { _, _ = client.Close(), server.Close() }
	done.Go(func() {
		defer shut()
		_, _ = io.Copy(server, client) // it ends when either is closed
	})
	done.Go(func() {
		defer shut()
		_ = p.replies(ctx, client, server)
	})
	done.Wait()
}

var errSwallowed = errors.New("a reply was swallowed")

// replies copies from the server. What one read returns is taken for a reply: a
// client that is waiting for one has sent nothing else.
func (p *lossy) replies(ctx context.Context, client io.Writer, server io.Reader) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return err
		}
		switch luck := rand.Float64(); {
		case luck < p.loss/2:
			p.swallowed.Add(1)
			return errSwallowed
		case luck < p.loss:
			p.delayed.Add(1)
			pause(ctx, p.delay)
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return err
		}
	}
}
