package language

import (
	"cmp"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What bounds the work for one sentence. Nothing that the engine says comes near.
const (
	longest  = 4 << 10 // bytes
	deepest  = 6       // sentences in sentences
	mostWork = 300     // patterns fitted
)

// kind says what may stand for a placeholder in a sentence of the engine's, and what becomes of it. It follows from the
// placeholder's name without a final digit.
type kind uint8

const (
	verbatim kind = iota // anything; it stays as it is: names, codes, what a person or a terminal wrote
	amount               // "12.50 EUR"
	number               // digits
	duration             // "1.5 s", or a sentence
	known                // a sentence that is recognised, else the pattern does not fit
	sentence             // a sentence, translated where it is recognised
	series               // several of them with commas between
	outcome              // what a terminal said: a series, and perhaps its own words
)

// kinds are those of the names; any other name is verbatim.
var kinds = map[string]kind{
	"amount": amount, "n": number, "duration": duration, "known": known, "why": sentence, "list": series, "result": outcome,
}

func kindOf(name string) kind { return kinds[strings.TrimRight(name, "0123456789")] }

var shapes = map[kind]string{amount: `(-?[0-9]+(?:\.[0-9]+)? [A-Z]{3})`, number: `([0-9]+)`}

// pattern is a key with placeholders, as what the engine may have made of it.
type pattern struct {
	key      string
	names    []string
	literals []string // between the placeholders
	weight   int      // bytes of them
	fits     *regexp.Regexp
}

// patternsOf are the patterns among the keys, the most specific first.
func patternsOf(keys map[string]string) []*pattern {
	var all []*pattern
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		names := Placeholders(key)
		if len(names) == 0 {
			continue
		}
		p := &pattern{key: key, names: names}
		shape := `(?s)\A`
		rest := key
		for _, name := range names {
			before, after, _ := strings.Cut(rest, "{"+name+"}")
			one, ok := shapes[kindOf(name)]
			if !ok {
				one = `(.+?)`
			}
			shape += regexp.QuoteMeta(before) + one
			p.literals, p.weight, rest = append(p.literals, before), p.weight+len(before), after
		}
		p.literals, p.weight = append(p.literals, rest), p.weight+len(rest)
		p.fits = regexp.MustCompile(shape + regexp.QuoteMeta(rest) + `\z`)
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b *pattern) int { return cmp.Compare(b.weight, a.weight) })
	return all
}

// may tells at small cost whether a text has all that the pattern has beside its placeholders.
func (p *pattern) may(text string) bool {
	last := len(p.literals) - 1
	return strings.HasPrefix(text, p.literals[0]) && strings.HasSuffix(text, p.literals[last]) &&
		!slices.ContainsFunc(p.literals, func(l string) bool { return !strings.Contains(text, l) })
}

// Say is a sentence of the engine's in the language. One that no key recognises stays as it is, marked as English for
// screen readers.
func (l *Language) Say(text string) template.HTML {
	r := recognition{l: l}
	if said, ok := r.whole(text, 0); ok {
		return said
	}
	return l.foreign(text)
}

// Quote is what a terminal or its driver says: in the language where it is recognised, else as it is, since
// nobody knows in which language that is.
func (l *Language) Quote(text string) template.HTML {
	r := recognition{l: l}
	if said, ok := r.whole(text, 0); ok {
		return said
	}
	return template.HTML(template.HTMLEscapeString(text))
}

// foreign is an English text on a page of the language.
func (l *Language) foreign(text string) template.HTML {
	escaped := template.HTMLEscapeString(text)
	if l.Tag != english && text != "" {
		escaped = `<span lang="` + english + `">` + escaped + `</span>`
	}
	return template.HTML(escaped)
}

// recognition is the work on one sentence.
type recognition struct {
	l    *Language
	work int
}

// whole recognises a text, as it is or as the sentence that it would be on its own.
func (r *recognition) whole(text string, depth int) (template.HTML, bool) {
	if len(text) > longest || depth > deepest || text == "" {
		return "", false
	}
	if said, ok := r.exact(text, depth); ok {
		return said, true
	}
	if alone := Sentence(text); alone != text {
		if said, ok := r.exact(alone, depth); ok {
			return r.inside(text, alone, string(said)), true
		}
	}
	if bare, stopped := strings.CutSuffix(text, "."); stopped { // it may have been added to what ends in another mark
		if said, ok := r.exact(bare, depth); ok {
			return said + ".", true
		}
	}
	return "", false
}

func (r *recognition) exact(text string, depth int) (template.HTML, bool) {
	if _, ok := r.l.Engine[text]; ok {
		return r.l.HTML(text), true
	}
	for _, p := range r.l.patterns {
		if !p.may(text) {
			continue
		}
		if r.work >= mostWork {
			return "", false
		}
		r.work++
		m := p.fits.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if said, ok := r.said(p, m[1:], depth); ok {
			return said, true
		}
	}
	return "", false
}

// said puts what stood for the placeholders into the translation.
func (r *recognition) said(p *pattern, values []string, depth int) (template.HTML, bool) {
	var pairs []any
	for i, name := range p.names {
		value, ok := r.value(kindOf(name), values[i], depth+1)
		if !ok {
			return "", false
		}
		pairs = append(pairs, name, value)
	}
	return r.l.HTML(p.key, pairs...), true
}

func (r *recognition) value(k kind, text string, depth int) (template.HTML, bool) {
	switch k {
	case amount:
		number, currency, _ := strings.Cut(text, " ")
		return template.HTML(template.HTMLEscapeString(r.l.decimal(number) + " " + currency)), true
	case duration:
		if number, unit, _ := strings.Cut(text, " "); strings.Trim(number, "0123456789.") == "" {
			return template.HTML(template.HTMLEscapeString(r.l.decimal(number) + " " + unit)), true
		}
		return r.sentence(text, depth), true
	case known:
		return r.whole(text, depth)
	case sentence:
		return r.sentence(text, depth), true
	case series:
		return r.series(text, depth), true
	case outcome:
		return r.outcome(text, depth), true
	}
	return template.HTML(template.HTMLEscapeString(text)), true
}

func (r *recognition) sentence(text string, depth int) template.HTML {
	if said, ok := r.whole(text, depth); ok {
		return said
	}
	return r.l.foreign(text)
}

// series translates each of several things; what is not recognised among them is a name or a code.
func (r *recognition) series(text string, depth int) template.HTML {
	var all []string
	for _, one := range strings.Split(text, ", ") {
		said, ok := r.whole(one, depth)
		if !ok {
			said = template.HTML(template.HTMLEscapeString(one))
		}
		all = append(all, string(said))
	}
	return template.HTML(strings.Join(all, ", "))
}

// outcome translates what a terminal said: the series to the first full stop, and the terminal's own words.
func (r *recognition) outcome(text string, depth int) template.HTML {
	what, words, more := strings.Cut(text, ". ")
	if !more {
		what, words = strings.TrimSuffix(text, "."), ""
	}
	said := r.series(what, depth) + "."
	if words == "" {
		return said
	}
	own, ok := r.whole(words, depth)
	if !ok {
		own = template.HTML(template.HTMLEscapeString(words))
	}
	return said + " " + own
}

// inside makes a translation that stands on its own fit where its original stood: without the full stop that the original
// had not, and without the first capital where the language has none there.
func (r *recognition) inside(text, alone, said string) template.HTML {
	if strings.HasSuffix(alone, ".") && !strings.HasSuffix(text, ".") {
		said = strings.TrimSuffix(said, ".")
	}
	first, size := utf8.DecodeRuneInString(said)
	second, _ := utf8.DecodeRuneInString(said[size:])
	if !r.l.Capitals && text[0] != alone[0] && unicode.IsUpper(first) && !unicode.IsUpper(second) {
		said = string(unicode.ToLower(first)) + said[size:]
	}
	return template.HTML(said)
}

// Sentence makes a text stand on its own: with a capital and a full stop.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	if c := text[0]; c >= 'a' && c <= 'z' {
		text = string(c-'a'+'A') + text[1:]
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?:") {
		text += "."
	}
	return text
}
