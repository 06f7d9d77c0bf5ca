package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Append makes a transition durable: its entry, the payment after it, the notice and the alarm that are due,
// and what becomes of the terminal's mark, in one transaction that is synced to disk when Append returns nil.
//
// The journal computes the step itself from the payment that it holds. bridge.ErrStale is wrapped when that
// payment has moved on since the transition was made, or when it is not there; bridge.ErrExists when a new
// payment's uuid is taken; a *bridge.RefusedError when the core does not allow the event. ErrFull is wrapped
// when a new payment is refused for want of space; an event of an accepted payment is given the reserve.
// Nothing was written in all these cases.
//
// Any other error means that nothing of it is there, with one exception: where the disk failed in the very
// commit (ErrDisk), Payment tells whether it is. The transition may be appended again in that case; it is
// then stale if it was there.
//
// Cancelling ctx ends the wait for other writers. A write that has begun is carried to its end.
func (j *Journal) Append(ctx context.Context, t bridge.Transition) error {
	vital := t.Event.Kind != bridge.Accept
	if !vital {
		if err := j.Accepting(); err != nil {
			return fmt.Errorf("append %s: %w", t.Event.Kind, err)
		}
	}
	err := j.change(ctx, vital, func(ctx context.Context, tx *sql.Tx) error { return j.append(ctx, tx, t) })
	if err != nil {
		return fmt.Errorf("append %s: %w", t.Event.Kind, err)
	}
	return nil
}

// append writes one transition inside a transaction.
func (j *Journal) append(ctx context.Context, tx *sql.Tx, t bridge.Transition) error {
	e, body, err := encode(t.Event)
	if err != nil {
		return err
	}
	accept := e.Kind == bridge.Accept
	known, err := scanPayment(tx.StmtContext(ctx, j.stmt.read).QueryRowContext(ctx, t.After.UUID))
	switch {
	case errors.Is(err, sql.ErrNoRows) && !accept:
		return fmt.Errorf("payment %s is not in the journal: %w", t.After.UUID, bridge.ErrStale)
	case errors.Is(err, sql.ErrNoRows):
		known = stored{}
	case err != nil:
		return err
	case accept:
		return fmt.Errorf("payment %s: %w", t.After.UUID, bridge.ErrExists)
	case known.Entries != t.Before.Entries:
		return fmt.Errorf("payment %s has %d entries, not %d: %w", t.After.UUID, known.Entries, t.Before.Entries, bridge.ErrStale)
	}
	next, err := bridge.Step(known.Payment, e)
	if err != nil {
		return fmt.Errorf("payment %s: %w", t.After.UUID, err)
	}
	if next.After.UUID != t.After.UUID || next.After.State != t.After.State || next.After.Outcome != t.After.Outcome {
		return fmt.Errorf("payment %s is %s by this event, not %s: %w", t.After.UUID, next.After.State, t.After.State, bridge.ErrStale)
	}
	return j.put(ctx, tx, known, next, body)
}

// put writes a step that was judged right.
func (j *Journal) put(ctx context.Context, tx *sql.Tx, known stored, t bridge.Transition, body []byte) error {
	r := record{
		seq: t.After.Entries, at: t.Event.At.UnixMicro(), kind: t.Event.Kind.String(), state: t.After.State.String(),
		body: body, prev: known.head,
	}
	if r.prev == nil {
		first := seed(t.After.UUID)
		r.prev = first[:]
	}
	head := r.sum()
	after := known
	if err := after.points(t, r.seq); err != nil {
		return err
	}
	after.Payment, after.head = t.After, head[:]
	exec := func(s *sql.Stmt, args ...any) error {
		_, err := tx.StmtContext(ctx, s).ExecContext(ctx, args...)
		return err
	}
	if t.Event.Kind == bridge.Accept {
		err := tx.StmtContext(ctx, j.stmt.insertPayment).QueryRowContext(ctx, append(after.lasting(), after.changing()...)...).Scan(&after.id)
		if isTaken(err) {
			return fmt.Errorf("reference %s of payment %s was used before: %w", after.Reference, after.UUID, err)
		}
		if err != nil {
			return err
		}
	} else if err := exec(j.stmt.updatePayment, append(after.changing(), after.id)...); err != nil {
		return err
	}
	if err := exec(j.stmt.insertEntry, after.id, r.seq, r.at, r.kind, r.state, string(r.body), r.prev); err != nil {
		return err
	}
	return j.consequences(ctx, tx, after.id, t)
}

// consequences writes what is due with a transition.
func (j *Journal) consequences(ctx context.Context, tx *sql.Tx, id int64, t bridge.Transition) error {
	if t.Has(bridge.Notify) {
		if _, err := tx.StmtContext(ctx, j.stmt.owe).ExecContext(ctx, id); err != nil {
			return err
		}
	}
	if t.Event.Kind == bridge.Report {
		if _, err := tx.StmtContext(ctx, j.stmt.paid).ExecContext(ctx, id); err != nil {
			return err
		}
	}
	if t.Has(bridge.Alarm) {
		a := Alarm{At: t.Event.At, Kind: AlarmContrary, Terminal: t.After.Terminal, UUID: t.After.UUID, Text: contrary(t)}
		if err := raise(ctx, tx, a); err != nil {
			return err
		}
	}
	if mark, changes := bridge.MarkAfter(t); changes {
		if _, err := tx.StmtContext(ctx, j.stmt.mark).ExecContext(ctx, t.After.Terminal, string(mark), t.Event.At.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// contrary says what speaks against a final outcome.
func contrary(t bridge.Transition) string {
	p, r := t.After, t.Event.Result
	told := map[terminal.Outcome]string{terminal.Approved: "approved", terminal.Declined: "declined"}
	if c := p.Corrected; t.Event.Kind == bridge.Correct {
		return fmt.Sprintf("The %s of %s was settled by hand as %s. %s has put that right: it was %s (%s). MGR has the first outcome; enter the right one there by hand.",
			p.Kind.Noun(), p.Amount, told[p.Outcome], c.Person.Name, told[c.Outcome], c.Person.Evidence)
	}
	s := fmt.Sprintf("The payment of %s is recorded as %s", p.Amount, told[p.Outcome])
	if p.Reason != "" {
		s += " (" + p.Reason + ")"
	}
	s += fmt.Sprintf(". Now the terminal says %s, by %s", told[r.Outcome], r.Proof)
	for _, x := range []struct{ name, value string }{{"reference", r.TxnRef}, {"authorisation", r.AuthCode}, {"it says", r.Text}} {
		if x.value != "" {
			s += ", " + x.name + " " + x.value
		}
	}
	return s + ". Compare the terminal's own records and put it right by hand."
}

// errClosed says that the journal was closed.
var errClosed = errors.New("the journal is closed")

// change runs one write transaction, alone. A vital one gets the reserve when the disk is full.
func (j *Journal) change(ctx context.Context, vital bool, do func(context.Context, *sql.Tx) error) error {
	j.gate.RLock()
	defer j.gate.RUnlock()
	if j.closed {
		return errClosed
	}
	err := j.transact(ctx, do)
	if !j.outOfSpace(err) {
		return j.judged(err)
	}
	j.space.full(err)
	if vital {
		j.makeRoom(ctx)
		err = j.transact(ctx, do)
	}
	if j.outOfSpace(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return j.judged(err)
}

// makeRoom gives up the reserve, if it is still there, and empties the write-ahead log into the journal: what
// that frees is used for the payments which are under way.
func (j *Journal) makeRoom(ctx context.Context) {
	j.space.release()
	if err := checkpoint(context.WithoutCancel(ctx), j.write); err != nil {
		j.log.Warn("the write-ahead log cannot be emptied", "path", j.path, "error", err)
	}
}

// judged lets a failing disk stop new payments. A commit that failed may still stand in the log, where a
// restart could find it: the probe, which takes its place, is tried at once.
func (j *Journal) judged(err error) error {
	if !isDisk(err) {
		return err
	}
	j.space.broken(err)
	if perr := j.probe(); perr != nil {
		j.log.Error("the journal cannot be written", "path", j.path, "error", perr)
	}
	return fmt.Errorf("%w: %w", ErrDisk, err)
}

// outOfSpace tells whether a write failed for want of space. SQLite has other codes for it beside its own one
// where it needs room for the index of its log.
func (j *Journal) outOfSpace(err error) bool { return isFull(err) || isDisk(err) && j.space.tight() }

// transact runs one transaction on the connection that writes. It begins with the write lock, so that what
// is read in it cannot change before the commit.
//
// One read that fails (EIO) is for SQLite a damaged file. What the disk refuses before the commit is therefore
// done once more, on a new connection that knows nothing from before: damage is met again, a moment's weakness
// of the disk is not. A commit is never repeated, since it may stand.
func (j *Journal) transact(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	committed, err := j.attempt(ctx, do)
	if isDisk(err) && !committed {
		j.log.Warn("the disk failed once; it is asked once more", "path", j.path, "error", err)
		_, err = j.attempt(ctx, do)
	}
	return err
}

// attempt runs one transaction; committed tells that its commit was tried, whatever came of it.
func (j *Journal) attempt(ctx context.Context, do func(context.Context, *sql.Tx) error) (committed bool, err error) {
	conn, err := j.write.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	defer func() {
		if isDisk(err) && !committed { // what this connection remembers may be wrong: the pool is told to close it
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	if err := do(ctx, tx); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// Accepting is nil while new payments can be written; its error wraps ErrFull or ErrDisk and says why not. It
// looks at the disk now and then, and restores the reserve when there is space again. After damage was met it
// waits for the whole journal to be read anew, which goes on beside everything else.
func (j *Journal) Accepting() error { return j.space.accepting(j.probe) }

// probe writes the journal's version number over itself: a whole commit that changes nothing. It also takes
// the place in the log where a commit that failed may still stand.
func (j *Journal) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	return j.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", j.known))
		return err
	})
}

// reread reads the whole journal on connections of its own, which know nothing from before, and writes to it.
// It is nil when nothing is wrong.
func (j *Journal) reread(ctx context.Context) error {
	r, err := OpenReadOnly(j.path)
	if err != nil {
		return err
	}
	problems, err := r.Verify(ctx)
	if len(problems) > 0 {
		err = &DamagedError{Path: j.path, Err: fmt.Errorf("%d things are wrong, the first: %s", len(problems), problems[0])}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	return j.probe()
}
