//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// SyncFolder makes a folder's list of names last.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) {
		err = nil // this file system has nothing to sync in a folder
	}
	return errors.Join(err, d.Close())
}
