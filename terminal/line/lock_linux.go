package line

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const permissionHint = "add the user to the group that owns it, mostly dialout"

// isUnplugged tells the errors of a device file whose device has left.
func isUnplugged(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV)
}

// lockDevice locks the device behind path for this open, against every other in this and other processes,
// and returns its real path. The lock ends with release, or with the process.
//
// The lock is an flock on the device itself, as other serial programs take it. A lock file would need one
// folder that every user and every sandboxed service can write, and there is none.
func lockDevice(path string) (real string, release func(), err error) {
	real, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", nil, err
	}
	var st syscall.Stat_t
	if err := syscall.Stat(real, &st); err != nil {
		return "", nil, &os.PathError{Op: "stat", Path: real, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFCHR {
		return "", nil, fmt.Errorf("%s is not a device", real)
	}
	fd, err := retry(func() (int, error) {
		return syscall.Open(real, syscall.O_RDONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if errors.Is(err, syscall.EBUSY) { // its exclusive mode refuses all but the superuser
		pid, program := holder(real)
		return "", nil, &BusyError{real, pid, program}
	}
	if err != nil {
		return "", nil, &os.PathError{Op: "open", Path: real, Err: err}
	}
	_, err = retry(func() (int, error) { return 0, syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if err == nil {
		return real, func() {
			// Closing alone does not unlock while a program that is being started still has a copy.
			_, _ = retry(func() (int, error) { return 0, syscall.Flock(fd, syscall.LOCK_UN) })
			_ = syscall.Close(fd)
		}, nil
	}
	_ = syscall.Close(fd)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, program := holder(real)
		return "", nil, &BusyError{real, pid, program}
	}
	return "", nil, &os.PathError{Op: "lock", Path: real, Err: err}
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// holder finds the process that uses a device: by its lock, else by its open files as far as we may see
// them. It returns 0 where neither tells.
func holder(path string) (pid int, program string) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	pid = lockHolder(path)
	if pid == 0 {
		pid = fileHolder(path)
	}
	if pid == 0 {
		return 0, ""
	}
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return pid, ""
	}
	return pid, strings.TrimSpace(string(name))
}

// lockHolder reads /proc/locks, proc(5): "1: FLOCK  ADVISORY  WRITE 11993 fe:00:9978012 0 EOF".
func lockHolder(path string) int {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0
	}
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	dev := uint64(st.Dev)
	major, minor := dev>>8&0xFFF|dev>>32&^0xFFF, dev&0xFF|dev>>12&0xFFF00
	want := fmt.Sprintf("%02x:%02x:%d", major, minor, st.Ino)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != want {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// fileHolder looks for another process that has the device open.
func fileHolder(path string) int {
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	for _, f := range files {
		if target, err := os.Readlink(f); err != nil || target != path {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(f, "/")[2])
		if err == nil && pid != os.Getpid() {
			return pid
		}
	}
	return 0
}

// keepFromChildren marks our descriptors of the device so that programs that we start do not inherit them.
// The library opens them without that mark; a child would hold the port, and its exclusive mode, after us.
func keepFromChildren(path string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || target != path {
			continue
		}
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			syscall.CloseOnExec(fd)
		}
	}
}
