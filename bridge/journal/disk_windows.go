package journal

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// The codes of a full disk: ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
const (
	errHandleDiskFull = syscall.Errno(39)
	errDiskFull       = syscall.Errno(112)
)

// freeBytes is the space that this user may still fill on the disk of a folder.
func freeBytes(dir string) (int64, error) {
	name, err := syscall.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	call := syscall.NewLazyDLL("kernel32.dll").NewProc("GetDiskFreeSpaceExW")
	if ok, _, err := call.Call(uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&free)), 0, 0); ok == 0 {
		return 0, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return int64(min(free, 1<<62)), nil
}

// isNoSpace tells whether a file could not be written for want of space.
func isNoSpace(err error) bool {
	return errors.Is(err, errHandleDiskFull) || errors.Is(err, errDiskFull)
}

// allocated is the space that a file takes on the disk. The reserve is written in full, and NTFS makes no
// file sparse or compressed by itself unless its folder says so.
func allocated(info os.FileInfo) int64 { return info.Size() }

// syncDir does nothing: NTFS makes the names in a folder durable by its own log.
func syncDir(string) error { return nil }
