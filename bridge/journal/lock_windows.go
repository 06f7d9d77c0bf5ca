package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// errSharing is ERROR_SHARING_VIOLATION.
const errSharing = syscall.Errno(32)

// lock takes the lock file for this process until it is closed or the process ends, and writes the process id
// into it: the file is opened for writing in a way that lets others read it and not write it. A *HeldError
// means that another process has it.
func lock(path, journal string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, &HeldError{Path: journal, PID: readHolder(name)}
	}
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	f := os.NewFile(uintptr(h), path)
	if err := sign(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// readHolder reads the process id from a lock file that another process has open for writing.
func readHolder(name *uint16) int {
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ, syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE, nil,
		syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return 0
	}
	f := os.NewFile(uintptr(h), "lock")
	pid := holder(f)
	if f.Close() != nil {
		return 0
	}
	return pid
}
