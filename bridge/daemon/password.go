package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// passwordAlphabet leaves out letters and digits that are taken for one another.
const passwordAlphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// counterPassword reads the counter screen's password, and makes one where the file is not there.
func counterPassword(path string) (password string, made bool, err error) {
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if password = strings.TrimSpace(string(b)); password == "" {
			return "", false, fmt.Errorf("the counter screen's password file %s is empty: write a password into it, or remove it and a new one is made", path)
		}
		return password, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", false, fmt.Errorf("read the counter screen's password: %w", err)
	}
	password = newPassword()
	if err := writePassword(path, password); err != nil {
		return "", false, fmt.Errorf("keep the counter screen's new password: %w", err)
	}
	return password, true, nil
}

// newPassword is four groups of four letters and digits, some 79 bits.
func newPassword() string {
	var b strings.Builder
	var one [1]byte
	for n := 0; n < 16; {
		_, _ = rand.Read(one[:]) // never fails
		if int(one[0]) >= 256-256%len(passwordAlphabet) {
			continue
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(passwordAlphabet[int(one[0])%len(passwordAlphabet)])
		n++
	}
	return b.String()
}

// writePassword writes the file aside, synced, and gives it its name.
func writePassword(path, password string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".counter-password-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(password + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
