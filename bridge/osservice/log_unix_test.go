//go:build unix

package osservice

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestJournalStream writes priorities to the stream that JOURNAL_STREAM names, and to no other.
func TestJournalStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(w.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	for _, x := range []struct {
		stream  string
		service bool
		want    bool
	}{{stream, true, true}, {stream, false, false}, {"8:1", true, false}, {"", true, false}} {
		t.Setenv("JOURNAL_STREAM", x.stream)
		log, end, err := Log{Level: slog.LevelInfo, Stderr: w, Service: x.service}.Open()
		if err != nil || end != nil {
			t.Fatal(end, err)
		}
		log.Warn("look", "stream", x.stream, "service", x.service)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if err != nil || len(lines) != 4 || lines[0] != `<4>msg=look stream=`+stream+` service=true` {
		t.Fatalf("%v\n%s", err, b)
	}
	for _, l := range lines[1:] {
		if !strings.HasPrefix(l, "time=") || !strings.Contains(l, " level=WARN msg=look") {
			t.Error(l)
		}
	}
	t.Setenv("JOURNAL_STREAM", stream)
	if isJournal(stream, &bytes.Buffer{}) {
		t.Error("what is no file is the journal")
	}
}
