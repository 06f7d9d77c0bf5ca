//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach keeps the keyboard's signals away from a child.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
