package journal

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// keepMonths is how long every payment is kept at least: a repeated webhook must be known that long.
const keepMonths = 13

// pruneBatch is how many payments go in one transaction.
const pruneBatch = 200

// Prune removes payments with everything that belongs to them, and says how many. Only those go that were
// received and touched last before a time, whose outcome MGR has where it is owed it, with no notice owed and no alarm, standing
// or cleared. A time nearer than 13 months before now is refused. It works in batches, and may be stopped and
// repeated; the space is used again by later payments, the file does not shrink.
func (j *Journal) Prune(ctx context.Context, before, now time.Time) (int, error) {
	if limit := now.AddDate(0, -keepMonths, 0); before.After(limit) {
		return 0, fmt.Errorf("prune: payments are kept for %d months: name %s or earlier", keepMonths, limit.Format(time.DateOnly))
	}
	total := 0
	for {
		if err := ctx.Err(); err != nil {
			return total, fmt.Errorf("prune: %w", err)
		}
		var n int64
		err := j.change(ctx, false, func(ctx context.Context, tx *sql.Tx) (err error) {
			n, err = pruneSome(ctx, tx, before.UnixMicro())
			return err
		})
		if err != nil {
			return total, fmt.Errorf("prune: %w", err)
		}
		total += int(n)
		if n < pruneBatch {
			return total, nil
		}
	}
}

// pruneSome removes one batch. The rows of pruning open the way for the triggers that keep payments.
func pruneSome(ctx context.Context, tx *sql.Tx, before int64) (int64, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO pruning (payment_id)
		SELECT p.id FROM payment p
		WHERE p.received < ? AND p.updated < ? AND (p.state = 'reported' OR p.kind <> 'sale' AND p.state IN ('approved', 'declined', 'expired', 'not_sent'))
			AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.payment_id = p.id)
			AND NOT EXISTS (SELECT 1 FROM alarm a WHERE a.uuid = p.uuid AND a.uuid <> '')
		ORDER BY p.id LIMIT ?`, before, before, pruneBatch)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	for _, s := range []string{
		"DELETE FROM receipt WHERE payment_id IN (SELECT payment_id FROM pruning)",
		"DELETE FROM entry WHERE payment_id IN (SELECT payment_id FROM pruning)",
		"DELETE FROM payment WHERE id IN (SELECT payment_id FROM pruning)",
		"DELETE FROM pruning",
	} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return 0, err
		}
	}
	return n, nil
}
