//go:build linux && (amd64 || arm64)

package journal

import (
	"errors"
	"os"
	"syscall"
)

// adviseDontNeed is POSIX_FADV_DONTNEED of posix_fadvise(2).
const adviseDontNeed = 4

// forget drops from the system's memory what it holds of a closed journal. A journal in memory has nothing
// else and keeps it.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // what is not written yet cannot be dropped
		return err
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, fd, 0, 0, adviseDontNeed, 0, 0); errno != 0 {
			failed = os.NewSyscallError("fadvise64", errno)
		}
	})
	return errors.Join(err, failed)
}
