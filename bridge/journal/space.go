package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// space watches the disk and holds the reserve: a file whose only use is to be given up, so that payments
// which were accepted can be written to their end on a full disk.
type space struct {
	path  string // the reserve file
	size  int64
	every time.Duration
	log   *slog.Logger
	free  func(dir string) (int64, error)

	mu      sync.Mutex
	spent   bool      // the reserve is not there
	failed  error     // the last write met a failing disk; nil once what it takes to go on went through
	faults  int       // how often a write met a failing disk
	verdict error     // why no new payment is taken; nil for none
	looked  time.Time // when the verdict was made

	rereading
}

func newSpace(path string, o Options, reread func(context.Context) error) *space {
	s := &space{path: path, size: o.ReserveBytes, every: o.CheckEvery, log: o.Log, free: freeBytes}
	s.reread = reread
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// ensure makes the reserve where it is missing and there is room for it.
func (s *space) ensure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent = true
	s.judge(s.weigh())
}

// accepting is nil while new payments may be written. It looks at the disk at most once in every, and tries
// what it needs to say yes again: probe is a small write that must go through after the disk has failed. After
// damage that does not tell how far the damage goes, so that everything is read anew.
func (s *space) accepting(probe func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.looked) < s.every {
		return s.verdict
	}
	if isDamage(s.failed) {
		s.readAnew()
		return s.verdict
	}
	if s.failed != nil {
		if err := probe(); err != nil {
			s.judge(fmt.Errorf("%w: %w", ErrDisk, err))
			return s.verdict
		}
		s.failed = nil
	}
	s.judge(s.weigh())
	return s.verdict
}

// weigh says whether there is room, and restores the reserve when there is. The caller holds mu.
func (s *space) weigh() error {
	free, err := s.free(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if s.spent && s.whole() {
		s.spent = false
	}
	need := s.size
	if s.spent {
		need *= 2
	}
	if free < need {
		return fmt.Errorf("%w: %d KiB free, %d needed", ErrFull, free>>10, need>>10)
	}
	if !s.spent {
		return nil
	}
	if err := s.fill(); err != nil {
		if isNoSpace(err) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return fmt.Errorf("%w: make the reserve: %w", ErrDisk, err)
	}
	s.spent = false
	return nil
}

// judge keeps the verdict and says so in the log when it changes. The caller holds mu.
func (s *space) judge(verdict error) {
	s.looked = time.Now()
	switch {
	case verdict != nil && s.verdict == nil:
		s.log.Error("no new payments are taken", "error", verdict)
	case verdict == nil && s.verdict != nil:
		s.log.Info("new payments are taken again")
	}
	s.verdict = verdict
}

// full is told of a write that found no space.
func (s *space) full(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge(fmt.Errorf("%w: %w", ErrFull, cause))
}

// broken is told of a write that met a failing disk.
func (s *space) broken(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = cause
	s.faults++
	s.judge(fmt.Errorf("%w: %w", ErrDisk, cause))
	if isDamage(cause) {
		s.readAnew()
	}
}

// tight tells whether there is less space free than the reserve takes: then a failed write means a full disk,
// whatever code it came with.
func (s *space) tight() bool {
	free, err := s.free(filepath.Dir(s.path))
	return err == nil && free < s.size/4
}

// release gives the reserve up; false when there was none.
func (s *space) release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent && !s.whole() {
		return false
	}
	s.spent = true
	if err := os.Remove(s.path); err != nil {
		s.log.Error("give up the reserve", "path", s.path, "error", err)
		return false
	}
	s.log.Warn("the disk is full: the reserve was given up so that accepted payments can be finished", "path", s.path)
	return true
}

// whole tells whether the reserve file is there and takes its space.
func (s *space) whole() bool {
	info, err := os.Lstat(s.path)
	return err == nil && info.Mode().IsRegular() && info.Size() == s.size && allocated(info) >= s.size
}

// fill writes the reserve aside and gives it its name. Its content is noise, which no file system can make
// smaller.
func (s *space) fill() (err error) {
	fresh := s.path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(fresh))
		}
	}()
	noise := rand.NewChaCha8([32]byte{})
	b := make([]byte, 64<<10)
	for left := s.size; left > 0 && err == nil; left -= int64(len(b)) {
		b = b[:min(int64(len(b)), left)]
		_, _ = noise.Read(b) // never fails
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, s.path)
}
