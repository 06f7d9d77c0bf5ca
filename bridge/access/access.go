package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"tillbridge/bridge/durable"
)

// Role is what somebody may do.
type Role uint8

// The roles. Each may do all that the one before may.
const (
	Nobody Role = iota
	Clerk       // sees payments, cancels, settles what is not known, with evidence
	Owner       // gives money back, exports, sees the settings, changes passwords
)

func (r Role) String() string {
	if r > Owner {
		return fmt.Sprintf("role(%d)", uint8(r))
	}
	return [...]string{"nobody", "clerk", "owner"}[r]
}

// The length of a password that a person chooses, in characters, and of any in bytes.
const (
	LeastCharacters = 10
	mostBytes       = 200
)

// Errors of Change. Nothing has changed then.
var (
	ErrShort = fmt.Errorf("a password needs %d characters", LeastCharacters)
	ErrLong  = fmt.Errorf("a password is at most %d bytes", mostBytes)
	ErrSame  = errors.New("this is the password of the other role: each needs one of its own")
)

// Passwords are the passwords of all roles. Its methods may be called from any goroutine; each check may take tens of megabytes and
// tens of milliseconds, so that whoever lets strangers try bounds how many run at a time.
type Passwords struct {
	mu    sync.Mutex
	files map[Role]string
	kept  map[Role]string // as in the file
}

// Open reads the passwords, and makes those that are not there. Made are the roles whose password is new.
func Open(clerkFile, ownerFile string) (p *Passwords, made []Role, err error) {
	p = &Passwords{files: map[Role]string{Clerk: clerkFile, Owner: ownerFile}, kept: map[Role]string{}}
	for _, r := range []Role{Clerk, Owner} {
		secret, isNew, err := Secret(p.files[r], "the counter screen's password for the "+r.String())
		if err != nil {
			return nil, nil, err
		}
		if isNew {
			made = append(made, r)
		}
		if Hidden(secret) {
			if _, err := parse(secret); err != nil {
				return nil, nil, fmt.Errorf("read %s: %w; remove the file and a new password is made", p.files[r], err)
			}
		}
		p.kept[r] = secret
	}
	return p, made, nil
}

// Role is whose password this is, Nobody for a wrong one. It takes as long for a right one as for a wrong one.
func (p *Passwords) Role(password string) Role {
	p.mu.Lock()
	clerk, owner := p.kept[Clerk], p.kept[Owner]
	p.mu.Unlock()
	isClerk, isOwner := matches(clerk, password), matches(owner, password)
	switch {
	case password == "" || len(password) > mostBytes:
		return Nobody
	case isOwner:
		return Owner
	case isClerk:
		return Clerk
	}
	return Nobody
}

// Plain tells whether a role's password stands in its file as it is, as one does that the bridge made and nobody changed.
func (p *Passwords) Plain(r Role) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !Hidden(p.kept[r])
}

// matches tells whether a password is the one that is kept.
func matches(kept, password string) bool {
	if Hidden(kept) {
		p, err := parse(kept)
		return err == nil && p.is(password)
	}
	got, want := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(kept))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// Change gives a role another password. Its file then holds a digest. It is durable when Change returns nil; after an error the
// old one holds.
func (p *Passwords) Change(r Role, password string) error {
	switch {
	case r != Clerk && r != Owner:
		return fmt.Errorf("%s has no password", r)
	case utf8.RuneCountInString(password) < LeastCharacters:
		return ErrShort
	case len(password) > mostBytes:
		return ErrLong
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if matches(p.kept[Clerk+Owner-r], password) {
		return ErrSame
	}
	kept := digest(password, usual)
	if err := durable.Write(p.files[r], []byte(kept+"\n")); err != nil {
		return fmt.Errorf("keep the password: %w", err)
	}
	p.kept[r] = kept
	return nil
}
