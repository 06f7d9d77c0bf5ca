package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tillbridge/bridge/config"
)

// errEdit says that the settings are in a form that the wizard does not change.
type errEdit struct{ file, what string }

func (e errEdit) Error() string {
	return fmt.Sprintf("the form of %s is not one that the program can change (%s); change it by hand and look at it with tillbridge check", e.file, e.what)
}

// edit are the lines of a settings file, without their ends.
type edit struct {
	lines []string
	end   string
}

// The text is split so that what is not touched comes out byte for byte.
func newEdit(text string) *edit {
	e := &edit{lines: strings.Split(text, "\n")}
	if strings.HasSuffix(e.lines[0], "\r") {
		e.end = "\r"
	}
	return e
}

func (e *edit) text() string { return strings.Join(e.lines, "\n") }

// insert puts lines before a line.
func (e *edit) insert(at int, text string) {
	var all []string
	for l := range strings.Lines(text) {
		all = append(all, strings.TrimSuffix(l, "\n")+e.end)
	}
	e.lines = slices.Insert(e.lines, at, all...)
}

func indentOf(l string) int { return len(l) - len(strings.TrimLeft(l, " ")) }

// bare tells whether a line is blank or a comment.
func bare(l string) bool {
	l = strings.TrimSpace(l)
	return l == "" || strings.HasPrefix(l, "#")
}

// find is the line of a key at an indentation, between two lines; -1 where there is none.
func (e *edit) find(from, to, indent int, key string) int {
	for i := from; i < to; i++ {
		if strings.HasPrefix(e.lines[i], strings.Repeat(" ", indent)+key+":") {
			return i
		}
	}
	return -1
}

// blockEnd is the line after the last one of the block that begins at a line.
func (e *edit) blockEnd(at int) int {
	last := at
	for i := at + 1; i < len(e.lines); i++ {
		if bare(e.lines[i]) {
			continue
		}
		if indentOf(e.lines[i]) <= indentOf(e.lines[at]) {
			break
		}
		last = i
	}
	return last + 1
}

var (
	keyAlone   = regexp.MustCompile(`^ *[^ :#]+:\s*(#.*)?$`)
	valueLine  = regexp.MustCompile(`^( *[^ :#]+: +)("[^"]*"|'[^']*'|\{[^#]*\}|\[[^#]*\]|[^ "'{\[#&*|>][^#]*?)(\s+#.*|\s*)$`)
	topComment = regexp.MustCompile(`^#([a-z_]+): `)
)

// set gives the key in a line another value; a comment behind it stays.
func (e *edit) set(at int, value string) bool {
	m := valueLine.FindStringSubmatch(e.lines[at])
	if m == nil {
		return false
	}
	e.lines[at] = m[1] + value + m[3]
	return true
}

// top gives a key of the top level a value, where it stands, or in the place of the comment that shows it.
func (e *edit) top(key, value string) bool {
	if at := e.find(0, len(e.lines), 0, key); at >= 0 {
		return e.set(at, value)
	}
	for i, l := range e.lines {
		if m := topComment.FindStringSubmatch(l); m != nil && m[1] == key {
			e.lines[i] = key + ": " + value + e.end
			return true
		}
	}
	e.insert(e.bottom(), key+": "+value+"\n")
	return true
}

// bottom is the line behind the last one, which is ended where it is not.
func (e *edit) bottom() int {
	if last := len(e.lines) - 1; e.lines[last] != "" {
		e.lines[last] += e.end
		e.lines = append(e.lines, "")
	}
	return len(e.lines) - 1
}

// edited is the settings file with what the draft says otherwise. All else in it stays byte for byte.
func (w *wizard) edited() (string, error) {
	d := w.draft
	fail := func(what string) (string, error) { return "", errEdit{d.file, what} }
	if !utf8.Valid(w.old) {
		return fail("it is not UTF-8")
	}
	e := newEdit(string(w.old))
	for _, x := range []struct{ key, was, is string }{
		{"listen", w.was.Listen, d.listen}, {"counter", w.was.Counter, d.counter}, {"journal", w.was.Journal, d.journal},
	} {
		if x.is != "" && x.is != x.was && !e.top(x.key, pathYAML(x.is)) {
			return fail(x.key)
		}
	}
	if !w.editTerminal(e) {
		return fail("the terminal " + d.name)
	}
	text := e.text()
	now, err := config.Parse(d.file, []byte(text), w.drivers, w.soon())
	if err != nil {
		return text, nil // its mistakes are told by whoever asks for them
	}
	if what := w.strayed(now); what != "" {
		return fail(what)
	}
	return text, nil
}

// editTerminal writes the draft's terminal.
func (w *wizard) editTerminal(e *edit) bool {
	d := w.draft
	old, there := w.was.Terminal(d.name)
	if there && old.Driver == d.driver && samePort(d.port, old.Port) && old.Currency.Code == d.currency && len(d.options) == 0 {
		return true
	}
	all := e.find(0, len(e.lines), 0, "terminals")
	if w.first && all < 0 {
		e.insert(e.firstPlace(), "terminals:\n"+d.block(2)+"\n")
		return true
	}
	if all < 0 || !keyAlone.MatchString(strings.TrimRight(e.lines[all], "\r")) {
		return false
	}
	end := e.blockEnd(all)
	indent := e.innerIndent(all, 2)
	if !there {
		e.insert(end, d.block(indent))
		return true
	}
	at := e.find(all+1, end, indent, d.name)
	if at < 0 || !keyAlone.MatchString(strings.TrimRight(e.lines[at], "\r")) {
		return false
	}
	return e.editKeys(at, old, d)
}

// firstPlace is the line before which the first terminal is written: that of an example, or else behind the last.
func (e *edit) firstPlace() int {
	for i, l := range e.lines {
		if strings.HasPrefix(l, "#terminals:") {
			return i
		}
	}
	return e.bottom()
}

// editKeys changes driver, port, currency and options of a terminal, whose block begins at a line. Options of another
// driver go.
func (e *edit) editKeys(at int, old config.Terminal, d draft) bool {
	inner := e.innerIndent(at, indentOf(e.lines[at])+2)
	find := func(key string) int { return e.find(at, e.blockEnd(at), inner, key) }
	if i := find("options"); i >= 0 && old.Driver != d.driver {
		e.lines = slices.Delete(e.lines, i, e.blockEnd(i))
	}
	values := map[string]string{}
	for l := range strings.Lines(draft{name: "x", driver: d.driver, port: d.port, currency: d.currency}.block(0)) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		values[key] = value
	}
	for _, x := range []struct {
		key  string
		same bool
	}{{"driver", old.Driver == d.driver}, {"port", samePort(d.port, old.Port)}, {"currency", old.Currency.Code == d.currency}} {
		i, value := find(x.key), values[x.key]
		switch {
		case x.same:
		case value == "": // there is no line any more
			if i >= 0 {
				e.lines = slices.Delete(e.lines, i, e.blockEnd(i))
			}
		case i < 0:
			e.insert(at+1, strings.Repeat(" ", inner)+x.key+": "+value+"\n")
		case !e.set(i, value):
			return false
		}
	}
	return len(d.options) == 0 || e.editOptions(at, inner, d.options)
}

// innerIndent is the indentation inside of the block that begins at a line, or the usual one where it is empty.
func (e *edit) innerIndent(at, usual int) int {
	if i := slices.IndexFunc(e.lines[at+1:e.blockEnd(at)], func(l string) bool { return !bare(l) }); i >= 0 {
		return indentOf(e.lines[at+1+i])
	}
	return usual
}

// editOptions writes options into a terminal's block.
func (e *edit) editOptions(at, inner int, options []draftOption) bool {
	block := e.find(at, e.blockEnd(at), inner, "options")
	if block < 0 {
		block = e.blockEnd(at)
		e.insert(block, strings.Repeat(" ", inner)+"options:\n")
	} else if !keyAlone.MatchString(strings.TrimRight(e.lines[block], "\r")) {
		return false
	}
	deeper := e.innerIndent(block, inner+2)
	for _, o := range options {
		if i := e.find(block, e.blockEnd(block), deeper, o.key); i < 0 {
			e.insert(e.blockEnd(block), strings.Repeat(" ", deeper)+o.key+": "+o.yaml+"\n")
		} else if !e.set(i, o.yaml) {
			return false
		}
	}
	return true
}

// samePort tells whether a line is what the settings say; the settings have the usual speed filled in.
func samePort(d, old config.Port) bool {
	if d == old {
		return true
	}
	filled := d
	filled.DataBits, filled.Parity, filled.StopBits = old.DataBits, old.Parity, old.StopBits
	if filled.Baud == 0 {
		filled.Baud = old.Baud
	}
	return filled == old
}

// strayed names what came to be otherwise than the draft and the old settings say; empty where nothing did.
func (w *wizard) strayed(now *config.Settings) string {
	d := w.draft
	a, b := *w.was, *now
	a.Warnings, b.Warnings, a.Terminals, b.Terminals = nil, nil, nil, nil
	if a.Listen, a.Counter = d.listen, d.counter; d.journal != "" {
		a.Journal, a.CounterPasswordFile, a.OwnerPasswordFile, a.APITokenFile = b.Journal, b.CounterPasswordFile, b.OwnerPasswordFile, b.APITokenFile
	}
	if !reflect.DeepEqual(a, b) {
		return "something else would have changed too"
	}
	for _, t := range w.was.Terminals {
		if n, ok := now.Terminal(t.Name); t.Name != d.name && (!ok || !reflect.DeepEqual(t, n)) {
			return "the terminal " + t.Name + " would have changed too"
		}
	}
	t, ok := now.Terminal(d.name)
	if !ok || t.Driver != d.driver || t.Currency.Code != d.currency || !samePort(d.port, t.Port) {
		return "the terminal " + d.name
	}
	if old, had := w.was.Terminal(d.name); had && (old.AmountUnit != t.AmountUnit || old.MaxAmount.Decimal() != t.MaxAmount.Decimal()) {
		return "the limits of the terminal " + d.name
	}
	return ""
}
