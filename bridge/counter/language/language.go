// Package language is the words of the counter screen in every language that it speaks, and the way in which
// each writes dates and amounts. There is one file a language. English is the key: what stands in a template or in
// Go code is the English sentence, and a file gives its translation.
//
// A sentence may have placeholders, {amount}, whose values are put in as they are and never read again, and may
// stress words *between stars*. No sentence holds markup.
//
// What the engine says is made in English elsewhere and is kept in English for ever. It is recognised here by the same
// keys, read as patterns; see Say.
package language

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
)

//go:embed *.json
var files embed.FS

const english = "en"

// Language is one language. It never changes.
type Language struct {
	Tag string // as in <html lang>

	file
	patterns []*pattern // of what the engine says, the most specific first
}

// file is what the file of a language holds.
type file struct {
	Name    string   `json:"name"`    // its own
	Decimal string   `json:"decimal"` // the mark between whole units and decimals
	Group   string   `json:"group"`   // the mark between groups of three digits
	Day     string   `json:"day"`     // a day of this year, of {day} and {month}
	Date    string   `json:"date"`    // a day of another year, of {day}, {month} and {year}
	Months  []string `json:"months"`  // in short, as a date has them
	// Capitals tells that a sentence keeps its first capital where it stands inside another one.
	Capitals bool `json:"capitals,omitempty"`

	// By the English sentence; none in English itself. What the screen says, and what it recognises of what the engine says.
	Screen map[string]string `json:"screen,omitempty"`
	Engine map[string]string `json:"engine,omitempty"`
	Same   []string          `json:"same,omitempty"` // sentences that are the same as in English on purpose
}

// Set is all languages.
type Set struct{ all []*Language }

// Load reads the languages. It fails only where a file is not as it must be, which a test tells first.
func Load() (*Set, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read languages: %w", err)
	}
	s := &Set{}
	screen, engine := map[string]string{}, map[string]string{}
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read languages: %w", err)
		}
		l := &Language{Tag: strings.TrimSuffix(e.Name(), ".json")}
		if err := l.read(data); err != nil {
			return nil, fmt.Errorf("read language %s: %w", l.Tag, err)
		}
		for key := range l.Screen {
			screen[key] = key
		}
		for key := range l.Engine {
			engine[key] = key
		}
		s.all = append(s.all, l)
	}
	if s.Find(english) == nil {
		return nil, errors.New("read languages: there is no English")
	}
	s.English().Screen, s.English().Engine = screen, engine
	patterns := patternsOf(engine)
	for _, l := range s.all {
		l.patterns = patterns
	}
	slices.SortFunc(s.all, func(a, b *Language) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

func (l *Language) read(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l.file); err != nil {
		return err
	}
	if l.Name == "" || l.Decimal == "" || l.Group == "" || l.Day == "" || l.Date == "" || len(l.Months) != 12 {
		return errors.New("name, decimal, group, day, date or the twelve months are missing")
	}
	return nil
}

// All are the languages, by their own names.
func (s *Set) All() []*Language { return s.all }

// Find is the language of a tag, nil where there is none.
func (s *Set) Find(tag string) *Language {
	for _, l := range s.all {
		if l.Tag == tag {
			return l
		}
	}
	return nil
}

// English is the language of the keys.
func (s *Set) English() *Language { return s.Find(english) }

// mostAccepted bounds how much of a browser's header is read.
const mostAccepted = 20

// Accept is the language that a browser's Accept-Language header likes best (RFC 9110, 12.5.4), English where it
// names none of ours. Of a tag only the language counts, not the country.
func (s *Set) Accept(header string) *Language {
	best, most := s.English(), 0.0
	for i, one := range strings.SplitN(header, ",", mostAccepted+1) {
		if i == mostAccepted {
			break
		}
		tag, weight, weighted := strings.Cut(one, ";")
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if weighted {
			text, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			value, err := strconv.ParseFloat(text, 64)
			if !ok || err != nil || !(value <= 1) {
				continue
			}
			q = value
		}
		if l := s.Find(tag); l != nil && q > most {
			best, most = l, q
		}
	}
	return best
}

// Text is a sentence in the language. After the key stand the names of its placeholders and their values in turn:
// strings, whole numbers and amounts.
func (l *Language) Text(key string, pairs ...any) string {
	return l.fill(l.translation(key), pairs, plain)
}

// HTML is a sentence for a page, with what is stressed in bold. Values that are template.HTML are put in as they are,
// every other one is escaped.
func (l *Language) HTML(key string, pairs ...any) template.HTML {
	return template.HTML(l.fill(l.translation(key), pairs, page))
}

func (l *Language) translation(key string) string {
	if text, ok := l.Screen[key]; ok {
		return text
	}
	if text, ok := l.Engine[key]; ok {
		return text
	}
	return key
}

// medium is how a sentence is written where it goes.
type medium struct {
	text       func(string) string // of the sentence itself
	value      func(any) string
	begin, end string // of what is stressed
}

// ours escapes a sentence of ours. It leaves the apostrophe, which is harmless in a text and between double quotes.
var ours = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;")

var (
	plain = medium{func(s string) string { return s }, func(v any) string { return fmt.Sprint(v) }, "", ""}
	page  = medium{ours.Replace, escaped, "<b>", "</b>"}
)

func escaped(v any) string {
	if h, ok := v.(template.HTML); ok {
		return string(h)
	}
	return template.HTMLEscapeString(fmt.Sprint(v))
}

// fill puts the values into a sentence, in one pass.
func (l *Language) fill(text string, pairs []any, m medium) string {
	var b strings.Builder
	stressed := false
	for text != "" {
		at := strings.IndexAny(text, "{*")
		if at < 0 {
			break
		}
		b.WriteString(m.text(text[:at]))
		text = text[at:]
		if text[0] == '*' {
			if stressed = !stressed; stressed {
				b.WriteString(m.begin)
			} else {
				b.WriteString(m.end)
			}
			text = text[1:]
			continue
		}
		name := placeholderAt(text)
		value, ok := l.value(name, pairs)
		if name == "" || !ok {
			b.WriteString(m.text("{"))
			text = text[1:]
			continue
		}
		b.WriteString(m.value(value))
		text = text[len(name)+2:]
	}
	b.WriteString(m.text(text))
	return b.String()
}

// value is the value of a placeholder, amounts already in words.
func (l *Language) value(name string, pairs []any) (any, bool) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != name {
			continue
		}
		switch v := pairs[i+1].(type) {
		case terminal.Amount:
			return l.Amount(v), true
		case *terminal.Amount:
			return l.Amount(*v), true
		default:
			return v, true
		}
	}
	return nil, false
}

// placeholderAt is the name of the placeholder with which a text begins; empty where it begins with none.
func placeholderAt(text string) string {
	if !strings.HasPrefix(text, "{") {
		return ""
	}
	name, _, closed := strings.Cut(text[1:], "}")
	if !closed || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return name
}

// Placeholders are the names of a sentence's placeholders, in its order.
func Placeholders(text string) []string {
	var names []string
	for ; text != ""; text = text[1:] {
		if name := placeholderAt(text); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Time is a moment as people write it, by the clock of 24 hours: with the day only where that is not today's.
func (l *Language) Time(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	form := l.Date
	switch {
	case t.IsZero():
		return l.Text("unknown")
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format(time.TimeOnly)
	case t.Year() == now.Year():
		form = l.Day
	}
	return l.fill(form, []any{"day", t.Day(), "month", l.Months[t.Month()-1], "year", t.Year()}, plain) + " " + t.Format(time.TimeOnly)
}

// Span is a duration as people say it.
func (l *Language) Span(d time.Duration) string {
	s := max(0, int64(d/time.Second))
	switch {
	case s < 60:
		return l.Text("{s} s", "s", s)
	case s < 60*60:
		return l.Text("{m} min {s} s", "m", s/60, "s", s%60)
	case s < 48*60*60:
		return l.Text("{h} h {m} min", "h", s/3600, "m", s/60%60)
	}
	return l.Text("{d} days", "d", s/(24*3600))
}
