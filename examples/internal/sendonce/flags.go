package sendonce

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/sender"
)

// options are the flags.
type options struct {
	to         []string
	secrets    []string
	event      string
	data       string
	redis      string
	allowLocal bool
	timeout    time.Duration
}

// parse reads the flags. The help that -h asks for goes to out.
func parse(p Product, args []string, out io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is reported by the caller
	fs.Func("to", "`URL` to send to; repeat it for several, each of them an endpoint of its own", appendTo(&o.to))
	fs.Func("secret", "`secret` to sign with; repeat it during a rotation, the newest first (default: a new one, shown on stderr)",
		appendTo(&o.secrets))
	fs.StringVar(&o.event, "event", p.Examples[0].Type, "`type` of the event: "+strings.Join(types(p), ", "))
	fs.StringVar(&o.data, "data", "", "`file` to send byte for byte, - for stdin (default: an example of the event with every field)")
	fs.StringVar(&o.redis, "redis", "", "`URL` of a Redis, such as redis://localhost:6379/0 (default: one inside the process)")
	fs.BoolVar(&o.allowLocal, "allow-local", false, "permit http URLs, this machine and private networks")
	fs.DurationVar(&o.timeout, "timeout", 0,
		fmt.Sprintf("of one attempt, 100ms to %s (default: that of the product, %s)", sender.MaxTimeout, p.Profile.Timeout))
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(out)
		fmt.Fprintf(out, "Usage: %s -to URL [flags]\n\n", p.Name)
		fs.PrintDefaults()
		return options{}, err
	case err != nil:
		return options{}, usage("%w", err)
	}
	return o, o.check(p, fs)
}

func appendTo(values *[]string) func(string) error {
	return func(value string) error {
		*values = append(*values, value)
		return nil
	}
}

// check finds what sender cannot.
func (o options) check(p Product, fs *flag.FlagSet) error {
	var errs []error
	if len(o.to) == 0 {
		errs = append(errs, errors.New("-to is missing, must be given at least once"))
	}
	if !slices.Contains(types(p), o.event) {
		errs = append(errs, fmt.Errorf("-event is %q, must be one of: %s", o.event, strings.Join(types(p), ", ")))
	}
	if fs.NArg() > 0 {
		errs = append(errs, fmt.Errorf("%q is not a flag: all arguments must be", fs.Arg(0)))
	}
	if len(errs) > 0 {
		return usage("%w", errors.Join(errs...))
	}
	return nil
}

func types(p Product) []string {
	names := make([]string, len(p.Examples))
	for i, e := range p.Examples {
		names[i] = e.Type
	}
	return names
}

// newEvent returns the example of the event's type, with the payload that
// -data names.
func (o options) newEvent(p Product, stdin io.Reader) (sender.Event, error) {
	event := p.Examples[slices.Index(types(p), o.event)]
	var err error
	switch o.data {
	case "":
	case "-":
		event.Payload, err = io.ReadAll(stdin)
	default:
		event.Payload, err = os.ReadFile(o.data)
	}
	if err != nil {
		return sender.Event{}, usage("-data cannot be read: %w", err)
	}
	return event, nil
}
