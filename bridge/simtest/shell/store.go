package shell

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/notify"
	"tillbridge/terminal"
)

// fusedJournal is the real journal with a fuse at each of its writes.
type fusedJournal struct {
	*journal.Journal
	fuse *Fuse
}

func (j *fusedJournal) Append(ctx context.Context, t bridge.Transition) error {
	return j.fuse.Do("journal "+t.Event.Kind.String(), func() error { return j.Journal.Append(ctx, t) })
}

func (j *fusedJournal) SetMark(ctx context.Context, name string, m terminal.Mark, id string) error {
	return j.fuse.Do("journal mark", func() error { return j.Journal.SetMark(ctx, name, m, id) })
}

func (j *fusedJournal) SaveReceipt(ctx context.Context, uuid string, r terminal.Receipt) error {
	return j.fuse.Do("journal receipt", func() error { return j.Journal.SaveReceipt(ctx, uuid, r) })
}

func (j *fusedJournal) Renotify(ctx context.Context, uuid string) (there bool, err error) {
	err = j.fuse.Do("journal renotify", func() error {
		there, err = j.Journal.Renotify(ctx, uuid)
		return err
	})
	return there, err
}

func (j *fusedJournal) Forget(ctx context.Context, uuid string) error {
	return j.fuse.Do("journal forget", func() error { return j.Journal.Forget(ctx, uuid) })
}

// outbox is the notifier's side of the journal.
type outbox struct {
	*fusedJournal
	bridge *Bridge
}

func (o *outbox) Due(ctx context.Context, now time.Time, limit int) ([]notify.Owed, error) {
	rows, err := o.Journal.Due(ctx, now, limit)
	all := make([]notify.Owed, 0, len(rows))
	for _, r := range rows {
		all = append(all, notify.Owed{Notice: r.Notice, Attempts: r.Attempts})
	}
	return all, err
}

func (o *outbox) Postpone(ctx context.Context, uuid string, attempts int, next time.Time, why string) error {
	return o.fuse.Do("journal postpone", func() error { return o.Journal.Postpone(ctx, uuid, attempts, next, why) })
}

func (o *outbox) Reported(ctx context.Context, uuid string) error {
	return o.bridge.Desk.Reported(ctx, uuid)
}

// newLogger writes a log without times, for a story that is the same whenever it is told.
func newLogger(w io.Writer) *slog.Logger {
	if w == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// Story is what a bridge logged. It may be read while the bridge goes on.
type Story struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *Story) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// String is the story so far.
func (s *Story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
