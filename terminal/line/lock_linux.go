package line

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const permissionHint = "add the user to the group that owns it, mostly dialout"

// isLost tells the errors of opening, reading and writing a device that has left.
func isLost(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EIO)
}

// deviceNumber is the number of a device file, as sysfs writes it: "188:0".
func deviceNumber(st *syscall.Stat_t) string {
	dev := uint64(st.Rdev)
	return fmt.Sprintf("%d:%d", major(dev), minor(dev))
}

func major(dev uint64) uint64 { return dev>>8&0xFFF | dev>>32&^0xFFF }
func minor(dev uint64) uint64 { return dev&0xFF | dev>>12&0xFFF00 }

// statDevice looks at a device file without opening it.
func statDevice(path string) (*syscall.Stat_t, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFCHR {
		return nil, fmt.Errorf("%s is not a device", path)
	}
	return &st, nil
}

// lockDevice locks the device behind path for this open, against every other in this and other processes.
// The lock ends with release, or with the process.
//
// The lock is an flock on the device itself, as other serial programs take it. A lock file would need one
// folder that every user and every sandboxed service can write, and there is none.
//
// As long as the lock's descriptor is open, the kernel gives the device's number to no other.
func lockDevice(path string) (*held, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if _, err := statDevice(real); err != nil {
		return nil, err
	}
	fd, err := retry(func() (int, error) {
		return syscall.Open(real, syscall.O_RDONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if errors.Is(err, syscall.EBUSY) { // its exclusive mode refuses all but the superuser
		pid, program := holder(real)
		return nil, &BusyError{real, pid, program}
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: real, Err: err}
	}
	h, err := heldBy(fd, real)
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	_, err = retry(func() (int, error) { return 0, syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if err == nil {
		return h, nil
	}
	_ = syscall.Close(fd)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, program := holder(real)
		return nil, &BusyError{real, pid, program}
	}
	return nil, &os.PathError{Op: "lock", Path: real, Err: err}
}

// heldBy describes the device that a descriptor is to, which need not be the one that has its name by now.
func heldBy(fd int, real string) (*held, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: real, Err: err}
	}
	h := &held{path: real, number: deviceNumber(&st), via: "/proc/self/fd/" + strconv.Itoa(fd)}
	if _, err := os.Stat(h.via); err != nil {
		h.via = real // no /proc here, where verify has to do alone
	}
	h.release = func() {
		// Closing alone does not unlock while a program that is being started still has a copy.
		_, _ = retry(func() (int, error) { return 0, syscall.Flock(fd, syscall.LOCK_UN) })
		_ = syscall.Close(fd)
	}
	return h, nil
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
