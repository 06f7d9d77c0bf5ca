package main

import (
	"errors"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
)

// draft is what the settings shall say.
type draft struct {
	file                   string // its absolute path
	name, driver, currency string
	port                   config.Port
	kept                   bool // the settings have a terminal of that name
	options                []draftOption
	listen, counter        string
	journal                string // empty where nothing is to be written of it
	passcodeFile           string // empty where the settings have the passcode from elsewhere
}

// draftOption is a driver's option as it stands in the file.
type draftOption struct{ key, yaml string }

var (
	plainYAML = regexp.MustCompile(`^[A-Za-z0-9/._\\-]([A-Za-z0-9/._\\:-]*[A-Za-z0-9/._\\-])?$`)
	wordYAML  = regexp.MustCompile(`^[A-Za-z0-9.+-]+$`)
)

// pathYAML writes a path or an address.
func pathYAML(text string) string {
	if plainYAML.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// block is the terminal as it stands below "terminals:".
func (d draft) block(indent int) string {
	text := config.Entry{Name: d.name, Driver: d.driver, Port: d.port, Currency: d.currency}.Block(indent)
	pad := strings.Repeat(" ", indent+2)
	if d.port == (config.Port{}) {
		text = strings.Replace(text, pad+"port: {serial: \"\"}\n", "", 1)
	}
	if len(d.options) > 0 {
		text += pad + "options:\n"
		for _, o := range d.options {
			text += pad + "  " + o.key + ": " + o.yaml + "\n"
		}
	}
	return text
}

// text is a whole settings file.
func (d draft) text() string {
	var b strings.Builder
	b.WriteString("# Settings of tillbridge, made by: tillbridge setup. Change them here, or answer anew. Look at them with:\n#\n" +
		"#   tillbridge check --config FILE\n#\n" +
		"# It prints every mistake with its line. Indent with spaces, never with tabs.\n\n" +
		"# MyGadgetRepairs (MGR). The file holds the passcode that is entered in MGR's custom payment method.\nmgr:\n")
	if d.passcodeFile == "" {
		b.WriteString("  passcode: none-of-these-counts\n")
	} else {
		b.WriteString("  passcode_file: " + pathYAML(d.passcodeFile) + "\n")
	}
	b.WriteString("\n# One block a card terminal. Its name is the end of the URL to enter in MGR.\nterminals:\n" + d.block(2))
	b.WriteString("\n# The two doors: MGR's webhook, and the counter screen in the till's browser. 127.0.0.1 is this machine only.\n")
	b.WriteString("listen: " + pathYAML(d.listen) + "\ncounter: " + pathYAML(d.counter) + "\n")
	if d.journal != "" {
		b.WriteString("\n# The journal of all payments, on a local disk.\njournal: " + pathYAML(d.journal) + "\n")
	}
	return b.String()
}

// soon is the machine as it will be once the passcode is there.
func (w *wizard) soon() config.Env {
	env := w.env
	env.ReadFile = func(path string, limit int64) ([]byte, fs.FileMode, error) {
		data, mode, err := w.env.ReadFile(path, limit)
		if errors.Is(err, fs.ErrNotExist) && path == w.draft.passcodeFile {
			return []byte("there-will-be-a-passcode"), 0o600, nil
		}
		return data, mode, err
	}
	return env
}

// text is what the settings file shall be.
func (w *wizard) text() (string, error) {
	if w.was == nil {
		return w.draft.text(), nil
	}
	return w.edited()
}

// wrong are the mistakes that the settings would have.
func (w *wizard) wrong() error {
	text, err := w.text()
	if err != nil {
		return err
	}
	_, err = config.Parse(w.draft.file, []byte(text), w.drivers, w.soon())
	return err
}

// about is the first of the mistakes that concerns a key, as a sentence; nil where there is none.
func about(err error, path string) error {
	var wrong config.Errors
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	for _, e := range wrong {
		if e.Path == path || strings.HasPrefix(e.Path, path+".") {
			return errors.New(strings.TrimSuffix(e.Message+"; "+e.Allowed, "; "))
		}
	}
	return nil
}

// lacksOptions are the options that a driver cannot do without and that have no usable value, with what is said of each.
func lacksOptions(d terminal.Driver, options any) (all []draftOption) {
	v, ok := options.(interface{ Validate() error })
	if !ok {
		return nil
	}
	var walk func(error)
	walk = func(err error) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range many.Unwrap() {
				walk(one)
			}
			return
		}
		if err == nil {
			return
		}
		key, text, ok := strings.Cut(err.Error(), ": ")
		if ok && wordYAML.MatchString(strings.ReplaceAll(key, "_", "")) && !slices.ContainsFunc(all, func(o draftOption) bool { return o.key == key }) {
			all = append(all, draftOption{key, text})
		}
	}
	walk(v.Validate())
	return all
}

// askedOptions are options with a default that a shop has to look up all the same, with what is said of each.
func askedOptions(d terminal.Driver) []question {
	if d.Name != "zvt" {
		return nil
	}
	return []question{{
		key: "password", usual: "000000", allowed: "six digits",
		text: "The terminal's password, six digits from its provider. 000000 is the most common.",
	}}
}

// needed are the options that setup asks for with a driver.
func needed(d terminal.Driver) (keys []string) {
	if d.Options == nil {
		return nil
	}
	for _, o := range lacksOptions(d, d.Options()) {
		keys = append(keys, o.key)
	}
	for _, q := range askedOptions(d) {
		keys = append(keys, q.key)
	}
	return keys
}

// optionYAML writes an answer as the option's kind wants it.
func optionYAML(d terminal.Driver, key, answer string) string {
	t := reflect.TypeOf(d.Options()).Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != key {
			continue
		}
		switch f.Type.Kind() {
		case reflect.Slice:
			var all []string
			for _, word := range strings.Fields(answer) {
				all = append(all, strconv.Quote(word))
			}
			return "[" + strings.Join(all, ", ") + "]"
		case reflect.Bool, reflect.Int, reflect.Int64:
			if wordYAML.MatchString(answer) {
				return answer
			}
		}
	}
	return strconv.Quote(answer)
}

// setOption puts an option into the draft.
func (w *wizard) setOption(d terminal.Driver, key, answer string) {
	o := draftOption{key, optionYAML(d, key, answer)}
	if i := slices.IndexFunc(w.draft.options, func(o draftOption) bool { return o.key == key }); i >= 0 {
		w.draft.options[i] = o
		return
	}
	w.draft.options = append(w.draft.options, o)
}

// tryOption puts an option into the draft if it is right.
func (w *wizard) tryOption(d terminal.Driver, key, answer string) error {
	before := slices.Clone(w.draft.options)
	w.setOption(d, key, answer)
	err := about(w.wrong(), "terminals."+w.draft.name+".options."+key)
	if err != nil {
		w.draft.options = before
	}
	return err
}
