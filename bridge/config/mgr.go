package config

import (
	"errors"
	"io/fs"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of secrets, in characters.
const (
	minPasscode  = 8  // fewer are refused
	goodPasscode = 16 // fewer are warned of
	maxSecret    = 256
)

// The places of the passcode outside the settings.
const (
	passcodeEnv    = "TILLBRIDGE_PASSCODE"
	credentialsEnv = "CREDENTIALS_DIRECTORY" // set by systemd, LoadCredential=passcode:…
	credentialName = "passcode"
)

// mgr reads the block of MGR, which may be absent where the passcode comes from elsewhere.
func (r *reader) mgr(top *block, s *Settings) {
	b, ok := top.open("mgr", []string{"passcode", "passcode_file", "basic_auth", "notify_url", "allowed_origins"})
	if !ok {
		if top.has("mgr") {
			return
		}
		b = &block{r: r, path: "mgr", at: top.at}
	}
	s.MGR.Passcode, s.MGR.PasscodeFrom = r.passcode(b)
	if b.has("notify_url") {
		s.MGR.NotifyURL = b.notifyURL("notify_url")
	}
	if b.has("allowed_origins") {
		s.MGR.AllowedOrigins = b.origins("allowed_origins")
	}
	auth, ok := b.open("basic_auth", []string{"username", "password", "password_file"})
	if !ok {
		return
	}
	s.MGR.BasicAuth = &BasicAuth{Username: auth.username("username")}
	password, _, found := auth.secret("password")
	if !found {
		auth.missing("password_file", "name the file with the password, or write password: \"…\"")
	}
	s.MGR.BasicAuth.Password = password
}

// username reads the user name of HTTP Basic, which cannot hold a colon (RFC 7617, 2).
func (b *block) username(key string) string {
	if !b.has(key) {
		b.missing(key, "write the user name that MGR sends")
		return ""
	}
	text, ok := b.text(key, "a user name")
	switch {
	case !ok:
		return ""
	case len(text) > maxSecret || !printable(text) || strings.Contains(text, ":"):
		b.fail(key, "this user name cannot be sent by HTTP Basic", "at most 256 printable ASCII characters without a colon")
		return ""
	}
	return text
}

// secret reads a secret from its key or from the file that the key with "_file" names. found is false where
// neither is there; what is there and wrong is reported.
func (b *block) secret(key string) (value Secret, from string, found bool) {
	inFile := key + "_file"
	if b.has(key) && b.has(inFile) {
		first, second := b.fields[key].key, b.fields[inFile].key
		later := inFile
		if first.Line > second.Line || first.Line == second.Line && first.Column > second.Column {
			later = key
		}
		b.r.fail(b.fields[later].key, b.sub(later), key+" and "+inFile+" are both given", "keep one of them")
	}
	switch {
	case b.has(key):
		text, ok := b.text(key, "a "+key)
		if !ok || !b.r.sendable(b.place(key), b.sub(key), text) {
			return "", "", true
		}
		if !b.r.shut {
			b.r.warn(b.place(key), b.sub(key), "this file holds a secret and others may read it", "chmod o-rwx the file, or use "+inFile)
		}
		return Secret(text), b.sub(key), true
	case b.has(inFile):
		path, ok := b.file(inFile)
		if !ok {
			return "", "", true
		}
		shown := show(path)
		if !strings.ContainsAny(b.fields[inFile].value.Value, `/\.`) {
			shown = "of that name" // it may be the secret itself
		}
		return b.r.secretFile(b.place(inFile), b.sub(inFile), path, shown), inFile + " " + path, true
	}
	return "", "", false
}

// secretFile reads a secret that fills a file of one line. Messages call the file what shown says.
func (r *reader) secretFile(n *yaml.Node, path, file, shown string) Secret {
	data, mode, err := r.env.ReadFile(file, 4<<10)
	if err != nil {
		what, todo := fileTrouble(shown, err)
		r.fail(n, path, what, todo)
		return ""
	}
	text := strings.TrimRight(string(decodeText(data)), "\r\n")
	switch {
	case text == "":
		r.fail(n, path, "the file "+shown+" is empty", "write the secret into it")
		return ""
	case strings.ContainsAny(text, "\r\n"):
		r.fail(n, path, "the file "+shown+" has more than one line", "it holds the secret and nothing else")
		return ""
	case !r.sendable(n, path, text):
		return ""
	}
	if r.open(mode) {
		r.warn(n, path, "the file "+shown+" can be read by every user of this machine", "chmod o-rwx "+file)
	}
	return Secret(text)
}

// open tells whether a file's mode lets others read or write it. Windows keeps that elsewhere.
func (r *reader) open(mode fs.FileMode) bool { return r.env.OS != "windows" && mode.Perm()&0o006 != 0 }

// fileTrouble says why a file cannot be read, and what to do.
func fileTrouble(shown string, err error) (what, todo string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no file " + shown, "create it, or correct the path"
	case errors.Is(err, fs.ErrPermission):
		return "the file " + shown + " may not be read by this user", "give the service's group the right to read it, or run this as the service's user"
	case errors.Is(err, ErrTooLarge):
		return "the file " + shown + " is too large", "it must be another file that is meant"
	}
	return "the file " + shown + " cannot be read", "it must be a regular file"
}

// sendable refuses what an HTTP header, and a mail server's sign-in, cannot carry unchanged.
func (r *reader) sendable(n *yaml.Node, path, text string) bool {
	if len(text) > maxSecret || !printable(text) || strings.TrimSpace(text) != text {
		r.fail(n, path, "this secret cannot be sent as it is", "at most 256 printable ASCII characters, no space at either end, no typographic quotes")
		return false
	}
	return true
}

func printable(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// passcode finds the passcode: in the settings, else in the environment, else among systemd's credentials.
func (r *reader) passcode(b *block) (Secret, string) {
	value, from, found := b.secret("passcode")
	at, path := b.at, join(b.path, "passcode")
	if found {
		key := "passcode"
		if !b.has(key) {
			key = "passcode_file"
		}
		at, path = b.place(key), b.sub(key)
	}
	if text, ok := r.env.LookupEnv(passcodeEnv); ok && text != "" {
		if found {
			r.warn(at, path, passcodeEnv+" is set too and is not used", "keep one of them")
		} else if found, from = true, passcodeEnv; r.sendable(at, path, text) {
			value = Secret(text)
		}
	}
	if dir, ok := r.env.LookupEnv(credentialsEnv); ok && dir != "" && !found {
		file := r.paths.beside(strings.TrimRight(dir, "/")+"/", credentialName)
		if _, _, err := r.env.ReadFile(file, 4<<10); !errors.Is(err, fs.ErrNotExist) {
			found, from = true, "systemd credential "+credentialName
			value = r.secretFile(at, path, file, show(file))
		}
	}
	switch n := len(value); {
	case !found:
		r.fail(at, path, "there is no passcode: MGR and we know each other by it", "write passcode_file: with the path of a file, or passcode:, or set "+passcodeEnv+", or the systemd credential "+credentialName)
	case n > 0 && n < minPasscode:
		r.fail(at, path, "the passcode is too short to be safe", "at least 8 characters, better 16 or more; set the same in MGR")
	case n > 0 && n < goodPasscode:
		r.warn(at, path, "the passcode is short", "16 characters or more are hard to guess; set the same in MGR")
	}
	return value, from
}
