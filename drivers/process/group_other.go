//go:build !unix

package process

import "os/exec"

// group does nothing: there are no process groups here.
func group(*exec.Cmd) {}

// killGroup ends the command.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // that it has ended already is no fault
