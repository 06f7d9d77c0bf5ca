package line

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"go.bug.st/serial"
)

func parities() map[string]serial.Parity {
	return map[string]serial.Parity{"none": serial.NoParity, "even": serial.EvenParity, "odd": serial.OddParity}
}

func stopBits() map[string]serial.StopBits {
	return map[string]serial.StopBits{"1": serial.OneStopBit, "1.5": serial.OnePointFiveStopBits, "2": serial.TwoStopBits}
}

// openTTY opens a device by the serial library.
func openTTY(path string, m mode) (tty, error) {
	p, err := serial.Open(path, &serial.Mode{BaudRate: m.baud, DataBits: m.dataBits, Parity: parities()[m.parity], StopBits: stopBits()[m.stopBits]})
	if err != nil {
		return nil, err // not p, which is no nil in an interface
	}
	return exactly(p), nil
}

// serialLimits works out how long a write may take at the line's speed: a byte is at most 12 bits, and the
// system may hold some kilobytes before ours.
func serialLimits(c Config) limits {
	return limits{
		grace: closeGrace, close: closeTimeout,
		write: func(n int) time.Duration {
			return writeTimeout + time.Duration(n+4096)*12*time.Second/time.Duration(c.Baud)
		},
	}
}

// openError says what the shop can do about it, with a cause that errors.Is knows on every system.
func openError(path string, err error) error {
	var busy *BusyError
	if errors.As(err, &busy) {
		return fmt.Errorf("open port: %w", err)
	}
	cause := err
	var portErr *serial.PortError
	if errors.As(err, &portErr) {
		switch portErr.Code() {
		case serial.PortBusy:
			pid, program := holder(path)
			return fmt.Errorf("open port: %w", &BusyError{path, pid, program})
		case serial.PortNotFound:
			cause = fs.ErrNotExist
		case serial.PermissionDenied:
			cause = fs.ErrPermission
		case serial.InvalidSerialPort:
			// The library hides the cause. Neither a device that left just now nor a port that the mainboard does not
			// have answers.
			if strings.HasSuffix(err.Error(), syscall.EIO.Error()) {
				cause = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
				break
			}
			return fmt.Errorf("open port: %s is no serial port, or cannot have these settings: %w", path, err)
		}
	}
	if isLost(cause) {
		cause = fmt.Errorf("%w: %w", fs.ErrNotExist, cause)
	}
	if at, ok := cause.(*fs.PathError); ok {
		cause = at.Err // the sentence names the port already
	}
	switch {
	case errors.Is(cause, fs.ErrNotExist):
		return fmt.Errorf("open port: there is nothing at %s: %w; is the terminal plugged in and switched on?", path, cause)
	case errors.Is(cause, fs.ErrPermission):
		return fmt.Errorf("open port: %s may not be opened by this user: %w; %s", path, cause, permissionHint)
	}
	return fmt.Errorf("open port: %s: %w", path, cause)
}

// plain says what the errors of a device mean that is not there any more. The library's own, "port has been
// closed", would be taken for our Close.
func plain(err error) error {
	var portErr *serial.PortError
	switch {
	case errors.As(err, &portErr) && portErr.Code() == serial.PortClosed:
		return errors.New("the device was unplugged or hung up")
	case isLost(err):
		return fmt.Errorf("the device was unplugged or hung up: %w", err)
	}
	return err
}
