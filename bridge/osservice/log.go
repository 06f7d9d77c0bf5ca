package osservice

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Log is where a program's log goes.
type Log struct {
	Level  slog.Leveler
	Stderr io.Writer // where the journal of systemd, or a person, reads
	// File is a log file of bounded size, in place of Stderr; empty for none.
	File string
	// Service is set where a service manager runs the program. The lines to systemd's journal have their priorities
	// then; on Windows they go to the event log and to a log file in the data folder where none is named.
	Service bool
}

// Open opens the log. Closing what is returned, which may be nil, ends it.
func (l Log) Open() (*slog.Logger, io.Closer, error) {
	if l.Service {
		return l.open()
	}
	return l.plain()
}

// plain is a log without a service manager.
func (l Log) plain() (*slog.Logger, io.Closer, error) {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.File == "" {
		return slog.New(slog.NewTextHandler(l.Stderr, o)), nil, nil
	}
	f, err := OpenRotatingFile(l.File, logFileMost, logFiles)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(f, o)), f, nil
}

// leveled is a slog.Handler for a log that keeps time and level itself: it is given them beside the text, which is that
// of slog.TextHandler without them. What masks itself in any log does so here.
type leveled struct {
	shared *leveledOut
	text   slog.Handler
}

type leveledOut struct {
	mu    sync.Mutex
	line  bytes.Buffer
	write func(level slog.Level, text string) error // text is one line without its end
}

func newLeveled(level slog.Leveler, write func(slog.Level, string) error) *leveled {
	o := &leveledOut{write: write}
	return &leveled{shared: o, text: slog.NewTextHandler(&o.line, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutLevel})}
}

// withoutLevel takes the record's own level away, and no attribute that has its name only.
func withoutLevel(groups []string, a slog.Attr) slog.Attr {
	if _, own := a.Value.Any().(slog.Level); own && len(groups) == 0 && a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// Enabled tells whether a level is kept.
func (l *leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return l.text.Enabled(ctx, level)
}

// Handle writes one record.
func (l *leveled) Handle(ctx context.Context, r slog.Record) error {
	timeless := slog.NewRecord(time.Time{}, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		timeless.AddAttrs(a)
		return true
	})
	o := l.shared
	o.mu.Lock()
	defer o.mu.Unlock()
	o.line.Reset()
	if err := l.text.Handle(ctx, timeless); err != nil {
		return err
	}
	return o.write(r.Level, strings.TrimSuffix(o.line.String(), "\n"))
}

// WithAttrs is a handler whose records have these attributes too.
func (l *leveled) WithAttrs(all []slog.Attr) slog.Handler {
	return &leveled{l.shared, l.text.WithAttrs(all)}
}

// WithGroup is a handler whose records' attributes are in a group.
func (l *leveled) WithGroup(name string) slog.Handler {
	return &leveled{l.shared, l.text.WithGroup(name)}
}

// newJournal writes lines with the priorities of sd-daemon(3).
func newJournal(level slog.Leveler, to io.Writer) *leveled {
	return newLeveled(level, func(l slog.Level, text string) error {
		_, err := io.WriteString(to, priority(l)+text+"\n")
		return err
	})
}

// priority is that of syslog in the form of sd-daemon(3).
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}
