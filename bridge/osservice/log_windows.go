package osservice

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/kardianos/service"
)

const (
	eventMost = 30000   // characters of an event, of which Windows takes 31839
	crashMost = 1 << 20 // bytes of the file of earlier breakdowns
)

// open opens the event log and the log file of a service; where one of them cannot be opened, the other is used.
func (l Log) open() (*slog.Logger, io.Closer, error) {
	var all []slog.Handler
	name := l.File
	if name == "" {
		name = filepath.Join(dataFolder(), "logs", "tillbridge.log")
	}
	f, fileErr := OpenRotatingFile(name, logFileMost, logFiles)
	if fileErr == nil {
		all = append(all, slog.NewTextHandler(f, &slog.HandlerOptions{Level: l.Level}))
		keepCrashes(filepath.Join(filepath.Dir(name), "crash.log"))
	}
	events, eventErr := newEvents(l.Level)
	if eventErr == nil {
		all = append(all, events)
	}
	if len(all) == 0 {
		return nil, nil, errors.Join(fileErr, eventErr)
	}
	log := slog.New(slog.NewMultiHandler(all...))
	if err := errors.Join(fileErr, eventErr); err != nil {
		log.Warn("one of the logs cannot be kept", "error", err)
	}
	if f == nil {
		return log, nil, nil
	}
	return log, f, nil
}

// newEvents writes to the event log, except what is for debugging only.
func newEvents(level slog.Leveler) (*leveled, error) {
	l, err := service.New(nil, &service.Config{Name: Name})
	if err != nil {
		return nil, err
	}
	events, err := l.SystemLogger(nil)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	return newLeveled(level, eventWriter(events)), nil
}

// eventWriter maps the levels. An event cannot hold a NUL.
func eventWriter(to service.Logger) func(slog.Level, string) error {
	return func(level slog.Level, text string) error {
		text = strings.ReplaceAll(text, "\x00", "")
		if r := []rune(text); len(r) > eventMost/2 { // a rune may be two characters of Windows
			text = string(r[:eventMost/2]) + " …"
		}
		switch {
		case level >= slog.LevelError:
			return to.Error(text)
		case level >= slog.LevelWarn:
			return to.Warning(text)
		case level >= slog.LevelInfo:
			return to.Info(text)
		}
		return nil
	}
}

// keepCrashes lets Go write what it says of a breakdown into a file too: a service has no other place for it.
func keepCrashes(name string) {
	how := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(name); err == nil && info.Size() > crashMost {
		how |= os.O_TRUNC
	}
	f, err := os.OpenFile(name, how, 0o600)
	if err != nil {
		return // the system's own record of the breakdown is left
	}
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // it keeps a copy of the file
	_ = f.Close()
}
