package line

import "syscall"

const errReset = syscall.WSAECONNRESET
