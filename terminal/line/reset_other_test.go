//go:build !windows

package line

import "syscall"

const errReset = syscall.ECONNRESET
