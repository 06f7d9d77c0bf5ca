package config

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"

	"tillbridge/terminal"
)

// Load reads the settings file at path. A terminal's driver is one of drivers, whose options decide what its
// "options" block may hold. The error is always of type Errors; the settings are nil then.
func Load(path string, drivers []terminal.Driver, env Env) (*Settings, error) {
	data, mode, err := env.ReadFile(path, maxFile)
	if err != nil {
		return nil, Errors{unreadable(path, err)}
	}
	s, errs := parse(path, data, mode, drivers, env)
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// Parse is Load for a text that was read already. The name stands in the errors, and relative paths in the
// settings start from its folder.
func Parse(name string, data []byte, drivers []terminal.Driver, env Env) (*Settings, error) {
	s, errs := parse(name, data, 0, drivers, env)
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// Rescue gives what a daemon needs to show the mistakes of a file that Load refused: the counter screen's
// door and password, and the journal's place, as the file says as long as that part of it is whole, else as
// they are by default. There are no terminals in it and no passcode: it serves for no payment.
func Rescue(path string, env Env) *Settings {
	safe := defaults(path, env)
	data, mode, err := env.ReadFile(path, maxFile)
	if err != nil {
		return safe
	}
	s, errs := parse(path, data, mode, nil, env)
	for _, e := range errs {
		switch key, _, _ := strings.Cut(e.Path, "."); key {
		case "mgr", "terminals", "listen", "queue_limit", "log_level", "alarms":
		default:
			return safe
		}
	}
	s.MGR, s.Terminals, s.Alarms, s.Warnings = safe.MGR, nil, nil, nil
	return s
}

func unreadable(path string, err error) *Error {
	what, todo := fileTrouble(show(path), err)
	if strings.HasPrefix(what, "there is no file") {
		what, todo = "there is no such settings file", "copy config.example.yaml there and change it, or name another file with --config"
	}
	return &Error{File: path, Message: what, Allowed: todo}
}

func parse(name string, data []byte, mode fs.FileMode, drivers []terminal.Driver, env Env) (*Settings, Errors) {
	r := &reader{file: name, env: env, paths: pathsOf(env, name), drivers: drivers, bad: map[*yaml.Node]bool{}}
	r.shut = !r.open(mode)
	s := defaults(name, env)
	if root, ok := r.tree(data); ok {
		r.settings(root, s)
	}
	sortErrors(r.errs)
	sortErrors(r.warns)
	s.Warnings = r.warns
	return s, r.errs
}

// settings reads the top level.
func (r *reader) settings(root *yaml.Node, s *Settings) {
	start := &yaml.Node{Line: 1, Column: 1}
	top, ok := r.block(start, root, "", []string{
		"listen", "counter", "journal", "mgr", "terminals", "tls", "insecure_lan", "allowed_hosts", "queue_limit",
		"counter_password_file", "log_level", "alarms",
	})
	if !ok {
		return
	}
	if top.has("journal") {
		if path, ok := top.file("journal"); ok {
			if strings.HasPrefix(path, `\\`) {
				top.fail("journal", "the journal is on a network share, which may lose payments", "name a file on a local disk")
			}
			s.Journal = path
			s.CounterPasswordFile, s.APITokenFile = r.paths.beside(path, "counter-password"), r.paths.beside(path, "api-token")
		}
	}
	if path, ok := top.file("counter_password_file"); ok {
		s.CounterPasswordFile = path
	}
	s.OwnerPasswordFile = r.paths.beside(s.CounterPasswordFile, "owner-password")
	if s.CounterPasswordFile == s.OwnerPasswordFile {
		top.fail("counter_password_file", "this is the owner's password", "name another file")
	}
	if s.CounterPasswordFile == s.Journal {
		top.fail("counter_password_file", "this is the journal", "name another file")
	}
	if s.CounterPasswordFile == s.APITokenFile {
		top.fail("counter_password_file", "this is the API's token", "name another file")
	}
	if d, ok := top.duration("queue_limit", 5*time.Second, time.Hour); ok {
		s.QueueLimit = d
	}
	if level, ok := top.choice("log_level", "debug", "info", "warn", "error"); ok {
		s.LogLevel = map[string]slog.Level{"debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError}[level]
	}
	if top.has("allowed_hosts") {
		s.AllowedHosts = top.hosts("allowed_hosts")
	}
	r.doors(top, s)
	r.mgr(top, s)
	r.alarms(top, s)
	r.terminals(top, s)
}

// doors reads the two addresses and how they are guarded.
func (r *reader) doors(top *block, s *Settings) {
	if top.has("listen") {
		s.Listen = top.door("listen", DefaultListen)
	}
	if top.has("counter") {
		s.Counter = top.door("counter", DefaultCounter)
	}
	r.tls(top, s)
	s.InsecureLAN, _ = top.boolean("insecure_lan")

	if clash(s.Listen, s.Counter) {
		key, other := "counter", "listen"
		if !top.has(key) || top.has(other) && top.place(other).Line > top.place(key).Line {
			key, other = other, key
		}
		top.fail(key, "this is the address of "+other+" too", "each door needs a port of its own")
	}
	exposed := s.Exposed()
	switch {
	case len(exposed) == 0 && s.InsecureLAN && s.TLS != nil:
		r.warn(top.place("insecure_lan"), "insecure_lan", "it has no effect, since tls is set", "remove it")
	case len(exposed) == 0 && s.InsecureLAN:
		r.warn(top.place("insecure_lan"), "insecure_lan", "it has no effect, since only this machine is listened to", "remove it")
	case top.has("tls"): // right, or reported already
	case s.InsecureLAN:
		r.warn(top.place("insecure_lan"), "insecure_lan", "the passcode and payments cross the network unencrypted ("+strings.Join(exposed, ", ")+")", "use tls: {cert: …, key: …}")
	default:
		for key, address := range map[string]string{"listen": s.Listen, "counter": s.Counter} {
			if !loopback(address) {
				top.fail(key, "other machines can reach this address, and nothing encrypts it", "use 127.0.0.1, or tls: {cert: …, key: …}, or accept the risk with insecure_lan: true")
			}
		}
	}
}

// tls reads the certificate's paths and looks whether certificate and key fit.
func (r *reader) tls(top *block, s *Settings) {
	b, ok := top.open("tls", []string{"cert", "key"})
	if !ok {
		return
	}
	for key, what := range map[string]string{"cert": "the certificate chain", "key": "the certificate's key"} {
		if !b.has(key) {
			b.missing(key, "name the PEM file of "+what)
		}
	}
	cert, certOK := b.pem("cert")
	key, keyOK := b.pem("key")
	if certOK && keyOK {
		// The library's error is not shown: what it says of a key is no help to who reads it.
		if _, err := tls.X509KeyPair(cert.data, key.data); err != nil {
			b.fail("cert", "certificate and key are not a pair, or one is not PEM", "name the certificate chain in cert and its unencrypted private key in key")
			return
		}
		s.TLS = &TLS{Cert: cert.path, Key: key.path}
	}
}

type pemFile struct {
	path string
	data []byte
}

func (b *block) pem(key string) (pemFile, bool) {
	path, ok := b.file(key)
	if !ok {
		return pemFile{}, false
	}
	data, mode, err := b.r.env.ReadFile(path, 256<<10)
	if err != nil {
		what, todo := fileTrouble(show(path), err)
		b.fail(key, what, todo)
		return pemFile{}, false
	}
	if key == "key" && b.r.open(mode) {
		b.r.warn(b.place(key), b.sub(key), "the file "+show(path)+" can be read by every user of this machine", "chmod o-rwx "+path)
	}
	return pemFile{path, bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))}, true
}

// file reads the path of a file. A relative one starts from the settings file's folder.
func (b *block) file(key string) (string, bool) {
	text, ok := b.word(key, "the path of a file")
	if !ok {
		return "", false
	}
	p := b.r.paths
	what, todo := "", ""
	switch {
	case strings.ContainsFunc(text, unicode.IsControl):
		what, todo = "the path holds a control character", `in double quotes \t is a tab: write it without quotes or in single quotes`
	case len(text) > 1024:
		what, todo = "the path is too long", "at most 1024 characters"
	case strings.HasPrefix(text, "~") || strings.HasPrefix(text, "$") || p.windows && strings.Count(text, "%") > 1:
		what, todo = show(text)+" holds a name that only a shell would replace", "write the path out"
	case strings.ContainsAny(text[len(text)-1:], p.separators()):
		what, todo = show(text)+" is a folder", "name the file in it"
	case !p.windows && (drivePath(text) || strings.HasPrefix(text, `\\`)):
		what, todo = show(text)+" is a path of Windows, and this is "+b.r.env.OS, "write a path such as /etc/tillbridge/"+key
	case p.windows && !p.absolute(text) && (text[0] == '/' || text[0] == '\\' || len(text) > 1 && text[1] == ':'):
		what, todo = show(text)+" does not name a drive and the way from its root", `write a path such as `+fmt.Sprintf(`%s\Tillbridge\%s`, p.programData, key)
	default:
		return p.resolve(text), true
	}
	b.fail(key, what, todo)
	return "", false
}
