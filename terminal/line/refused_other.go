//go:build !windows

package line

import "syscall"

// errRefused is what a connection ends with to a port where nobody listens.
const errRefused = syscall.ECONNREFUSED
