package journal

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// sign writes this process's id into the lock file that it holds.
func sign(f *os.File) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if isNoSpace(err) {
		return nil // the lock counts, its text is a courtesy
	}
	return err
}

// holder reads the process id in a lock file; 0 where there is none.
func holder(f *os.File) int {
	b := make([]byte, 20)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
