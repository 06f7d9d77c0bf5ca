//go:build !linux

package simulate

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

var errNoPTY = fmt.Errorf("pseudo-terminals are not to be had on %s; use an address (--tcp) instead: %w", runtime.GOOS, errors.ErrUnsupported)

// PTYPort exists on Linux only; everything here returns an error.
type PTYPort struct{}

// PTY makes a pseudo-terminal on Linux; elsewhere it returns an error that is errors.ErrUnsupported.
func PTY(string) (*PTYPort, error) { return nil, errNoPTY }

// Path is the device on Linux, and empty here.
func (*PTYPort) Path() string { return "" }

func (*PTYPort) Read([]byte) (int, error) { return 0, errNoPTY }

func (*PTYPort) Write([]byte) (int, error) { return 0, errNoPTY }

// SetReadDeadline does nothing here.
func (*PTYPort) SetReadDeadline(time.Time) error { return errNoPTY }

// Release does nothing here.
func (*PTYPort) Release() error { return errNoPTY }

// Discard does nothing here.
func (*PTYPort) Discard() error { return errNoPTY }

// Close does nothing here.
func (*PTYPort) Close() error { return nil }
