package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Write gives a file that only this user can read a new content: aside, synced, under its name, and the folder synced. After an
// error the old content stands, or, where only the folder could not be synced, the new one that a power cut may take back.
func Write(path string, content []byte) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(filepath.Clean(dir), "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Clean(dir))
}
