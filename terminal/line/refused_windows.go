package line

import "syscall"

// errRefused is WSAECONNREFUSED. syscall.ECONNREFUSED is a number of Go's own on Windows, which no call returns.
const errRefused = syscall.Errno(10061)
