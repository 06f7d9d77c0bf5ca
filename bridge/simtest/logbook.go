package simtest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logbook reads what the bridge logs and looks for a card number; it keeps nothing.
type logbook struct{ w *World }

func (logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l logbook) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		l.read(r.Message, a)
		return true
	})
	return nil
}

func (l logbook) read(message string, a slog.Attr) {
	text := a.Value.String()
	if k := a.Value.Kind(); k == slog.KindAny {
		text = fmt.Sprint(a.Value.Any())
	}
	if !strings.Contains(text, "411111") && !strings.Contains(text, "4111 1111") {
		return
	}
	// Whoever logs may hold the world.
	select {
	case l.w.leaks <- fmt.Sprintf("%s: %s=%s", message, a.Key, text):
	default: // one is enough
	}
}

func (l logbook) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l logbook) WithGroup(string) slog.Handler { return l }
