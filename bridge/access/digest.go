package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what a digest takes to compute: 19 MiB and two passes, the least that OWASP's password storage sheet recommends for
// Argon2id, since a till PC is small and the counter screen checks one password at a time.
type cost struct {
	passes  uint32
	memory  uint32 // KiB
	threads uint8
}

var usual = cost{passes: 2, memory: 19 << 10, threads: 1}

// The most that a digest in a file may ask for, so that a damaged one cannot use up the computer.
var most = cost{passes: 16, memory: 256 << 10, threads: 16}

const (
	saltBytes   = 16
	digestBytes = 32
	prefix      = "$argon2id$"
)

// errDigest says that what looks like a digest cannot be read.
var errDigest = errors.New("this begins as an Argon2id digest and cannot be read as one")

// digest is a password's Argon2id digest (RFC 9106) with a new salt, in the PHC string format.
func digest(password string, c cost) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it ends the process rather than fail
	sum := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, digestBytes)
	b := base64.RawStdEncoding
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", prefix, argon2.Version, c.memory, c.passes, c.threads, b.EncodeToString(salt), b.EncodeToString(sum))
}

// parsed is a digest taken apart.
type parsed struct {
	cost
	salt, sum []byte
}

// parse reads a digest as digest writes it.
func parse(text string) (parsed, error) {
	var p parsed
	parts := strings.Split(strings.TrimPrefix(text, prefix), "$")
	if len(parts) != 4 {
		return p, errDigest
	}
	var version int
	if n, err := fmt.Sscanf(parts[0], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return p, errDigest
	}
	if n, err := fmt.Sscanf(parts[1], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); n != 3 || err != nil {
		return p, errDigest
	}
	if p.memory < 8 || p.passes < 1 || p.threads < 1 || p.memory > most.memory || p.passes > most.passes || p.threads > most.threads {
		return p, errDigest
	}
	var err, err2 error
	p.salt, err = base64.RawStdEncoding.DecodeString(parts[2])
	p.sum, err2 = base64.RawStdEncoding.DecodeString(parts[3])
	if errors.Join(err, err2) != nil || len(p.salt) < 8 || len(p.sum) < 16 || len(p.salt)+len(p.sum) > 256 {
		return p, errDigest
	}
	return p, nil
}

// is tells whether a password has this digest.
func (p parsed) is(password string) bool {
	got := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, uint32(len(p.sum)))
	return subtle.ConstantTimeCompare(got, p.sum) == 1
}
