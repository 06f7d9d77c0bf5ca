package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"

	"tillbridge/terminal"
)

// reader walks through one settings file and collects its mistakes.
type reader struct {
	file    string
	env     Env
	paths   paths
	drivers []terminal.Driver
	bad     map[*yaml.Node]bool // reported already, not to be looked at
	errs    []*Error
	warns   []*Error
	shut    bool // the file itself is closed to others, or that is not known
}

func (r *reader) fail(n *yaml.Node, path, message, allowed string) {
	if !r.full() {
		r.errs = append(r.errs, r.note(n, path, message, allowed))
	}
}

// full tells whether enough mistakes are found; looking for what was meant by each takes time.
func (r *reader) full() bool { return len(r.errs) >= maxErrors }

func (r *reader) warn(n *yaml.Node, path, message, allowed string) {
	if len(r.warns) < maxErrors {
		r.warns = append(r.warns, r.note(n, path, message, allowed))
	}
}

func (r *reader) note(n *yaml.Node, path, message, allowed string) *Error {
	e := &Error{File: r.file, Path: path, Message: message, Allowed: allowed}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	return e
}

// block is a mapping whose keys are known to be single and, where they are given, allowed.
type block struct {
	r      *reader
	path   string
	at     *yaml.Node // where a missing key is reported
	keys   []string   // those that are there, in the order of the file
	fields map[string]field
	hide   bool // every value in it is secret
	merged bool // a merge was refused in it, which may have held what is missing
}

type field struct{ key, value *yaml.Node }

// home is the block that a key belongs in, for those that people put one level too high or low.
func home(key string) string {
	switch key {
	case "passcode", "passcode_file", "basic_auth", "notify_url", "allowed_origins":
		return "mgr"
	case "username":
		return "mgr.basic_auth or alarms.email"
	case "shop", "webhook", "email":
		return "alarms"
	case "url", "token", "token_file":
		return "alarms.webhook"
	case "smtp", "from", "to":
		return "alarms.email"
	case "driver", "port", "currency", "amount_unit", "max_amount", "day_end", "look", "options":
		return "a terminal"
	case "serial", "tcp", "usb", "serial_number", "usb_path", "baud", "data_bits", "parity", "stop_bits":
		return "a terminal's port"
	case "listen", "counter", "journal", "mgr", "terminals", "tls", "insecure_lan", "allowed_hosts", "queue_limit", "counter_password_file", "log_level", "alarms":
		return "the top level, without indentation"
	}
	return ""
}

// block opens a mapping. Keys nil means that any are allowed.
func (r *reader) block(at, n *yaml.Node, path string, allowed []string) (*block, bool) {
	if r.bad[n] {
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		todo := "write its keys below it, indented"
		if allowed != nil {
			todo += ": " + strings.Join(allowed, ", ")
		}
		// The text is not quoted: a secret may stand where its key was forgotten.
		place := n
		if isNull(n) && n.Value == "" {
			place = at
		}
		r.fail(place, path, "a block of keys is needed here, but this is "+describe(n, true), todo)
		return nil, false
	}
	b := &block{r: r, path: path, at: at, fields: map[string]field{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		b.add(n.Content[i], n.Content[i+1], allowed)
	}
	return b, true
}

func (b *block) add(key, value *yaml.Node, allowed []string) {
	r := b.r
	switch {
	case r.bad[key]:
		b.merged = true
		return
	case key.Kind != yaml.ScalarNode:
		r.fail(key, b.path, "a key must be a plain word, but this is "+describe(key, true), "")
		return
	}
	if old, ok := b.fields[key.Value]; ok {
		r.fail(key, b.sub(key.Value), "this key stands here a second time", fmt.Sprintf("keep one of them; the first is in line %d", old.key.Line))
		return
	}
	b.fields[key.Value] = field{key, value}
	b.keys = append(b.keys, key.Value)
	if allowed == nil || slices.Contains(allowed, key.Value) || r.full() {
		return
	}
	r.fail(key, b.sub(key.Value), "there is no such key here", b.misplaced(key.Value, allowed))
}

// misplaced says what to do about a key that is not allowed here.
func (b *block) misplaced(key string, allowed []string) string {
	if slices.Contains(allowed, "options") && b.r.isOption(key) {
		return "it belongs in options. Allowed here: " + strings.Join(allowed, ", ")
	}
	if h := home(key); h != "" && suggest(key, allowed) == "" {
		return "it belongs in " + h + ". Allowed here: " + strings.Join(allowed, ", ")
	}
	return oneOf(key, allowed)
}

// sub is the path of a key in the block. Only words are shown whole; anything else may be a secret in the
// wrong place.
func (b *block) sub(key string) string {
	return join(b.path, key)
}

func join(path, key string) string {
	key, _, _ = strings.Cut(key, ":")
	if key = clip(terminal.MaskCardNumbers(key)); !word.MatchString(key) {
		key = `"` + key + `"`
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

var word = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (b *block) has(key string) bool { _, ok := b.fields[key]; return ok }

// place is where the value of a key is reported: at the key itself when there is no value.
func (b *block) place(key string) *yaml.Node {
	f, ok := b.fields[key]
	switch {
	case !ok:
		return b.at
	case isNull(f.value) && f.value.Value == "":
		return f.key
	}
	return f.value
}

func (b *block) fail(key, message, allowed string) {
	b.r.fail(b.place(key), b.sub(key), message, allowed)
}

// missing reports a key that must be there.
func (b *block) missing(key, allowed string) {
	if !b.merged {
		b.r.fail(b.at, join(b.path, key), "this key is missing", allowed)
	}
}

// open opens the block under a key; false where it is absent or wrong.
func (b *block) open(key string, allowed []string) (*block, bool) {
	f, ok := b.fields[key]
	if !ok {
		return nil, false
	}
	inner, ok := b.r.block(f.key, f.value, b.sub(key), allowed)
	if ok {
		inner.hide = b.hides(key)
	}
	return inner, ok
}

// scalar finds the text of a value as it was typed; false where it is absent, empty or no single value.
// hides tells whether the value of a key must not be quoted.
func (b *block) hides(key string) bool { return b.hide || secretKey(key) }

// show quotes the value of a key unless it is secret.
func (b *block) show(key, text string) string {
	if b.hides(key) {
		return "this value"
	}
	return show(text)
}

func (b *block) scalar(key, want string) (text string, n *yaml.Node, ok bool) {
	f, ok := b.fields[key]
	if !ok || b.r.bad[f.value] {
		return "", nil, false
	}
	if f.value.Kind != yaml.ScalarNode || isNull(f.value) || f.value.Value == "" {
		b.fail(key, want+" is needed here, but this is "+describe(f.value, b.hides(key)), "write one value after the colon")
		return "", nil, false
	}
	return f.value.Value, f.value, true
}

// word reads a value whose text is checked afterwards, however YAML would read it.
func (b *block) word(key, want string) (string, bool) {
	text, _, ok := b.scalar(key, want)
	return text, ok
}

// text reads a free text. A number or truth value without quotes is refused, since other readers of YAML
// change it: 000000 becomes 0, 1e5 becomes 100000.
func (b *block) text(key, want string) (string, bool) {
	text, n, ok := b.scalar(key, want)
	if !ok {
		return "", false
	}
	if n.Tag == "!!str" {
		return text, true
	}
	quoted := `"…"`
	if !b.hides(key) {
		quoted = show(text)
	}
	b.fail(key, want+" is needed here, but without quotes this is "+kind(n)+" to YAML, and may come out changed", "write it in quotes: "+quoted)
	return "", false
}

// choice reads one of a few words.
func (b *block) choice(key string, allowed ...string) (string, bool) {
	text, ok := b.word(key, "one of "+strings.Join(allowed, ", "))
	if !ok {
		return "", false
	}
	if !slices.Contains(allowed, text) {
		b.fail(key, b.show(key, text)+" is not known here", oneOf(text, allowed))
		return "", false
	}
	return text, true
}

func (b *block) boolean(key string) (value, ok bool) {
	text, n, ok := b.scalar(key, "true or false")
	if !ok {
		return false, false
	}
	if n.Tag != "!!bool" || n.Style != 0 {
		b.fail(key, "true or false is needed here, but this is "+describe(n, b.hides(key)), "write true or false, without quotes")
		return false, false
	}
	return strings.EqualFold(text, "true"), true
}

var (
	decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	digits  = regexp.MustCompile(`^-?[0-9]+$`)
	hex     = regexp.MustCompile(`^0x[0-9A-Fa-f]+$`)
)

// integer reads a whole number between low and high.
func (b *block) integer(key string, low, high int64) (int64, bool) {
	text, n, ok := b.scalar(key, "a whole number")
	if !ok {
		return 0, false
	}
	allowed := fmt.Sprintf("allowed: %d to %d", low, high)
	switch {
	case n.Style != 0 || n.Tag != "!!int" && !digits.MatchString(text):
		b.fail(key, "a whole number is needed here, but this is "+describe(n, b.hides(key)), allowed+", without quotes")
		return 0, false
	case !decimal.MatchString(text) && !hex.MatchString(text):
		b.fail(key, b.show(key, text)+" can be read as more than one number", "write it in decimal digits without a leading zero, or as 0x and hexadecimal digits")
		return 0, false
	}
	base := 10
	if hex.MatchString(text) {
		base, text = 16, text[2:]
	}
	v, err := strconv.ParseInt(text, base, 64)
	if err != nil || v < low || v > high {
		b.fail(key, b.show(key, n.Value)+" is out of range", allowed)
		return 0, false
	}
	return v, true
}

// duration reads a time span such as 90s or 2m.
func (b *block) duration(key string, low, high time.Duration) (time.Duration, bool) {
	text, ok := b.word(key, "a time span")
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		b.fail(key, b.show(key, text)+" is not a time span", "write a number and its unit, such as 500ms, 60s or 2m")
		return 0, false
	case d < low || d > high:
		b.fail(key, b.show(key, text)+" is out of range", fmt.Sprintf("allowed: %s to %s", low, high))
		return 0, false
	}
	return d, true
}

// list reads the items of a list as blocks of one, so that the readers above serve for them too.
func (b *block) list(key, want string, most int) (items *block, ok bool) {
	f, ok := b.fields[key]
	if !ok || b.r.bad[f.value] {
		return nil, false
	}
	if f.value.Kind != yaml.SequenceNode {
		b.fail(key, "a list is needed here, but this is "+describe(f.value, true), "write ["+want+"], or one item a line after a dash; [] for none")
		return nil, false
	}
	if len(f.value.Content) > most {
		b.fail(key, fmt.Sprintf("the list has %d items", len(f.value.Content)), fmt.Sprintf("at most %d", most))
		return nil, false
	}
	items = &block{r: b.r, path: b.sub(key), at: f.key, fields: map[string]field{}, hide: b.hides(key)}
	for i, n := range f.value.Content {
		name := strconv.Itoa(i + 1)
		items.keys = append(items.keys, name)
		items.fields[name] = field{n, n}
	}
	return items, true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// kind says in a word what YAML takes a scalar for.
func kind(n *yaml.Node) string {
	switch n.Tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a truth value"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "nothing"
	}
	return "text"
}

// describe says what a value is, quoting it unless it may be secret.
func describe(n *yaml.Node, secret bool) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a block of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind != yaml.ScalarNode:
		return "something else"
	case isNull(n) || n.Value == "":
		return "empty"
	case secret:
		return kind(n)
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "the number " + show(n.Value)
	case "!!bool":
		return show(n.Value)
	case "!!timestamp":
		return "the date " + show(n.Value)
	}
	return "the text " + show(n.Value)
}

// show quotes a value of the file, cut to 40 characters, card numbers masked.
func show(s string) string { return `"` + clip(terminal.MaskCardNumbers(s)) + `"` }

// clip cuts a text to 40 characters and blanks what cannot be printed.
func clip(s string) string { return clipTo(s, 40) }

func clipTo(s string, most int) string {
	var b strings.Builder
	count := 0
	for _, c := range s {
		if count++; count > most {
			return b.String() + "…"
		}
		if !unicode.IsPrint(c) {
			c = '�'
		}
		b.WriteRune(c)
	}
	return b.String()
}
