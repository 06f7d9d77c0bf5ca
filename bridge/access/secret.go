package access

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"tillbridge/bridge/durable"
)

// alphabet leaves out letters and digits that are taken for one another.
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// Secret reads a secret from its file, and makes one where the file is not there. What is in words what it is, for errors.
func Secret(path, what string) (secret string, made bool, err error) {
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
	secret = newSecret()
	if err := durable.Write(path, []byte(secret+"\n")); err != nil {
		return "", false, fmt.Errorf("keep %s, which is new: %w", what, err)
	}
	return secret, true, nil
}

// Hidden tells whether what a password's file holds is a digest, from which nobody learns the password.
func Hidden(content string) bool { return strings.HasPrefix(content, prefix) }

// newSecret is four groups of four letters and digits, some 79 bits.
func newSecret() string {
	var b strings.Builder
	var one [1]byte
	for n := 0; n < 16; {
		_, _ = rand.Read(one[:]) // it ends the process rather than fail
		if int(one[0]) >= 256-256%len(alphabet) {
			continue
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[int(one[0])%len(alphabet)])
		n++
	}
	return b.String()
}
