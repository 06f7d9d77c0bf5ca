package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// What is kept of an end of day, and listed at once.
const (
	dayEndMost = 200
	groupsMost = 100
)

// dayEndBody is what stands in a row's body.
type dayEndBody struct {
	Currency terminal.Currency  `json:"currency"`
	Totals   *terminal.Totals   `json:"totals,omitempty"`
	Receipts []terminal.Receipt `json:"receipts,omitempty"`
}

// BeginDayEnd makes durable that an end of day begins, before the terminal is told to. It returns it with its number, and with the
// beginning of the terminal's last one that was closed.
func (j *Journal) BeginDayEnd(ctx context.Context, d bridge.DayEnd) (bridge.DayEnd, error) {
	body, _ := json.Marshal(dayEndBody{Currency: d.Currency}) // texts and numbers cannot fail
	err := j.change(ctx, false, func(ctx context.Context, tx *sql.Tx) error {
		var since sql.NullInt64
		if err := tx.QueryRowContext(ctx, "SELECT max(began) FROM day_end WHERE terminal = ? AND closed = 1", d.Terminal).Scan(&since); err != nil {
			return err
		}
		d.Since = time.Time{}
		if since.Valid {
			d.Since = fromMicro(since.Int64)
		}
		return tx.QueryRowContext(ctx, `INSERT INTO day_end (terminal, ordered_by, since, began, closed, why, body)
			VALUES (?, ?, ?, ?, 0, '', ?) RETURNING id`, d.Terminal, d.By, since.Int64, d.Began.UnixMicro(), string(body)).Scan(&d.ID)
	})
	return d, wrap("begin end of day", err)
}

// EndDayEnd records how an end of day ended. Card numbers in what the terminal said are cut.
func (j *Journal) EndDayEnd(ctx context.Context, d bridge.DayEnd) error {
	b := dayEndBody{Currency: d.Currency, Totals: &d.Totals}
	d.Totals.Groups = d.Totals.Groups[:min(len(d.Totals.Groups), groupsMost)]
	b.Totals.Text = cut(terminal.MaskCardNumbers(b.Totals.Text), maxWords)
	for _, r := range d.Receipts[:min(len(d.Receipts), maxReceipts)] {
		b.Receipts = append(b.Receipts, trimmed(r))
	}
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("end end of day: %w", err)
	}
	return j.exec(ctx, true, "end end of day", "UPDATE day_end SET ended = ?, closed = ?, why = ?, body = ? WHERE id = ? AND ended IS NULL",
		d.Ended.UnixMicro(), d.Closed, cut(terminal.MaskCardNumbers(d.Why), maxWords), string(body), d.ID)
}

// DayEnds are the ends of day of a terminal, or of all for an empty name, newest first; at most 200.
func (r *Reader) DayEnds(ctx context.Context, name string) ([]bridge.DayEnd, error) {
	var all []bridge.DayEnd
	err := r.each(ctx, func(rows *sql.Rows) error {
		d, err := scanDayEnd(rows)
		all = append(all, d)
		return err
	}, selectDayEnd+"WHERE ? IN ('', terminal) ORDER BY id DESC LIMIT ?", name, dayEndMost)
	if err != nil {
		return nil, fmt.Errorf("list ends of day: %w", err)
	}
	return all, nil
}

const selectDayEnd = "SELECT id, terminal, ordered_by, since, began, ended, closed, why, body FROM day_end "

func scanDayEnd(row scanner) (bridge.DayEnd, error) {
	var d bridge.DayEnd
	var since, began int64
	var ended sql.NullInt64
	var body []byte
	if err := row.Scan(&d.ID, &d.Terminal, &d.By, &since, &began, &ended, &d.Closed, &d.Why, &body); err != nil {
		return d, err
	}
	if since != 0 {
		d.Since = fromMicro(since)
	}
	d.Began = fromMicro(began)
	if ended.Valid {
		d.Ended = fromMicro(ended.Int64)
	}
	var b dayEndBody
	if err := json.Unmarshal(body, &b); err != nil {
		return d, fmt.Errorf("end of day %d: %w", d.ID, err)
	}
	d.Currency, d.Receipts = b.Currency, b.Receipts
	if b.Totals != nil {
		d.Totals = *b.Totals
	}
	return d, nil
}

// armedWithin is how long after its acceptance a payment can be armed, for looking up the one by the other's index.
const armedWithin = time.Hour

// Armed are the payments of a terminal that were armed after a moment and not after another, oldest first: what reached it
// between two ends of day. A zero from is the beginning of all; limit is the most that are read, 0 for all.
func (r *Reader) Armed(ctx context.Context, name string, from, to time.Time, limit int) ([]bridge.Payment, error) {
	var all []bridge.Payment
	var after, received int64 // nothing was before the epoch
	if !from.IsZero() {
		after, received = from.UnixMicro(), from.Add(-armedWithin).UnixMicro()
	}
	if limit <= 0 {
		limit = -1
	}
	err := r.each(ctx, func(rows *sql.Rows) error {
		s, err := scanPayment(rows)
		all = append(all, s.Payment)
		return err
	}, selectPayment+fromByTime+"WHERE p.terminal = ? AND p.received > ? AND p.armed > ? AND p.armed <= ? ORDER BY p.received LIMIT ?", name, received, after, to.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read the day's payments: %w", err)
	}
	return all, nil
}
