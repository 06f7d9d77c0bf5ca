package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// Env is what settings may ask of the world. Every field must be set; SystemEnv sets them.
type Env struct {
	OS        string // as runtime.GOOS
	LookupEnv func(name string) (string, bool)
	// ReadFile reads a regular file of at most limit bytes and tells its mode. An absent file is an error that
	// wraps fs.ErrNotExist, a larger one wraps ErrTooLarge.
	ReadFile func(path string, limit int64) ([]byte, fs.FileMode, error)
}

// ErrTooLarge is wrapped by Env.ReadFile for a file over its limit.
var ErrTooLarge = errors.New("the file is too large")

// SystemEnv is the machine that the program runs on.
func SystemEnv() Env {
	return Env{OS: runtime.GOOS, LookupEnv: os.LookupEnv, ReadFile: readFile}
}

func readFile(path string, limit int64) ([]byte, fs.FileMode, error) {
	// A pipe would block the start, so it is looked at before it is opened.
	before, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, 0, err
	case int64(len(data)) > limit:
		return nil, 0, fmt.Errorf("%s: %w (more than %d bytes)", path, ErrTooLarge, limit)
	}
	return data, info.Mode(), nil
}

// paths knows how the operating system of the settings writes paths, which need not be the one that the
// program was built for.
type paths struct {
	windows     bool
	programData string
	dir         string // the settings file's folder; empty where relative paths stay as they are
}

func pathsOf(env Env, file string) paths {
	p := paths{windows: env.OS == "windows"}
	if p.windows {
		p.programData = `C:\ProgramData`
		if v, ok := env.LookupEnv("ProgramData"); ok && p.absolute(v) {
			p.programData = strings.TrimRight(v, `\/`)
		}
	}
	if i := strings.LastIndexAny(file, p.separators()); i >= 0 {
		p.dir = file[:i+1]
	}
	return p
}

func (p paths) separators() string {
	if p.windows {
		return `\/`
	}
	return "/"
}

func (p paths) journal() string {
	if p.windows {
		return p.programData + `\Tillbridge\journal.db`
	}
	return "/var/lib/tillbridge/journal.db"
}

// beside is the path of another file in the same folder.
func (p paths) beside(path, name string) string {
	return path[:strings.LastIndexAny(path, p.separators())+1] + name
}

// absolute tells whether the path says by itself where the file is.
func (p paths) absolute(path string) bool {
	if p.windows {
		return drivePath(path) || strings.HasPrefix(path, `\\`)
	}
	return strings.HasPrefix(path, "/")
}

// resolve makes a path of the settings one that holds whatever the working folder is.
func (p paths) resolve(path string) string {
	if p.absolute(path) || p.dir == "" {
		return path
	}
	return p.dir + strings.TrimPrefix(path, "./")
}

// drivePath tells whether the path begins with a Windows drive and a separator.
func drivePath(path string) bool {
	if len(path) < 3 || path[1] != ':' || path[2] != '\\' && path[2] != '/' {
		return false
	}
	c := path[0] | 0x20
	return c >= 'a' && c <= 'z'
}
