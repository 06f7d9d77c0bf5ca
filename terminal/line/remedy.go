package line

import (
	"errors"
	"fmt"
	"io/fs"
)

// grabbed says what to do about ModemManager, which speaks modem commands to every new serial port.
func grabbed(pid int) string {
	return fmt.Sprintf("ModemManager runs (process %d): it opens serial ports that are plugged in and sends them modem commands. Unless this computer dials out: sudo systemctl disable --now ModemManager", pid)
}

// withoutPort says why a USB device has no serial port and what to do; empty for one that need not have any.
func (p PortInfo) withoutPort(modem bool) string {
	c, known := chipOf(p.USB)
	switch {
	case !known && !modem:
		return ""
	case p.Driver == "usbfs":
		return "another program has taken it from the system, often brltty, the program for Braille displays: sudo apt remove brltty, then plug it in again"
	case modem:
		c.driver = "cdc_acm"
	}
	if p.Driver != "" {
		return fmt.Sprintf("the system's driver %s has it, which makes no serial port of it; %s should: sudo modprobe %s, then plug it in again", p.Driver, c.driver, c.driver)
	}
	return fmt.Sprintf("the driver %s is missing: sudo modprobe %s, then plug it in again; where that fails, install the system's package of further drivers (on Ubuntu linux-modules-extra)", c.driver, c.driver)
}

// account is this user, as far as access to a port goes.
type account struct {
	name    string          // empty where it is not known
	member  map[string]bool // the groups that the system's list gives the user, which a new login has
	groupOf func(path string) (group string, open bool, err error)
}

// remedy says how this user can be let at a port that may not be opened. open is whether its group may.
func (a account) remedy(path string, cause error) string {
	if errors.Is(cause, fs.ErrNotExist) {
		return path + " is missing, though the system has the port; plug it in again (in a container: pass the device through)"
	}
	if !errors.Is(cause, fs.ErrPermission) {
		return path + " cannot be opened: " + cause.Error()
	}
	name := a.name
	if name == "" {
		name = "USER"
	}
	group, open, err := a.groupOf(path)
	switch {
	case err != nil:
		return path + " may not be opened by " + name + "; " + permissionHint
	case !open || group == "root":
		return fmt.Sprintf("only root may open %s; packaged tillbridge brings a udev rule that gives serial ports to the group dialout, here it takes: sudo chgrp dialout %s && sudo chmod 660 %s", path, path, path)
	case a.member[group]:
		return fmt.Sprintf("%s belongs to the group %s, and %s is in it since after this login: log out and in", path, group, name)
	}
	return fmt.Sprintf("%s belongs to the group %s: sudo usermod -aG %s %s, then log out and in", path, group, group, name)
}
