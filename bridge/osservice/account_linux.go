package osservice

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// accounts are the users and groups of a system.
type accounts struct {
	run   runner
	user  func(name string) (*user.User, error)
	group func(name string) (*user.Group, error)
}

func systemAccounts(run runner) accounts {
	return accounts{run: run, user: user.Lookup, group: user.LookupGroup}
}

// serialGroup is the group that may open serial ports; empty where none of the usual ones is there.
func (a accounts) serialGroup() string {
	for _, name := range []string{unitGroup, "uucp"} {
		if _, err := a.group(name); err == nil {
			return name
		}
	}
	return ""
}

// ensure makes the service's own user, a member of the group of the serial ports, unless it is there already.
func (a accounts) ensure(ctx context.Context, serial string) (made bool, err error) {
	if _, err := a.user(Name); err == nil {
		return false, nil
	}
	args := []string{
		"--system", "--user-group", "--home-dir", unitState, "--no-create-home", "--shell", "/usr/sbin/nologin",
		"--comment", "tillbridge service",
	}
	if serial != "" {
		args = append(args, "--groups", serial)
	}
	err = a.run.must(ctx, "useradd", append(args, Name)...)
	if errors.Is(err, exec.ErrNotFound) {
		err = a.busybox(ctx, serial)
	}
	if err != nil {
		return false, fmt.Errorf("make the user %s for the service: %w; make it by hand and repeat this", Name, err)
	}
	return true, nil
}

// busybox makes the user where there is no useradd, as on Alpine.
func (a accounts) busybox(ctx context.Context, serial string) error {
	err := a.run.must(ctx, "addgroup", "-S", Name)
	if err == nil {
		err = a.run.must(ctx, "adduser", "-S", "-D", "-H", "-h", unitState, "-s", "/sbin/nologin", "-G", Name, Name)
	}
	if err == nil && serial != "" {
		err = a.run.must(ctx, "addgroup", Name, serial)
	}
	return err
}

// unreadable tells, with a remedy, that the service's user cannot read a file; empty where it can, or where that cannot
// be told.
func (a accounts) unreadable(path string) string {
	u, err := a.user(Name)
	if err != nil {
		return ""
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	may := func(name string, bit uint32) bool {
		info, err := os.Stat(name)
		if err != nil {
			return true // another fault, which the program tells of itself
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return true
		}
		switch {
		case int(st.Uid) == uid:
			return st.Mode&(bit<<6) != 0
		case int(st.Gid) == gid:
			return st.Mode&(bit<<3) != 0
		}
		return st.Mode&bit != 0
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if !may(folder, 1) {
			return fmt.Sprintf("The user %s cannot enter %s, so that the service cannot read its settings. Let it: chgrp %s %s; chmod g+x %s", Name, folder, Name, folder, folder)
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	if !may(path, 4) {
		return fmt.Sprintf("The user %s cannot read %s. Let it, and nobody else: chgrp %s %s; chmod 640 %s", Name, path, Name, path, path)
	}
	return ""
}
