package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"tillbridge/terminal"
)

// The most that is kept of receipts.
const (
	maxReceipts    = 8        // of one payment
	maxReceiptBody = 32 << 10 // bytes of one, as JSON
	maxLine        = 512      // bytes of one line
)

// SaveReceipt keeps a receipt beside its payment, card numbers masked. Saving one again that is there changes
// nothing. One that is too long loses its last lines. ErrLimit is wrapped when the payment has as many as are
// kept; ErrFull when the disk is needed for payments.
func (j *Journal) SaveReceipt(ctx context.Context, uuid string, r terminal.Receipt) error {
	if err := j.Accepting(); err != nil {
		return fmt.Errorf("keep receipt: %w", err)
	}
	body, err := receiptBody(r)
	if err != nil {
		return fmt.Errorf("keep receipt: %w", err)
	}
	return wrap("keep receipt", j.change(ctx, false, func(ctx context.Context, tx *sql.Tx) error {
		var id int64
		var n int
		var there bool
		err := tx.QueryRowContext(ctx, `SELECT p.id, count(t.id), coalesce(max(t.body = ?), 0)
			FROM payment p LEFT JOIN receipt t ON t.payment_id = p.id WHERE p.uuid = ? GROUP BY p.id`, string(body), uuid).Scan(&id, &n, &there)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("there is no payment %s", uuid)
		case err != nil || there:
			return err
		case n >= maxReceipts:
			return fmt.Errorf("payment %s has %d receipts: %w", uuid, n, ErrLimit)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO receipt (payment_id, n, body) VALUES (?, ?, ?)", id, n+1, string(body))
		return err
	}))
}

// receiptBody writes a receipt as it is kept.
func receiptBody(r terminal.Receipt) ([]byte, error) { return json.Marshal(trimmed(r)) }

// trimmed is a receipt as it is kept: not too long, and without card numbers.
func trimmed(r terminal.Receipt) terminal.Receipt {
	lines := make([]terminal.Line, 0, min(len(r.Lines), maxReceiptBody/8))
	size := 64
	for _, l := range r.Lines {
		l.Text = cut(terminal.MaskCardNumbers(l.Text), maxLine)
		one, _ := json.Marshal(l) // text, flags and a number cannot fail
		if size += len(one) + 1; size > maxReceiptBody {
			break
		}
		lines = append(lines, l)
	}
	r.Lines = lines
	return r
}
