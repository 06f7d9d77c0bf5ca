package line

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// ErrGone is wrapped by the errors of Read and Write when the line was lost: the device was unplugged, the
// peer closed the connection or reset it. It is never returned because of our own Close.
var ErrGone = errors.New("the line is gone")

// ErrStuck is wrapped by the error of a Write whose bytes the system did not take in time, of every Write
// after it on that port, and of a Close whose system call did not end in time. Bytes of a stuck Write may
// have left. It does not wrap os.ErrDeadlineExceeded, which is silence on a Read and nothing else.
var ErrStuck = errors.New("the line does not move")

// ErrAmbiguous is wrapped by the error of an Open or a Find that more than one device matches.
var ErrAmbiguous = errors.New("more than one device matches")

// ErrOther is wrapped by the error of an Open that found another device than the one that the line was to
// before. Nothing was sent to it.
var ErrOther = errors.New("this is another device than before")

// absentError says which device is not there. It is fs.ErrNotExist without that one's words, which speak of a file.
type absentError string

func absentf(format string, args ...any) error { return absentError(fmt.Sprintf(format, args...)) }

func (e absentError) Error() string { return string(e) }

func (e absentError) Is(target error) bool { return target == fs.ErrNotExist }

// BusyError tells that another user has the serial port.
type BusyError struct {
	Path    string
	PID     int    // the process that holds the port, 0 where it cannot be told
	Program string // that process's name, where it can be told
}

func (e *BusyError) Error() string {
	switch {
	case e.PID == os.Getpid():
		return fmt.Sprintf("%s is in use by this program already (process %d)", e.Path, e.PID)
	case e.PID != 0 && e.Program != "":
		return fmt.Sprintf("%s is in use by %s (process %d); stop that program first", e.Path, e.Program, e.PID)
	case e.PID != 0:
		return fmt.Sprintf("%s is in use by process %d; stop that program first", e.Path, e.PID)
	}
	return e.Path + " is in use by another program; stop that program first"
}

// closedError is what every operation returns after our own Close. It matches both of the standard
// library's errors for that.
type closedError struct{ name string }

func (e closedError) Error() string { return e.name + " was closed" }

func (e closedError) Is(target error) bool { return target == net.ErrClosed || target == os.ErrClosed }
