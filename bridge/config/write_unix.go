//go:build unix

package config

import (
	"fmt"
	"os"
	"syscall"
)

// keepOwner gives a new file the owner and the group of an old one.
func keepOwner(f *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if now, ok := info.Sys().(*syscall.Stat_t); ok && now.Uid == was.Uid && now.Gid == was.Gid {
		return nil
	}
	if err := f.Chown(int(was.Uid), int(was.Gid)); err != nil {
		return fmt.Errorf("the settings belong to another user, and would not any more; run this with sudo: %w", err)
	}
	return nil
}
