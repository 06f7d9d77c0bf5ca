package language

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T) *Set {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// translated are the languages but English.
func translated(t *testing.T) []*Language {
	t.Helper()
	var all []*Language
	for _, l := range load(t).All() {
		if l.Tag != english {
			all = append(all, l)
		}
	}
	if len(all) < 4 {
		t.Fatalf("%d languages beside English", len(all))
	}
	return all
}

// A sentence that one language has and another has not is a sentence that somebody forgot.
func TestEveryLanguageHasEverySentence(t *testing.T) {
	en := load(t).English()
	for _, l := range translated(t) {
		for name, s := range map[string]struct{ has, wants map[string]string }{"screen": {l.Screen, en.Screen}, "engine": {l.Engine, en.Engine}} {
			for key := range s.wants {
				if _, ok := s.has[key]; !ok {
					t.Errorf("%s.json lacks in %s: %q", l.Tag, name, key)
				}
			}
		}
	}
	if len(en.Screen) < 150 || len(en.Engine) < 100 {
		t.Errorf("%d sentences of the screen and %d of the engine are few", len(en.Screen), len(en.Engine))
	}
}

func TestTranslationsAreLikeTheirSentences(t *testing.T) {
	for _, l := range translated(t) {
		same := map[string]bool{}
		for _, key := range l.Same {
			same[key] = true
		}
		for key, text := range both(l) {
			for _, wrong := range faults(key, text) {
				t.Errorf("%s.json: %q as %q: %s", l.Tag, key, text, wrong)
			}
			if (key == text) != same[key] {
				t.Errorf("%s.json: %q as %q: listed as the same: %v", l.Tag, key, text, same[key])
			}
			delete(same, key)
		}
		for key := range same {
			t.Errorf("%s.json lists as the same what it does not have: %q", l.Tag, key)
		}
	}
}

func both(l *Language) map[string]string {
	all := maps.Clone(l.Screen)
	for key, text := range l.Engine {
		if other, ok := all[key]; ok && other != text {
			all[key+" "] = text // the second of two translations is looked at too
			continue
		}
		all[key] = text
	}
	return all
}

// faults is what is wrong with a translation.
func faults(key, text string) (wrong []string) {
	key = strings.TrimSuffix(key, " ")
	names, put := Placeholders(key), Placeholders(text)
	slices.Sort(names)
	slices.Sort(put)
	end := func(s string) string {
		last := s[len(s)-1:]
		if strings.HasSuffix(s, "…") || !strings.ContainsAny(last, ".:?,") {
			return ""
		}
		return last
	}
	switch {
	case text == "" || strings.TrimSpace(text) != text:
		return []string{"empty, or blanks around it"}
	case !slices.Equal(names, put):
		wrong = append(wrong, "other placeholders")
	case len(slices.Compact(names)) != len(put):
		wrong = append(wrong, "a placeholder twice")
	}
	if strings.ContainsAny(key+text, "<>&\t\n") {
		wrong = append(wrong, "markup")
	}
	if stars := strings.Count(key, "*"); stars%2 != 0 || strings.Count(text, "*") != stars {
		wrong = append(wrong, "stressed otherwise")
	}
	if end(key) != end(text) {
		wrong = append(wrong, "ends in another mark")
	}
	return wrong
}

func TestFaultsAreFound(t *testing.T) {
	for _, c := range []struct{ key, text string }{
		{"Paid.", ""},
		{"Paid.", " Bezahlt."},
		{"Paid {amount}", "Bezahlt"},
		{"Paid {amount}", "Bezahlt {betrag}"},
		{"Paid {amount}", "{amount} {amount}"},
		{"{a} {a}", "{a} {a}"},
		{"Paid.", "<b>Bezahlt</b>."},
		{"Paid & gone.", "Bezahlt & weg."},
		{"*Paid*", "Bezahlt"},
		{"*Paid", "*Bezahlt"},
		{"Paid.", "Bezahlt"},
	} {
		if len(faults(c.key, c.text)) == 0 {
			t.Errorf("%q as %q is not faulted", c.key, c.text)
		}
	}
	if wrong := faults("*{n}* of {m} came.", "Von {m} kamen *{n}*."); len(wrong) > 0 {
		t.Errorf("a good translation is faulted: %q", wrong)
	}
}

// What the engine says has no stars, and its placeholders stand apart, or no pattern could find them.
func TestEngineSentencesArePatterns(t *testing.T) {
	for key := range load(t).English().Engine {
		if strings.Contains(key, "*") || strings.Contains(key, "}{") {
			t.Errorf("%q", key)
		}
	}
}

// JSON takes the last of two keys that are the same, in silence.
func TestNoKeyTwice(t *testing.T) {
	for _, l := range load(t).All() {
		data, err := files.ReadFile(l.Tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range twice(t, string(data)) {
			t.Errorf("%s.json has twice: %q", l.Tag, key)
		}
	}
	if got := twice(t, `{"a": {"x": "1", "y": "x", "x": "2"}, "b": ["x", "x"], "a": {}}`); !slices.Equal(got, []string{"x", "a"}) {
		t.Errorf("found twice: %q", got)
	}
}

// twice are the keys that an object has twice.
func twice(t *testing.T, text string) (found []string) {
	t.Helper()
	type level struct {
		object bool
		seen   map[string]bool
		value  bool // what comes next is a value
	}
	var levels []*level
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		var now *level
		if len(levels) > 0 {
			now = levels[len(levels)-1]
		}
		key, text := token.(string)
		if text && now.object && !now.value {
			if now.seen[key] {
				found = append(found, key)
			}
			now.seen[key], now.value = true, true
			continue
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			levels = append(levels, &level{object: token == json.Delim('{'), seen: map[string]bool{}})
			if now != nil {
				now.value = false
			}
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		default:
			now.value = false
		}
	}
}

func TestFormsOfDates(t *testing.T) {
	for _, l := range load(t).All() {
		if p := Placeholders(l.Day); !slices.Equal(p, []string{"day", "month"}) {
			t.Errorf("%s writes a day as %q", l.Tag, l.Day)
		}
		if p := Placeholders(l.Date); !slices.Equal(p, []string{"day", "month", "year"}) {
			t.Errorf("%s writes a date as %q", l.Tag, l.Date)
		}
		if months := slices.Compact(slices.Sorted(slices.Values(l.Months))); len(months) != 12 || months[0] == "" {
			t.Errorf("the months of %s are %q", l.Tag, l.Months)
		}
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `{"name": "Klingon"}`, `{"name": "X", "decimal": ",", "group": ".", "day": "{day}", "date": "{day}", "months": ["only one"]}`,
		`{"name": "X", "decimal": ",", "group": ".", "day": "d", "date": "d", "months": ["1","2","3","4","5","6","7","8","9","10","11","12"], "texts": {}}`,
	} {
		if err := (&Language{}).read([]byte(text)); err == nil {
			t.Errorf("read %s", text)
		}
	}
}
