package osservice

import (
	"errors"
	"fmt"
	"os"

	"github.com/kardianos/service"
)

// thisSystem asks the library which service manager this system has.
func thisSystem() (system, error) {
	run := runner(runCommand)
	a := systemAccounts(run)
	lib := func(s Spec, o service.KeyValue) (library, error) { return newLibrary(s, "", o) }
	var i *initd
	switch platform := service.Platform(); platform {
	case "linux-systemd":
		return &systemd{root: "/", run: run, accounts: a, library: lib}, nil
	case "linux-openrc":
		i = openRC()
	case "unix-systemv":
		if _, err := os.Stat("/etc/init.d"); err != nil {
			return nil, errors.New("there is no service manager on this system that tillbridge knows; " + byHand)
		}
		i = sysV()
	default:
		return nil, fmt.Errorf("the service manager of this system is %s, which tillbridge makes no service for; "+byHand, platform)
	}
	i.root, i.run, i.accounts, i.library = "/", run, a, lib
	return i, nil
}

const byHand = "make one by the system's own means of: tillbridge run --service --config FILE"
