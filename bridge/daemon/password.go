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

// secretFile reads a secret of the counter screen, its password or its API's token, and makes one where the file is not there.
func secretFile(path, what string) (secret string, made bool, err error) {
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if secret = strings.TrimSpace(string(b)); secret == "" {
			return "", false, fmt.Errorf("the file %s of %s is empty: write one into it, or remove it and a new one is made", path, what)
		}
		return secret, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", false, fmt.Errorf("read %s: %w", what, err)
	}
	secret = newPassword()
	if err := writeSecret(path, secret); err != nil {
		return "", false, fmt.Errorf("keep %s, which is new: %w", what, err)
	}
	return secret, true, nil
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

// writeSecret writes the file aside, synced, and gives it its name.
func writeSecret(path, secret string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
