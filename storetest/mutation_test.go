package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// mutant is a Store that breaks one rule, and the cases that must say so.
type mutant struct {
	name     string
	caughtBy []string
	newStore func() store.Store
	// says is part of what each failure reads.
	says string
}

func mutants() []mutant {
	return slices.Concat(
		fieldMutants(), valueMutants(), timeMutants(), writeMutants(),
		listMutants(), filterMutants(), dueMutants(), dueOfEndpointMutants(), tenantMutants(),
		copyMutants(), contextMutants(), concurrencyMutants(), optionalMutants(),
	)
}

// recorder is a reporter that remembers.
type recorder struct {
	t testing.TB

	mu       sync.Mutex
	failures []string
	skipped  bool
}

func (r *recorder) Helper() {}

func (r *recorder) Context() context.Context { return r.t.Context() }

func (r *recorder) Skip(...any) { r.skipped = true }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func find(t *testing.T, name string) testCase {
	t.Helper()
	for _, c := range cases() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no case %q", name)
	return testCase{}
}

func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		for _, name := range m.caughtBy {
			t.Run(m.name+" by "+name, func(t *testing.T) {
				t.Parallel()
				c := find(t, name)
				r := &recorder{t: t}
				c.exec(r, m.newStore(), patience)
				text := strings.Join(r.failures, "\n")
				switch {
				case text == "":
					t.Error("the case passes")
				case !strings.Contains(text, "rule: "+c.rule):
					t.Errorf("the failure does not name the rule:\n%s", text)
				case !strings.Contains(text, m.says):
					t.Errorf("the failure does not say %q:\n%s", m.says, text)
				}
			})
		}
	}
}

// TestEveryCaseCatchesSomething: a case that no mutant fails proves nothing.
func TestEveryCaseCatchesSomething(t *testing.T) {
	t.Parallel()
	caught, names := map[string]bool{}, map[string]bool{}
	for _, m := range mutants() {
		for _, name := range m.caughtBy {
			caught[name] = true
		}
	}
	for _, c := range cases() {
		if names[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		names[c.name] = true
		if !caught[c.name] {
			t.Errorf("no mutant is caught by %q", c.name)
		}
		if !strings.HasSuffix(c.rule, ".") {
			t.Errorf("the rule of %q is not a sentence: %q", c.name, c.rule)
		}
	}
	t.Logf("%d cases, %d mutants", len(cases()), len(mutants()))
}

func TestDeadlockFailsByName(t *testing.T) {
	t.Parallel()
	stuck := breakIt(func(b *broken, _ *memstore.Store) {
		b.getEvent = func(ctx context.Context, _, _ string) (store.Event, error) {
			<-ctx.Done()
			return store.Event{}, ctx.Err()
		}
	})()
	r := &recorder{t: t}
	find(t, "CreateEvent/EveryField").exec(r, stuck, 20*time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], "deadlocked?") || !strings.Contains(r.failures[0], "rule: ") {
		t.Errorf("got %q, want one failure that names the deadlock", r.failures)
	}
}

func TestPanicFailsByName(t *testing.T) {
	t.Parallel()
	panics := breakIt(func(b *broken, _ *memstore.Store) {
		b.getEvent = func(context.Context, string, string) (store.Event, error) { panic("out of order") }
	})()
	r := &recorder{t: t}
	find(t, "CreateEvent/EveryField").exec(r, panics, patience)
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], "panic: out of order") {
		t.Errorf("got %q, want one failure that shows the panic", r.failures)
	}
}

func TestSkipsWhatIsNotClaimed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"LoadJob/EqualsGets", "Stats/Empty", "RollStats/Once", "Purge/Removes", "CountDeliveries/Most"} {
		r := &recorder{t: t}
		find(t, name).exec(r, base{memstore.New()}, patience)
		if !r.skipped || len(r.failures) > 0 {
			t.Errorf("%s: skipped is %t, failures are %q", name, r.skipped, r.failures)
		}
	}
}

// leaf is a field of a type, at any depth, and how to lose it.
type leaf struct {
	path string
	lose func(v reflect.Value)
}

func leaves(path string, t reflect.Type) []leaf {
	lose := []leaf{{path, reflect.Value.SetZero}}
	switch {
	case t == timeType:
	case t.Kind() == reflect.Struct:
		lose = nil
		for i := range t.NumField() {
			for _, l := range leaves(path+"."+t.Field(i).Name, t.Field(i).Type) {
				lose = append(lose, leaf{l.path, func(v reflect.Value) { l.lose(v.Field(i)) }})
			}
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		for _, l := range leaves("]", t.Elem()) {
			lose = append(lose, leaf{path + "[0" + l.path, func(v reflect.Value) {
				for i := range v.Len() {
					l.lose(v.Index(i))
				}
			}})
		}
	}
	return lose
}

func loseIn[T any](l leaf, v *T) { l.lose(reflect.ValueOf(v).Elem()) }

// fieldMutants lose one field each: every one, in every method that reads it.
func fieldMutants() []mutant {
	var all []mutant
	add := func(l leaf, method string, r reads, caughtBy ...string) {
		says := l.path[strings.Index(l.path, "."):]
		if l.path == "Endpoint.ID" && method == "ListEndpoints" || l.path == "Delivery.ID" && method == "ListDue" {
			says = "is missing" // without its ID a record cannot be found
		}
		all = append(all, mutant{method + " loses " + l.path, caughtBy, breakReads(r), says})
	}
	for _, l := range leaves("Endpoint", reflect.TypeFor[store.Endpoint]()) {
		for _, method := range []string{"GetEndpoint", "ListEndpoints"} {
			r := reads{endpoint: func(m string, e *store.Endpoint) {
				if m == method {
					loseIn(l, e)
				}
			}}
			add(l, method, r, "PutEndpoint/EveryField", "PutEndpoint/EveryFieldReplaced")
		}
	}
	for _, l := range leaves("Event", reflect.TypeFor[store.Event]()) {
		add(l, "GetEvent", reads{event: func(_ string, e *store.Event) { loseIn(l, e) }}, "CreateEvent/EveryField")
	}
	for _, l := range leaves("Delivery", reflect.TypeFor[store.Delivery]()) {
		for _, method := range []string{"GetDelivery", "ListDeliveries", "ListDue"} {
			r := reads{delivery: func(m string, d *store.Delivery) {
				if m == method {
					loseIn(l, d)
				}
			}}
			caughtBy := []string{"UpdateDelivery/EveryField", "CreateEvent/EveryDeliveryField"}
			if method == "ListDue" {
				caughtBy = caughtBy[:1] // the other writes deliveries that have ended
			}
			add(l, method, r, caughtBy...)
		}
	}
	for _, l := range leaves("Attempt", reflect.TypeFor[store.Attempt]()) {
		add(l, "ListAttempts", reads{attempt: func(_ string, a *store.Attempt) { loseIn(l, a) }},
			"UpdateDelivery/EveryAttemptField")
	}
	return all
}
