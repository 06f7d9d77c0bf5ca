//go:build !windows

package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the lock file for this process until it is closed or the process ends, and writes the process id
// into it. A *HeldError means that another process has it.
func lock(path, journal string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid := holder(f)
		return nil, errors.Join(&HeldError{Path: journal, PID: pid}, f.Close())
	}
	if err == nil {
		err = sign(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
