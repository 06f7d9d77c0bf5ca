//go:build !linux

package line

const permissionHint = "run as a user who may use the port"

// isUnplugged tells the errors of a device file whose device has left; here they are all fs.ErrNotExist.
func isUnplugged(error) bool { return false }

// lockDevice does nothing here: on Windows a COM port opens once by itself.
func lockDevice(path string) (real string, release func(), err error) {
	return path, func() {}, nil
}

// holder cannot tell who uses the port.
func holder(string) (pid int, program string) { return 0, "" }

// keepFromChildren has nothing to do: handles are not inherited here unless asked for.
func keepFromChildren(string) {}
