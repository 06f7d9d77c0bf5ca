//go:build unix

package osservice

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// open is the log of a service.
func (l Log) open() (*slog.Logger, io.Closer, error) {
	if l.File == "" && isJournal(os.Getenv("JOURNAL_STREAM"), l.Stderr) {
		return slog.New(newJournal(l.Level, l.Stderr)), nil, nil
	}
	return l.plain()
}

// isJournal tells whether a writer is the stream to systemd's journal that JOURNAL_STREAM names, "device:inode": the
// variable alone is passed on to processes whose output goes elsewhere.
func isJournal(stream string, w io.Writer) bool {
	f, ok := w.(*os.File)
	var st unix.Stat_t
	if !ok || stream == "" || unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
