package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"tillbridge/bridge/config"
)

// firstSettings writes the settings that an installer brings where there are none, and a passcode beside those that
// cannot be used without. Both are for the service's user to read. It may be repeated: what is there stays.
func (p *program) firstSettings(file, first, user string) error {
	_, _, err := p.env.ReadFile(file, settingsMost)
	if errors.Is(err, fs.ErrNotExist) {
		var text []byte
		if text, _, err = p.env.ReadFile(first, settingsMost); err != nil {
			return fmt.Errorf("read the first settings: %w", err)
		}
		err = putFirst(file, text, user)
	}
	if err != nil {
		return fmt.Errorf("write the first settings: %w", err)
	}
	if _, err := config.Load(file, p.drivers, p.env); err == nil {
		return nil
	}
	passcode := filepath.Join(filepath.Dir(file), "passcode")
	_, _, err = p.env.ReadFile(passcode, settingsMost)
	if errors.Is(err, fs.ErrNotExist) {
		err = putFirst(passcode, []byte(rand.Text()+"\n"), user)
	}
	if err != nil {
		return fmt.Errorf("write the passcode: %w", err)
	}
	return nil
}

// putFirst writes a file that the service's user may read.
func putFirst(path string, data []byte, user string) error {
	if err := config.PutFile(path, data, 0o600); err != nil {
		return err
	}
	if user == "" {
		return nil
	}
	return handOver(path, user)
}
