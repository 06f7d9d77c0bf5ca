package language

import (
	"fmt"
	"html/template"
	"strings"
	"testing"
)

// sample is what may stand for a placeholder, and how the language writes it.
func sample(l *Language, name string) (english string, here template.HTML) {
	switch kindOf(name) {
	case amount:
		return "1234.50 EUR", template.HTML(l.decimal("1234.50") + " EUR")
	case number:
		return "7", "7"
	case duration:
		return "1.5 s", template.HTML(l.decimal("1.5") + " s")
	case known, sentence:
		return "MGR has the outcome.", l.Say("MGR has the outcome.")
	case series:
		return "approved, Visa", l.Say("approved") + ", Visa"
	case outcome:
		return "not decided. Danke.", l.Say("not decided") + ". Danke."
	}
	return "{" + name + "} <i>", template.HTML("{" + name + "} &lt;i&gt;")
}

// Every sentence of the engine is recognised with any content, and by its own key and no other.
func TestEverySentenceIsRecognised(t *testing.T) {
	for _, l := range load(t).All() {
		for key := range l.Engine {
			said, pairs := key, []any{}
			for _, name := range Placeholders(key) {
				en, here := sample(l, name)
				said = strings.Replace(said, "{"+name+"}", en, 1)
				pairs = append(pairs, name, here)
			}
			want := l.HTML(key, pairs...)
			if got := l.Say(said); got != want {
				t.Errorf("%s: %q\nsaid %q\nwant %q", l.Tag, said, got, want)
			}
		}
	}
}

func TestSay(t *testing.T) {
	const en = `<span lang="en">`
	for tag, all := range map[string]map[string]string{
		"de": {
			"The card terminal cannot be reached: The line was lost. Nothing was charged.": "Das Kartenterminal ist nicht erreichbar: Die Leitung ging verloren. Es wurde nichts belastet.",
			"the line was lost":  "Die Leitung ging verloren",
			"The line was lost.": "Die Leitung ging verloren.",
			"A refund of 1234.50 EUR is not known yet: the terminal's answer does not say whether money moved (Karte <b>raus</b>)":                    "Eine Erstattung über 1.234,50 EUR ist noch ungeklärt: Die Antwort des Terminals sagt nicht, ob Geld floss (" + en + "Karte &lt;b&gt;raus&lt;/b&gt;</span>)",
			"The terminal's answer does not say whether money moved (The terminal is busy.).":                                                         "Die Antwort des Terminals sagt nicht, ob Geld floss (Das Terminal ist beschäftigt.).",
			"MGR did not answer: dial tcp: lookup x.":                                                                                                 "MGR hat nicht geantwortet: " + en + "dial tcp: lookup x</span>.",
			"/etc/t.yaml:3:5: mgr.passcode: the passcode is short; 16 characters or more are hard to guess; set the same in MGR":                      "/etc/t.yaml:3:5: mgr.passcode: der Passcode ist kurz; 16 oder mehr Zeichen sind schwer zu erraten; tragen Sie denselben in MGR ein",
			"The terminal says: approved, code 651200, reference 163, Maestro …1229, result 00 (0). Vielen Dank. Recorded before it is acknowledged.": "Das Terminal sagt: genehmigt, Code 651200, Referenz 163, Maestro …1229, Ergebnis 00 (0). Vielen Dank. Vor der Quittung aufgezeichnet.",
			"The terminal's records: nothing.":                                   "Aufzeichnungen des Terminals: nichts.",
			"The terminal ended the payment: declined. The payment was refused.": "Das Terminal hat die Zahlung beendet: abgelehnt. Die Zahlung wurde abgelehnt.",
			"Anna settled it as declined: The payment has moved on.":             "Anna hat sie als abgelehnt geklärt: The payment has moved on.", // her own words
			"something new": en + "something new</span>",
			"":              "",
		},
		"fr": {
			"Look for payment: the payment has moved on": "Recherche du paiement\u00a0: le paiement a avancé entre-temps",
			"Look for payment: MGR did not answer":       "Recherche du paiement\u00a0: MGR n’a pas répondu",
		},
		"en": {
			"MGR asked for 1234.50 EUR; accepted.":       "MGR asked for 1,234.50 EUR; accepted.",
			"Look for payment: the payment has moved on": "Look for payment: the payment has moved on",
			"something <new>":                            "something &lt;new&gt;",
		},
	} {
		l := load(t).Find(tag)
		for said, want := range all {
			if got := l.Say(said); string(got) != want {
				t.Errorf("%s: %q\nsaid %q\nwant %q", tag, said, got, want)
			}
		}
	}
	de := load(t).Find("de")
	for text, want := range map[string]template.HTML{"Insert the card.": "Karte einstecken.", "KARTE <GESPERRT>": "KARTE &lt;GESPERRT&gt;", "": ""} {
		if got := de.Quote(text); got != want {
			t.Errorf("%q is quoted as %q, want %q", text, got, want)
		}
	}
}

// Whatever a terminal, a person or the network says, it never becomes markup, and the work on it is bounded.
func FuzzSay(f *testing.F) {
	f.Add("The terminal says: approved, <b>x</b>. y Recorded before it is acknowledged.")
	f.Add("Payment u: " + strings.Repeat("Payment u: ", 50) + "<b>")
	f.Add(strings.Repeat("(", 300) + strings.Repeat(": ", 300))
	f.Add("{place}: {known} ({why}).")
	s, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	clean := strings.NewReplacer(`<span lang="en">`, "", "</span>", "")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range s.All() {
			for _, said := range []template.HTML{l.Say(text), l.Quote(text)} {
				if rest := clean.Replace(string(said)); strings.ContainsAny(rest, `<>"'`) {
					t.Errorf("%s makes of %q: %q", l.Tag, text, said)
				}
			}
		}
	})
}

func TestWorkIsBounded(t *testing.T) {
	l := load(t).Find("de")
	for _, text := range []string{
		strings.Repeat("x", longest) + ": MGR has the outcome.",
		strings.Repeat("a: (", 900) + "MGR has the outcome." + strings.Repeat(")", 90),
	} {
		r := recognition{l: l}
		_, _ = r.whole(text, 0)
		if r.work > mostWork {
			t.Errorf("%d patterns were fitted to %.20q…", r.work, text)
		}
	}
	deep := strings.Repeat("Payment u: ", deepest+5) + "MGR has the outcome."
	if got := string(l.Say(deep)); !strings.Contains(got, `<span lang="en">Payment u: `) {
		t.Errorf("a sentence in very many is read to its end: %s", got)
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "A.", "Is it?": "Is it?", "über": "über.", "so:": "So:"} {
		if got := Sentence(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if fmt.Sprint(kindOf("amount2"), kindOf("n"), kindOf("name"), kindOf("")) != fmt.Sprint(amount, number, verbatim, verbatim) {
		t.Error("the kinds are mixed up")
	}
}
