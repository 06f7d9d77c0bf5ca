package osservice

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hush is a value that masks itself, as secrets of the settings do.
type hush string

func (hush) LogValue() slog.Value           { return slog.StringValue("[secret]") }
func (hush) MarshalText() ([]byte, error)   { return []byte("[secret]"), nil }
func (hush) String() string                 { return "[secret]" }
func secretly(h hush) struct{ Deeper hush } { return struct{ Deeper hush }{h} }

func TestJournalPriorities(t *testing.T) {
	var b bytes.Buffer
	level := &slog.LevelVar{}
	level.Set(slog.LevelDebug)
	log := slog.New(newJournal(level, &b))
	log.Debug("looked")
	log.Info("ready", "door", "127.0.0.1:8473", "level", "user's own", "time", "noon")
	log.Warn("two\nlines", "path", "a b")
	log.With("terminal", "counter").WithGroup("line").Error("lost", "error", errors.New("no carrier"), "level", slog.LevelInfo)
	level.Set(slog.LevelError)
	log.Warn("not wanted")
	want := `<7>msg=looked
<6>msg=ready door=127.0.0.1:8473 level="user's own" time=noon
<4>msg="two\nlines" path="a b"
<3>msg=lost terminal=counter line.error="no carrier" line.level=INFO
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// What masks itself does so in every log, and no second time stamp is written.
func TestLogMasks(t *testing.T) {
	var b strings.Builder
	for _, log := range []*slog.Logger{
		slog.New(newJournal(slog.LevelInfo, &b)),
		slog.New(newLeveled(slog.LevelInfo, func(_ slog.Level, text string) error { b.WriteString(text); return nil })),
	} {
		log.With("passcode", hush("hunter2")).Info("x", "key", hush("hunter2"), slog.Group("g", "deep", hush("hunter2")), "in", secretly("hunter2"))
	}
	if s := b.String(); strings.Contains(s, "hunter2") || strings.Count(s, "[secret]") < 8 {
		t.Error(s)
	}
	if s := b.String(); strings.Contains(s, "time=") || strings.Contains(s, time.Now().Format("2006")) {
		t.Errorf("a time stamp: %s", s)
	}
}

func TestLogToFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x", "tillbridge.log")
	for range 2 {
		log, end, err := Log{Level: slog.LevelInfo, Stderr: t.Output(), File: name}.Open()
		if err != nil {
			t.Fatal(err)
		}
		log.Info("ready")
		if err := end.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := kept(t, name, logFileMost, logFiles); strings.Count(got, "level=INFO msg=ready") != 2 || strings.Count(got, "time=") != 2 {
		t.Errorf("%q", got)
	}
	if _, _, err := (Log{Level: slog.LevelInfo, File: filepath.Join(name, "below a file")}).Open(); err == nil {
		t.Error("a log was opened below a file")
	}
}
