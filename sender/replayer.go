package sender

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/outhook/outhook/store"
)

const (
	// replayBatch is how many deliveries of a bulk replay are made pending again
	// before another one has its turn, and replayTimeout bounds how long that takes,
	// and each write.
	replayBatch   = 100
	replayTimeout = 5 * time.Second
	// replayLook is how often replays are looked for that nobody works on.
	replayLook = time.Second
	// replayHold is how long a replay stays with the process that works on it, from
	// its last write on: longer than a batch and its write may take after a sign of
	// life, which is at most a third of it old.
	replayHold = countTimeout + 2*replayTimeout
	// ownReplays is how many a process works on at once, so that each has its turn
	// within the replayHold. One that waits is let go after the replayShare if there
	// are more: as many as a process has may wait for days.
	ownReplays  = 32
	replayShare = replayPatience + replayLag
)

var errPanic = errors.New("the store panicked")

// replayer carries out the bulk replays that are in the Store. Each is worked on by
// one process, which takes it by compare-and-swap and writes after every batch how
// far it has come. Another takes over that has seen it write nothing for the
// replayHold; at once if it has let go.
type replayer struct {
	*client
	replays store.ReplayStore
	looked  time.Time
	cursor  string // of the list of those that are running
	own     []*ownReplay
	// seen are those of others that the list has shown, and before those that it
	// showed when it was last gone through.
	seen, before map[replayKey]sighting
}

type replayKey struct{ tenant, id string }

// sighting is since when a replay has been seen at a version.
type sighting struct {
	version int64
	at      time.Time
}

// ownReplay is a replay that this process works on.
type ownReplay struct {
	store.Replay
	taken   time.Time
	saved   time.Time // when it was written
	stuck   bool      // it had to wait, or has failed, when it last had its turn
	unsaved bool      // Replay has what was not written yet
	gone    bool      // it has ended, or another process has it
	// again are those that were replayed behind the Cursor, before an error, and when
	// they were created: when they end they may match again.
	again map[string]time.Time
	doubt *store.Delivery // as it was before an error that says not whether it was replayed
	pace
}

// run works until ctx is done, then finishes the batch in hand, and lets go.
func (r *replayer) run(ctx context.Context) {
	var ok bool
	if r.replays, ok = store.As[store.ReplayStore](r.cfg.Store); !ok {
		return
	}
	for {
		wait, err := replayLook, error(nil)
		r.guard("Replayer", func() { wait, err = r.round(ctx) })
		if err != nil && ctx.Err() == nil {
			r.log.Warn("Replayer: Could not go on with a bulk replay; tried again", "error", err)
		}
		if !rest(ctx, wait) {
			break
		}
	}
	r.guard("Replayer", func() { r.leave(context.WithoutCancel(ctx)) })
}

// leave lets go of all that this process works on, so that the next one need not
// wait for the replayHold.
func (r *replayer) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, min(replayTimeout, r.cfg.ShutdownTimeout))
	defer cancel()
	for _, o := range r.own {
		var err error
		if o.unsaved {
			err = r.write(ctx, o)
		}
		if err == nil && !o.gone && o.doubt == nil { // else the next one has to count
			o.UpdatedAt = o.CreatedAt
			err = r.write(ctx, o)
		}
		if err != nil {
			r.log.Warn("Replayer: Could not let go of a bulk replay; another process goes on with it later", "replay", o.ID, "error", err)
			return // the Store is down
		}
	}
}

// round gives each replay its turn, and returns how long to wait before the next.
func (r *replayer) round(ctx context.Context) (wait time.Duration, err error) {
	if time.Since(r.looked) >= replayLook {
		r.looked = time.Now()
		err = r.call(func() error { return r.look(ctx) })
	}
	wait = replayLook - time.Since(r.looked)
	for _, o := range r.own {
		if ctx.Err() != nil {
			return 0, err
		}
		if pause := time.Until(o.until); pause > 0 {
			wait = min(wait, pause)
			continue
		}
		if failed := r.call(func() error { return r.turn(ctx, o) }); failed != nil {
			o.pause(replayLook)
			err = failed
		}
		wait = min(wait, max(0, time.Until(o.until)))
	}
	r.own = slices.DeleteFunc(r.own, func(o *ownReplay) bool { return o.gone })
	return wait, err
}

// call makes an error of a panic of the host's code, so that it is one replay's alone.
func (r *replayer) call(f func() error) error {
	err := errPanic
	r.guard("Replayer", func() { err = f() })
	return err
}

// look takes the replays that nobody works on, as many as this process may have.
func (r *replayer) look(ctx context.Context) error {
	listCtx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	page, err := r.replays.ListReplays(listCtx, store.ReplayFilter{
		Tenant: store.AllTenants, States: []store.ReplayState{store.ReplayRunning}, Limit: replayBatch, Cursor: r.cursor,
	})
	r.cursor = page.Next
	if err != nil {
		return err
	}
	if page.Next == "" {
		defer func() { r.before, r.seen = r.seen, nil }()
	}
	if r.seen == nil {
		r.seen = map[replayKey]sighting{}
	}
	free := slices.DeleteFunc(page.Items, func(found store.Replay) bool { return r.owns(found) || r.held(found) })
	for _, found := range free {
		if len(r.own) >= ownReplays && !r.letGo() {
			continue
		}
		if time.Since(r.looked) > replayTimeout {
			break // its own have their turn first
		}
		err = errors.Join(err, r.call(func() error { return r.take(ctx, found) }))
	}
	return err
}

// isFree reports whether no process has found: it was only started, or was let go with
// all that was replayed written.
func isFree(found store.Replay) bool { return found.UpdatedAt.Equal(found.CreatedAt) }

// held reports whether another process works on found: it has not let it go, and has
// written since the replayHold. How long that is says this process's clock alone, as
// theirs may be wrong.
func (r *replayer) held(found store.Replay) bool {
	if isFree(found) {
		return false
	}
	key := replayKey{found.Tenant, found.ID}
	last, ok := r.seen[key]
	if !ok {
		last = r.before[key]
	}
	if last.version != found.Version {
		last = sighting{found.Version, time.Now()}
	}
	r.seen[key] = last
	return time.Since(last.at) < replayHold
}

// letGo makes room for another replay, and reports whether there is some now. What
// waits longest goes, and has its turn again after those that are waiting for one.
func (r *replayer) letGo() bool {
	for i, o := range r.own { // in the order in which they were taken
		// Only o knows what must not be replayed again.
		if o.stuck && !o.unsaved && o.doubt == nil && len(o.again) == 0 && time.Since(o.taken) > replayShare {
			r.own = slices.Delete(r.own, i, i+1)
			return true
		}
	}
	return false
}

func (r *replayer) owns(found store.Replay) bool {
	return slices.ContainsFunc(r.own, func(o *ownReplay) bool { return o.Tenant == found.Tenant && o.ID == found.ID })
}

// take makes a replay this process's own, unless another is faster.
func (r *replayer) take(ctx context.Context, found store.Replay) error {
	if !isFree(found) {
		if err := r.recount(ctx, &found); err != nil {
			return err
		}
		r.log.Info("Replayer: Takes over a bulk replay", slog.String("replay", found.ID), slog.String("tenant", found.Tenant))
	}
	found.UpdatedAt = now()
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	switch err := r.replays.PutReplay(ctx, found); {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	found.Version++
	r.own = append(r.own, &ownReplay{Replay: found, taken: time.Now(), saved: time.Now()})
	return nil
}

// recount adds what its last owner had replayed and not written when it died:
// what is missing behind the cursor, at most a batch. What does not get counted in
// time is not added.
func (r *replayer) recount(ctx context.Context, found *store.Replay) error {
	missing := found.Total - found.Replayed - found.Skipped
	if missing <= 0 || found.Total == maxTotal {
		return nil
	}
	countCtx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	left, err := store.CountDeliveries(countCtx, r.cfg.Store, deliveriesOf(*found), missing)
	if errors.Is(countCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	found.Replayed += min(missing-left, replayBatch)
	return nil
}

// turn replays the next batch of o, unless it has to wait.
func (r *replayer) turn(ctx context.Context, o *ownReplay) error {
	if o.unsaved {
		return r.save(ctx, o) // however late: if another process has it nothing is written
	}
	page, ok, err := r.batch(ctx, o)
	o.stuck = err != nil || !ok
	// However late its turn came, and long as it took to list the batch: from here on
	// nobody else has it.
	if kept := r.keep(ctx, o); o.stuck || kept != nil || o.gone {
		return errors.Join(err, kept)
	}
	// A stop waits for the batch: it takes a moment, and its count is exact.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(replayTimeout, r.cfg.ShutdownTimeout))
	defer cancel()
	var done replayedPage
	left := o.left(page.Items)
	err = r.call(func() error { return r.replayPage(work, left, &done) })
	o.Replayed += len(done.restarted)
	o.spent += len(done.restarted)
	if err == nil {
		o.Skipped += len(left) - len(done.restarted)
		o.Cursor = page.Next
		o.pass(page.Items)
	} else {
		o.remember(done.restarted...) // the page is listed again
		o.doubt = done.doubt
	}
	if err == nil && page.Next == "" {
		o.State, o.EndedAt = store.ReplayFinished, now()
	}
	o.UpdatedAt, o.unsaved = now(), true
	return errors.Join(err, r.save(ctx, o))
}

// left returns those of a page that o has not replayed.
func (o *ownReplay) left(page []store.Delivery) []store.Delivery {
	return slices.DeleteFunc(slices.Clone(page), func(d store.Delivery) bool {
		_, replayed := o.again[d.ID]
		return replayed
	})
}

func (o *ownReplay) remember(replayed ...store.Delivery) {
	if o.again == nil {
		o.again = map[string]time.Time{}
	}
	for _, d := range replayed {
		o.again[d.ID] = d.CreatedAt
	}
}

// pass forgets what will not be listed again, as the Cursor is behind the page.
func (o *ownReplay) pass(page []store.Delivery) {
	if len(page) == 0 {
		return
	}
	last := page[len(page)-1].CreatedAt
	maps.DeleteFunc(o.again, func(_ string, created time.Time) bool { return created.After(last) })
}

// batch lists what o replays next. It reports false if o has to wait.
func (r *replayer) batch(ctx context.Context, o *ownReplay) (page store.Page[store.Delivery], ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout) // what could be counted can be listed
	defer cancel()
	if err = r.resolve(ctx, o); err != nil {
		return page, false, err
	}
	filter := deliveriesOf(o.Replay)
	if filter.Limit, err = r.room(ctx, o); err != nil || filter.Limit == 0 {
		return page, false, err
	}
	if page, err = r.cfg.Store.ListDeliveries(ctx, filter); err != nil {
		return page, false, err
	}
	busy, err := r.busy(ctx, o, page.Items)
	return page, !busy, err
}

// resolve finds out whether the delivery was replayed at which the last batch ended: the
// Store may have written it, and only its answer was lost.
func (r *replayer) resolve(ctx context.Context, o *ownReplay) error {
	if o.doubt == nil {
		return nil
	}
	d, err := r.cfg.Store.GetDelivery(ctx, o.Tenant, o.doubt.ID)
	switch {
	case err == nil && d.Round > o.doubt.Round:
		o.Replayed++
		o.spent++
		o.remember(d)
		if d.State == store.Pending {
			r.wake(ctx, []store.Delivery{d})
		}
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	o.doubt = nil
	return nil
}

// keep writes a sign of life, unless the last one is fresh.
func (r *replayer) keep(ctx context.Context, o *ownReplay) error {
	if time.Since(o.saved) < replayHold/3 {
		return nil
	}
	o.UpdatedAt, o.unsaved = now(), true
	return r.save(ctx, o)
}

// save writes how far o has come. If somebody else has written, o is theirs.
func (r *replayer) save(ctx context.Context, o *ownReplay) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(replayTimeout, r.cfg.ShutdownTimeout))
	defer cancel()
	return r.write(ctx, o)
}

func (r *replayer) write(ctx context.Context, o *ownReplay) error {
	err := r.replays.PutReplay(ctx, o.Replay)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		own, err := r.settle(ctx, o)
		o.gone = o.gone || err == nil && !own
		return err
	}
	if err != nil {
		return err
	}
	o.Version++
	o.saved, o.unsaved = time.Now(), false
	if o.gone = o.State != store.ReplayRunning; o.gone {
		r.log.Info("Replayer: Finished a bulk replay", slog.String("replay", o.ID), slog.String("tenant", o.Tenant),
			slog.Int("replayed", o.Replayed), slog.Int("skipped", o.Skipped))
	}
	return nil
}

// settle looks at what was written instead of o, and reports whether that was o
// itself, of which only the answer was lost: then it goes on. If it was canceled the
// batch that was in hand is added.
func (r *replayer) settle(ctx context.Context, o *ownReplay) (own bool, err error) {
	stored, err := r.replays.GetReplay(ctx, o.Tenant, o.ID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil || stored.Version != o.Version+1 {
		return false, err
	}
	switch {
	case stored.State == store.ReplayCanceled:
		stored.Replayed, stored.Skipped, stored.Cursor = o.Replayed, o.Skipped, o.Cursor
		return false, r.replays.PutReplay(ctx, stored)
	case stored.State == o.State && stored.Cursor == o.Cursor && stored.UpdatedAt.Equal(o.UpdatedAt):
		o.Version++
		o.saved, o.unsaved, o.gone = time.Now(), false, o.State != store.ReplayRunning
		return true, nil
	}
	return false, nil
}
