//go:build !linux && !windows

package line

import (
	"errors"
	"syscall"
)

// isLost tells the errors of opening, reading and writing a device that has left.
func isLost(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EIO)
}
