package access

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func passwords(t *testing.T) (*Passwords, string, string) {
	t.Helper()
	dir := t.TempDir()
	clerk, owner := filepath.Join(dir, "clerk"), filepath.Join(dir, "owner")
	p, made, err := Open(clerk, owner)
	if err != nil || len(made) != 2 {
		t.Fatal(made, err)
	}
	return p, clerk, owner
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestPasswordsAreMadeAndKept(t *testing.T) {
	p, clerk, owner := passwords(t)
	c, o := content(t, clerk), content(t, owner)
	if c == o || len(c) != 19 || len(o) != 19 {
		t.Errorf("the passwords are %q and %q", c, o)
	}
	if info, err := os.Stat(owner); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file can be read by others: %v, %v", info.Mode(), err)
	}
	for password, want := range map[string]Role{c: Clerk, o: Owner, "": Nobody, c + "x": Nobody, " " + o: Nobody, strings.Repeat("x", 201): Nobody} {
		if got := p.Role(password); got != want {
			t.Errorf("%q is %s's, want %s", password, got, want)
		}
	}
	again, made, err := Open(clerk, owner)
	if err != nil || len(made) != 0 || again.Role(c) != Clerk || again.Role(o) != Owner {
		t.Errorf("opened again: %v, %v", made, err)
	}
}

func TestChange(t *testing.T) {
	p, clerk, owner := passwords(t)
	old, other := content(t, clerk), content(t, owner)
	for password, want := range map[string]error{"too short": ErrShort, "ünïcödé_9": ErrShort, strings.Repeat("x", 201): ErrLong, other: ErrSame} {
		if err := p.Change(Clerk, password); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", password, err, want)
		}
	}
	if p.Role(old) != Clerk || content(t, clerk) != old {
		t.Error("a change that was refused changed something")
	}
	if err := p.Change(Nobody, "long enough as it is"); err == nil {
		t.Error("nobody has a password")
	}
	const chosen = "korrekt Pferd Batterie"
	if err := p.Change(Clerk, chosen); err != nil {
		t.Fatal(err)
	}
	if p.Plain(Clerk) || !p.Plain(Owner) {
		t.Errorf("the clerk's is still as it was made: %v, the owner's: %v", p.Plain(Clerk), p.Plain(Owner))
	}
	if kept := content(t, clerk); !Hidden(kept) || strings.Contains(kept, "Pferd") {
		t.Errorf("the file holds %q", kept)
	}
	again, made, err := Open(clerk, owner)
	if err != nil || len(made) != 0 {
		t.Fatal(made, err)
	}
	for _, p := range []*Passwords{p, again} {
		if p.Role(chosen) != Clerk || p.Role(old) != Nobody || p.Role(other) != Owner {
			t.Errorf("the new one is %s's, the old one %s's", p.Role(chosen), p.Role(old))
		}
	}
	if err := again.Change(Owner, chosen); !errors.Is(err, ErrSame) {
		t.Errorf("the same for both: %v", err)
	}
}

// After an error the old password holds, in memory and on disk.
func TestChangeThatCannotBeKept(t *testing.T) {
	p, clerk, _ := passwords(t)
	old := content(t, clerk)
	p.files[Clerk] = filepath.Join(filepath.Dir(clerk), "missing", "clerk")
	if err := p.Change(Clerk, "long enough as it is"); err == nil || !strings.Contains(err.Error(), "keep the password") {
		t.Errorf("kept in no folder: %v", err)
	}
	if p.Role(old) != Clerk || p.Role("long enough as it is") != Nobody {
		t.Error("the old password does not hold any more")
	}
}

// A digest that another program made is taken; one that is damaged, or asks for too much, is refused at the start.
func TestDigests(t *testing.T) {
	// From the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	d, err := parse(reference)
	if err != nil || !d.is("password") || d.is("Password") {
		t.Errorf("the reference's digest: %+v, %v", d, err)
	}
	for name, text := range map[string]string{
		"nothing behind it": prefix,
		"another version":   strings.Replace(reference, "v=19", "v=16", 1),
		"too much memory":   strings.Replace(reference, "m=65536", "m=4000000", 1),
		"no passes":         strings.Replace(reference, "t=2", "t=0", 1),
		"a short salt":      strings.Replace(reference, "c29tZXNhbHQ", "c29t", 1),
		"no base64":         strings.Replace(reference, "c29tZXNhbHQ", "c29tZXNhb!Q", 1),
		"cut off":           reference[:len(reference)-30],
		"a field more":      reference + "$x",
	} {
		if d, err := parse(text); err == nil {
			t.Errorf("%s is read as %+v", name, d)
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "clerk")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(file, filepath.Join(dir, "owner")); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if first, second := digest("x", usual), digest("x", usual); first == second {
		t.Error("two digests have one salt")
	}
}

func TestSecretThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Secret(empty, "the token"); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file: %v", err)
	}
	if _, _, err := Secret(dir, "the token"); err == nil || !strings.Contains(err.Error(), "read the token") {
		t.Errorf("a folder: %v", err)
	}
	if _, _, err := Secret(filepath.Join(dir, "a", "b"), "the token"); err == nil || !strings.Contains(err.Error(), "keep the token") {
		t.Errorf("no folder: %v", err)
	}
}

func TestRoleWords(t *testing.T) {
	if s := Nobody.String() + Clerk.String() + Owner.String() + Role(9).String(); s != "nobodyclerkownerrole(9)" {
		t.Error(s)
	}
}

func BenchmarkCheck(b *testing.B) {
	kept := digest("korrekt Pferd Batterie", usual)
	for b.Loop() {
		matches(kept, "another")
	}
}
