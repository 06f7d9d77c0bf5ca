package journal

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// rereading is the part of space that finds out whether a journal which SQLite called damaged is. The whole of
// it is read, beside everything else that goes on; meanwhile, and where that finds anything, no new payment is
// taken.
type rereading struct {
	reread func(context.Context) error // reads everything; nil when nothing is wrong

	busy   bool               // it is being read
	notTo  time.Time          // not again before: reading takes a tenth of the time at most
	ctx    context.Context    // ends with the journal
	cancel context.CancelFunc // ends ctx
	work   sync.WaitGroup     // the reading that is under way
}

// rest is how long at least a journal is left in peace after it was read anew, in looks at the disk, and in
// times of what the reading took.
const rest = 10

// readAnew begins to read everything unless that is under way, was done just now or the journal is being closed. The
// caller holds mu.
func (s *space) readAnew() {
	if s.busy || time.Now().Before(s.notTo) || s.ctx.Err() != nil {
		return
	}
	s.busy = true
	faults := s.faults
	s.work.Go(func() {
		began := time.Now()
		err := s.reread(s.ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy = false
		s.notTo = time.Now().Add(rest * max(s.every, time.Since(began)))
		switch {
		case s.faults != faults: // what failed meanwhile may have failed behind the reading
		case err != nil:
			s.judge(fmt.Errorf("%w: %w", ErrDisk, err))
		default:
			s.log.Info("the journal was read anew and is whole", "path", s.path)
			s.failed = nil
			s.judge(s.weigh())
		}
	})
}

// close ends the reading, and waits for its end.
func (s *space) close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.work.Wait()
}
