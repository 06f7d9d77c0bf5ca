package line

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"go.bug.st/serial"

	"tillbridge/terminal"
)

func parities() map[string]serial.Parity {
	return map[string]serial.Parity{"none": serial.NoParity, "even": serial.EvenParity, "odd": serial.OddParity}
}

func stopBits() map[string]serial.StopBits {
	return map[string]serial.StopBits{"1": serial.OneStopBit, "1.5": serial.OnePointFiveStopBits, "2": serial.TwoStopBits}
}

// openSerial opens the device in a goroutine of its own, since the calls of a broken adapter may hang. One
// that comes too late is closed again.
func openSerial(ctx context.Context, c Config) (terminal.Port, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	type opened struct {
		port *serialPort
		err  error
	}
	result := make(chan opened)
	go func() {
		p, err := openDevice(c)
		select {
		case result <- opened{p, err}:
		case <-ctx.Done():
			if err == nil {
				_ = p.Close()
			}
		}
	}()
	select {
	case o := <-result:
		if o.err != nil {
			return nil, o.err
		}
		return o.port, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("open %s: the device does not answer: %w", c.Serial, ctx.Err())
	}
}

// openDevice takes our lock and opens the device.
//
// The device's own exclusive mode (TIOCEXCL on Linux) is not enough: it never refuses the superuser. It also
// outlives a killed program on a pseudo-terminal, for as long as the other side is open, and then refuses
// everybody else; whoever plays the terminal's side has to lift it (TIOCNXCL) after a kill.
func openDevice(c Config) (*serialPort, error) {
	path, release, err := lockDevice(c.Serial)
	if err != nil {
		return nil, openError(c.Serial, err)
	}
	// No InitialStatusBits: opening raises DTR and RTS anyway, and a device without modem lines would be
	// refused for the want of them.
	mode := serial.Mode{BaudRate: c.Baud, DataBits: c.DataBits, Parity: parities()[c.Parity], StopBits: stopBits()[c.StopBits]}
	dev, err := serial.Open(path, &mode)
	for tries := 0; errors.Is(err, syscall.EINTR) && tries < 10; tries++ {
		dev, err = serial.Open(path, &mode)
	}
	if err != nil {
		release()
		return nil, openError(path, err)
	}
	keepFromChildren(path)
	// Some terminals are deaf without these two, and a program before us may have dropped them. Pseudo-
	// terminals and some adapters have none, which is no failure.
	_ = dev.SetDTR(true)
	_ = dev.SetRTS(true)
	if err := dev.SetReadTimeout(pollEvery); err != nil {
		_ = dev.Close()
		release()
		return nil, openError(path, err)
	}
	return newSerial(c.Serial, dev, release, serialLimits(c)), nil
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
			return fmt.Errorf("open port: %s is no serial port, or cannot have these settings: %w", path, err)
		}
	}
	switch {
	case errors.Is(cause, fs.ErrNotExist), isUnplugged(cause):
		return fmt.Errorf("open port: there is no %s: %w; is the terminal plugged in and switched on?", path, cause)
	case errors.Is(cause, fs.ErrPermission):
		return fmt.Errorf("open port: %s may not be opened by this user: %w; %s", path, cause, permissionHint)
	}
	return fmt.Errorf("open port: %s: %w", path, cause)
}

// plain replaces the library's "port has been closed", which is what an unplugged device looks like there.
func plain(err error) error {
	var portErr *serial.PortError
	if errors.As(err, &portErr) && portErr.Code() == serial.PortClosed {
		return errors.New("the device was unplugged or hung up")
	}
	return err
}
