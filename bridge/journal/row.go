package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// stored is a payment with what the journal alone knows of it.
type stored struct {
	bridge.Payment
	id                                int64
	head                              []byte // digest of the last entry
	seenAt, resultAt, person, correct sql.NullInt64
}

// selectPayment reads payments p with the entries that their results stand in; a condition follows.
const selectPayment = `SELECT p.id, p.uuid, p.reference, p.customer, p.terminal, p.amount, p.currency, p.currency_num, p.digits,
	p.kind, p.sale, p.ordered_by, p.driver, p.evidence, p.state, p.outcome, p.proof, p.received, p.armed, p.updated, p.mark, p.reason,
	p.seen_seq, p.result_seq, p.person_seq, p.correct_seq, p.entries, p.head, s.body, r.body, w.body, c.body`

const fromPayment = `
	FROM payment p
	LEFT JOIN entry s ON s.payment_id = p.id AND s.seq = p.seen_seq
	LEFT JOIN entry r ON r.payment_id = p.id AND r.seq = p.result_seq
	LEFT JOIN entry w ON w.payment_id = p.id AND w.seq = p.person_seq
	LEFT JOIN entry c ON c.payment_id = p.id AND c.seq = p.correct_seq `

// fromByTime finds payments by when they were received. Left alone, SQLite would walk all payments by their id to spare itself
// sorting the few of a day.
var fromByTime = strings.Replace(fromPayment, "FROM payment p", "FROM payment p INDEXED BY payment_received", 1)

// scanner is a row, of one or of many.
type scanner interface{ Scan(dest ...any) error }

// scanPayment reads one row of selectPayment, and into more what the query selects behind it.
func scanPayment(row scanner, more ...any) (stored, error) {
	var s stored
	var kind, state, outcome, proof string
	var received, updated int64
	var armed sql.NullInt64
	var seen, result, person, correct []byte
	p := &s.Payment
	err := row.Scan(append([]any{
		&s.id, &p.UUID, &p.Reference, &p.Customer, &p.Terminal, &p.Amount.Minor, &p.Amount.Currency.Code,
		&p.Amount.Currency.Numeric, &p.Amount.Currency.Digits, &kind, &p.Sale, &p.By, &p.Driver, &p.Evidence, &state, &outcome, &proof,
		&received, &armed, &updated, &p.Mark, &p.Reason, &s.seenAt, &s.resultAt, &s.person, &s.correct, &p.Entries, &s.head,
		&seen, &result, &person, &correct,
	}, more...)...)
	if err != nil {
		return s, err
	}
	p.Received, p.Updated = fromMicro(received), fromMicro(updated)
	if armed.Valid {
		p.Armed = fromMicro(armed.Int64)
	}
	if p.State, err = bridge.ParseState(state); err != nil {
		return s, fmt.Errorf("payment %s: %w", p.UUID, err)
	}
	if err := errors.Join(p.Kind.UnmarshalText([]byte(kind)), p.Outcome.UnmarshalText([]byte(outcome)), p.Proof.UnmarshalText([]byte(proof))); err != nil {
		return s, fmt.Errorf("payment %s: %w", p.UUID, err)
	}
	if p.Seen, err = resultIn(seen, s.seenAt); err != nil {
		return s, fmt.Errorf("payment %s: entry %d: %w", p.UUID, s.seenAt.Int64, err)
	}
	if p.Result, err = resultIn(result, s.resultAt); err != nil {
		return s, fmt.Errorf("payment %s: entry %d: %w", p.UUID, s.resultAt.Int64, err)
	}
	if s.person.Valid {
		e, err := wordIn(person)
		if err != nil {
			return s, fmt.Errorf("payment %s: entry %d names nobody: %w", p.UUID, s.person.Int64, err)
		}
		p.Person = e.Person
	}
	if s.correct.Valid {
		e, err := wordIn(correct)
		if err != nil {
			return s, fmt.Errorf("payment %s: entry %d names nobody: %w", p.UUID, s.correct.Int64, err)
		}
		p.Corrected = &bridge.Correction{Outcome: e.Outcome, Person: e.Person}
	}
	return s, nil
}

// errMissing says that an entry which a payment points to is not there or does not hold it.
var errMissing = errors.New("what the payment points to is not in the entry")

func resultIn(body []byte, at sql.NullInt64) (*terminal.Result, error) {
	if !at.Valid {
		return nil, nil
	}
	e, err := eventIn(body)
	if err == nil && e.Result == nil {
		err = errMissing
	}
	return e.Result, err
}

// wordIn reads an entry that holds a person's word.
func wordIn(body []byte) (bridge.Event, error) {
	e, err := eventIn(body)
	if err == nil && e.Person == nil {
		err = errMissing
	}
	return e, err
}

func eventIn(body []byte) (e bridge.Event, err error) {
	if len(body) == 0 {
		return e, errMissing
	}
	return e, json.Unmarshal(body, &e)
}

// points computes where a payment's results stand after an event: what the event brought stands in its own
// entry, seq, the rest where it stood.
func (s *stored) points(t bridge.Transition, seq int) error {
	here := sql.NullInt64{Int64: int64(seq), Valid: true}
	b, a := t.Before, t.After
	if a.Seen != b.Seen {
		s.seenAt = here
	}
	if a.Result != b.Result {
		s.resultAt = here
	}
	if a.Person != b.Person {
		s.person = here
	}
	if a.Corrected != b.Corrected {
		s.correct = here
	}
	brought := a.Seen == b.Seen || same(a.Seen, t.Event.Result)
	brought = brought && (a.Result == b.Result || same(a.Result, t.Event.Result))
	corrected := a.Corrected == b.Corrected || a.Corrected != nil && a.Corrected.Person == t.Event.Person && a.Corrected.Outcome == t.Event.Outcome
	if !brought || !corrected || a.Person != b.Person && a.Person != t.Event.Person {
		return fmt.Errorf("the %s of payment %s leads to a result that it did not bring", t.Event.Kind, a.UUID)
	}
	return nil
}

// same tells whether two results have the same content.
func same(a, b *terminal.Result) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// statements are what Append runs, prepared on the connection that writes.
type statements struct {
	read, insertPayment, updatePayment, insertEntry, owe, paid, mark *sql.Stmt
}

func prepareStatements(ctx context.Context, db *sql.DB) (statements, error) {
	var s statements
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.read, selectPayment + fromPayment + "WHERE p.uuid = ?"},
		{&s.insertPayment, `INSERT INTO payment (uuid, reference, customer, terminal, amount, currency, currency_num, digits, received,
			kind, sale, ordered_by, driver, evidence, state, outcome, proof, armed, updated, mark, reason, seen_seq, result_seq, person_seq, correct_seq, entries, head)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`},
		{&s.updatePayment, `UPDATE payment SET driver = ?, evidence = ?, state = ?, outcome = ?, proof = ?, armed = ?, updated = ?,
			mark = ?, reason = ?, seen_seq = ?, result_seq = ?, person_seq = ?, correct_seq = ?, entries = ?, head = ? WHERE id = ?`},
		{&s.insertEntry, `INSERT INTO entry (payment_id, seq, at, kind, state, body, prev) VALUES (?, ?, ?, ?, ?, ?, ?)`},
		{&s.owe, `INSERT INTO outbox (payment_id, attempts, next_at, last_error) VALUES (?, 0, 0, '') ON CONFLICT DO NOTHING`},
		{&s.paid, `DELETE FROM outbox WHERE payment_id = ?`},
		{&s.mark, `INSERT INTO terminal (name, mark, terminal_id, updated) VALUES (?, ?, '', ?)
			ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, updated = excluded.updated`},
	} {
		var err error
		if *p.to, err = db.PrepareContext(ctx, p.text); err != nil {
			return s, err
		}
	}
	return s, nil
}

// lasting are the columns of a payment that its order sets for ever, in the order of the statements.
func (s *stored) lasting() []any {
	p := s.Payment
	return []any{
		p.UUID, p.Reference, p.Customer, p.Terminal, p.Amount.Minor, p.Amount.Currency.Code,
		p.Amount.Currency.Numeric, p.Amount.Currency.Digits, p.Received.UnixMicro(), p.Kind.String(), p.Sale, p.By,
	}
}

// changing are the columns of a payment that its events change, in the order of the statements.
func (s *stored) changing() []any {
	p := s.Payment
	return []any{
		p.Driver, int(p.Evidence), p.State.String(), p.Outcome.String(), p.Proof.String(), micro(p.Armed), p.Updated.UnixMicro(),
		string(p.Mark), p.Reason, s.seenAt, s.resultAt, s.person, s.correct, p.Entries, s.head,
	}
}

// micro is a time as it is stored; NULL for none.
func micro(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}
