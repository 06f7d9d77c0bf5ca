package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf16"

	"tillbridge/bridge/durable"
	"tillbridge/terminal"
)

// Entry is a terminal as the program writes it into a settings file.
type Entry struct {
	Name     string // 1 to 32 of a-z, 0-9 and hyphen
	Driver   string
	Port     Port   // what is zero is not written
	Currency string // ISO 4217; written with a new terminal only
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._:-]*[A-Za-z0-9._-]$`)

// port is the line in the form of the file.
func (e Entry) port() string {
	var keys []string
	switch p := e.Port; {
	case p.TCP != "":
		return p.network()
	case p.USB != "":
		keys = append(keys, p.device())
	case plainPath.MatchString(p.Serial):
		keys = append(keys, "serial: "+p.Serial)
	default:
		keys = append(keys, fmt.Sprintf("serial: %q", p.Serial))
	}
	for _, k := range []struct {
		key   string
		value any
		zero  bool
	}{
		{"baud", e.Port.Baud, e.Port.Baud == 0},
		{"data_bits", e.Port.DataBits, e.Port.DataBits == 0},
		{"parity", e.Port.Parity, e.Port.Parity == ""},
		{"stop_bits", e.Port.StopBits, e.Port.StopBits == ""},
	} {
		if !k.zero {
			keys = append(keys, fmt.Sprintf("%s: %v", k.key, k.value))
		}
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// Block is the terminal as it stands below "terminals:", indented by that many spaces.
func (e Entry) Block(indent int) string {
	pad := strings.Repeat(" ", indent)
	return fmt.Sprintf("%s%s:\n%s  driver: %s\n%s  port: %s\n%s  currency: %s\n", pad, e.Name, pad, e.Driver, pad, e.port(), pad, e.Currency)
}

// flow is the terminal on one line.
func (e Entry) flow() string {
	return fmt.Sprintf("%s: {driver: %s, port: %s, currency: %s}", e.Name, e.Driver, e.port(), e.Currency)
}

// PutTerminal writes a terminal into the settings file: of one that has the name already only driver and port, else
// as a new one after the others. All else in the file stays as it is, byte for byte. It tells whether there was one.
//
// The file is replaced in one step, after the new one is on the disk, with the mode and the owner of the old one; a
// link stays one. It is not touched where the result would have mistakes, which are then in the error as Errors, where
// anything else in the settings would come to mean something else, or where the file changes meanwhile.
func PutTerminal(path string, e Entry, drivers []terminal.Driver, env Env) (replaced bool, err error) {
	data, mode, err := env.ReadFile(path, maxFile)
	if err != nil {
		return false, Errors{unreadable(path, err)}
	}
	text, replaced, err := put(decodeText(data), e)
	if err != nil {
		return false, fmt.Errorf("write terminal %s into %s: %w", e.Name, path, err)
	}
	written, err := encodeLike(data, text)
	if err != nil {
		return false, fmt.Errorf("write terminal %s into %s: %w", e.Name, path, err)
	}
	after, wrong := parse(path, written, mode, drivers, env)
	if len(wrong) > 0 {
		return false, fmt.Errorf("%s was not changed, since with the terminal in it, it would have mistakes: %w", path, wrong)
	}
	before, wrong := parse(path, data, mode, drivers, env)
	if err := unchanged(before, after, e, len(wrong) == 0); err != nil {
		return false, fmt.Errorf("%s was not changed: %w", path, err)
	}
	return replaced, replaceFile(path, data, written)
}

// encodeLike encodes a text as the old file is encoded.
func encodeLike(old []byte, text []byte) ([]byte, error) {
	encode := func(text []byte) []byte {
		switch {
		case bytes.HasPrefix(old, []byte("\xef\xbb\xbf")):
			return append([]byte("\xef\xbb\xbf"), text...)
		case bytes.HasPrefix(old, []byte("\xff\xfe")), bytes.HasPrefix(old, []byte("\xfe\xff")):
			low, high := 0, 1
			if old[0] == 0xfe {
				low, high = 1, 0
			}
			out := append([]byte(nil), old[:2]...)
			for _, unit := range utf16.Encode([]rune(string(text))) {
				var pair [2]byte
				pair[low], pair[high] = byte(unit), byte(unit>>8)
				out = append(out, pair[:]...)
			}
			return out
		}
		return text
	}
	if !bytes.Equal(encode(decodeText(old)), old) {
		return nil, errors.New("the file holds characters that would not be kept; save it with the encoding UTF-8")
	}
	return encode(text), nil
}

// unchanged makes sure that the terminal came to be what is meant, and, where the settings were right before, that
// everything else means what it did.
func unchanged(before, after *Settings, e Entry, compare bool) error {
	now, ok := after.Terminal(e.Name)
	want := e.Port
	filled := now.Port
	filled.Baud, filled.DataBits, filled.Parity, filled.StopBits = want.Baud, want.DataBits, want.Parity, want.StopBits
	right := want.Baud == 0 || now.Port.Baud == want.Baud
	if !ok || now.Driver != e.Driver || filled != want || !right {
		return fmt.Errorf("its form is not one that can be changed by the program; write the terminal %s into it by hand", e.Name)
	}
	if !compare {
		return nil
	}
	a, b := *before, *after
	a.Warnings, b.Warnings = nil, nil
	was, old := before.Terminal(e.Name)
	moved := was.Driver != now.Driver
	a.Terminals, b.Terminals = others(before.Terminals, now, old, moved), others(after.Terminals, now, old, moved)
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("something else in it would have changed too; write the terminal %s into it by hand", e.Name)
	}
	return nil
}

// others are the terminals, of which the one that is written counts with what is kept of it only, if it is old.
func others(all []Terminal, now Terminal, old, moved bool) (kept []Terminal) {
	for _, t := range all {
		switch {
		case t.Name != now.Name:
		case !old:
			continue
		default:
			if t.Driver, t.Port = "", (Port{}); moved {
				t.Options = nil // the old and the new driver's, and nothing of them is in the file
			}
		}
		kept = append(kept, t)
	}
	return kept
}

// replaceFile puts a new file in the place of an old one, whose content is known.
func replaceFile(path string, old, written []byte) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(real), "."+filepath.Base(real)+".*")
	if err != nil {
		return fmt.Errorf("make a file beside the settings: %w", err)
	}
	if err := fill(f, written, info); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	switch now, err := os.ReadFile(real); {
	case err != nil:
		return errors.Join(err, os.Remove(f.Name()))
	case !bytes.Equal(now, old):
		return errors.Join(fmt.Errorf("%s was changed by somebody else meanwhile, and was left alone; try again", path), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), real); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return durable.SyncFolder(filepath.Dir(real))
}

// PutFile writes a file in one step, with the mode and the owner of the one that is there, else with a mode. A link
// stays one. The folder is made where it is missing.
func PutFile(path string, data []byte, mode fs.FileMode) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*") // nobody else can read it
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if old, statErr := os.Stat(path); statErr == nil {
		mode = old.Mode().Perm()
		err = errors.Join(err, keepOwner(f, old))
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return durable.SyncFolder(folder)
}

// fill writes the new file, with the old one's owner and mode, and closes it. Until the owner is right nobody else
// can read it.
func fill(f *os.File, data []byte, old os.FileInfo) error {
	_, err := f.Write(data)
	if err == nil {
		err = keepOwner(f, old)
	}
	if err == nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
