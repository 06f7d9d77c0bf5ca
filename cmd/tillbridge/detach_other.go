//go:build !unix

package main

import "os/exec"

// detach does nothing here: only a console's own interrupt reaches a child.
func detach(*exec.Cmd) {}
