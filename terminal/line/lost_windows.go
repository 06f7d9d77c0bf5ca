package line

import (
	"errors"
	"slices"
	"syscall"
)

// Windows' errors for a device that has left.
const (
	errorBadCommand         = syscall.Errno(22)   // the device does not recognise the command
	errorGenFailure         = syscall.Errno(31)   // a device attached to the system is not functioning
	errorNoSuchDevice       = syscall.Errno(433)  // a device which does not exist was specified
	errorDeviceNotConnected = syscall.Errno(1167) // the device is not connected
	errorDeviceRemoved      = syscall.Errno(1617) // the device has been removed
	errorAccessDenied       = syscall.Errno(5)    // what usbser.sys says once its device has left
	errorOperationAborted   = syscall.Errno(995)  // the read was ended by the driver
)

// isLost tells the errors of opening, reading and writing a device that has left.
func isLost(err error) bool {
	var e syscall.Errno
	return errors.As(err, &e) && slices.Contains([]syscall.Errno{
		errorBadCommand, errorGenFailure, errorNoSuchDevice, errorDeviceNotConnected, errorDeviceRemoved, errorAccessDenied, errorOperationAborted,
	}, e)
}
