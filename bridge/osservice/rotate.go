package osservice

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Bounds of a log on the disk: logFileMost bytes in each of logFiles files.
const (
	logFileMost = 5 << 20
	logFiles    = 5
)

// RotatingFile is a log of bounded size: at its bound FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on, and the
// oldest goes. A write that fails loses its line and nothing else. It may be used in any goroutine.
type RotatingFile struct {
	path  string
	most  int64
	files int

	mu   sync.Mutex
	f    *os.File // nil after an error, until it can be opened again
	size int64
}

// OpenRotatingFile opens a log to be added to, and makes its folder. All its files together have at most files*most
// bytes, or one line where that is longer.
func OpenRotatingFile(path string, most int64, files int) (*RotatingFile, error) {
	if most < 1 || files < 1 {
		return nil, fmt.Errorf("a log of %d files of %d bytes cannot be kept", files, most)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	r := &RotatingFile{path: path, most: most, files: files}
	return r, r.open(os.O_APPEND)
}

func (r *RotatingFile) open(how int) error {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|how, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), f.Close())
	}
	r.f, r.size = f, info.Size()
	return nil
}

// Write adds one line, or several that stay together.
func (r *RotatingFile) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f == nil {
		if err := r.open(os.O_APPEND); err != nil {
			return 0, err
		}
	}
	if r.size > 0 && r.size+int64(len(p)) > r.most {
		if err := r.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := r.f.Write(p)
	r.size += int64(n)
	return n, err
}

// rotate begins a new file. Where an old one cannot be moved, as one that somebody reads on Windows, it is emptied.
func (r *RotatingFile) rotate() error {
	err := r.f.Close()
	r.f = nil
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	for i := r.files - 1; i > 0 && err == nil; i-- {
		if err = os.Rename(r.name(i-1), r.name(i)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	how := os.O_APPEND
	if err != nil || r.files == 1 {
		how |= os.O_TRUNC
	}
	return r.open(how)
}

func (r *RotatingFile) name(i int) string {
	if i == 0 {
		return r.path
	}
	return fmt.Sprintf("%s.%d", r.path, i)
}

// Close ends the log. Writing afterwards opens it again.
func (r *RotatingFile) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f == nil {
		return nil
	}
	f := r.f
	r.f = nil
	return f.Close()
}
