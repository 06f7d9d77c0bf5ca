package counter

import (
	"fmt"
	"go/ast"
	"go/token"
	"html"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

// hole stands for what a sentence has at a place where something is put in.
const hole = "\x00"

// shown are the sources that make sentences for the screen: every text of several words in them is recognised, or
// stands in notShown.
var shown = []string{
	"../*.go", "../till/*.go", "../notify/judge.go", "../notify/deliver.go", "../daemon/house.go", "../daemon/identity.go", "../daemon/clock.go", "../daemon/passcodes.go", "../daemon/adapters.go", "words.go",
	"../../drivers/manual/driver.go", "../../terminal/ear.go", "../../terminal/driver.go", "../../terminal/link/enq.go", "../../terminal/link/held.go", "../../terminal/link/money.go",
	"../../terminal/line/errors.go", "../../terminal/line/serial.go",
}

// partly are sources of which some sentences are recognised as well.
var partly = []string{"../../drivers/*/*.go", "../../terminal/line/*.go", "../../terminal/link/*.go", "../../terminal/*.go"}

// aPart is a part of a sentence, of which the tests of whole sentences know.
const aPart = "a part of a sentence"

// notShown are texts in those sources that do not come to the screen, or only as a part, by what they are.
var notShown = map[string][]string{
	"what only a programmer can cause": {
		"it needs an order and a reference", "it needs the driver's name", "it needs a result", "the evidence does not decide it", "it changes nothing", "entry " + hole + ": " + hole,
		"event " + hole + " is not known", "state " + hole + " is not known", hole + " cannot happen to a payment that is " + hole, "a person is asked one thing at a time, and only in a payment",
		"kind " + hole + " is not known", hole + " has no word", hole + " is not known", "a " + hole + " needs the sale that it belongs to and the name of who ordered it",
		"a sale gives nothing back, and is ordered by MGR", "MGR is told nothing of a " + hole, "a terminal's records are asked about sales only",
		"somebody wants to say something", "terminal " + hole + ": there is no driver " + hole,
	},
	"what ends the daemon before there is a screen, or with it": {
		"the queue limit must be more than zero", "terminal " + hole + " is there twice", "terminal " + hole + " has no line or no driver", "read open payments: " + hole,
		"take up payment " + hole + ": " + hole, "load the certificate: " + hole, "MGR's door", "the counter screen", "the API's token", hole + ": " + hole, "the tills: " + hole,
	},
	"what only a driver or the log is told": {
		"this session with the terminal is over", "this payment's dialogue is over", "record " + hole + ": " + hole, "an end of day has no result to be recorded",
	},
	"what stands in a column of the journal or of the API": {
		"the payment exists already", "on hold", "other terminal", "tillbridge (MGR has it)", "tillbridge (the terminal of before is back)", "tillbridge (the terminal was taken)",
		"tillbridge (yet another terminal answers)", "tillbridge (the clock is right again)", "tillbridge (no wrong passcode came for an hour)",
	},
	aPart: {
		" (" + hole + ")", " " + hole + ".", ": " + hole, "1 " + hole, ", " + hole + " " + hole, hole + " ms", hole + " s", hole + " min", hole + " h " + hole + " min",
	},
}

// former are keys that the engine says no more and that a journal may still hold as the reason of a payment, or as an alarm.
func former() []string { return nil }

var verb = regexp.MustCompile(`%[-+# 0]*[0-9]*(?:\.[0-9]+)?[a-zA-Z]`)

// frameOf makes of a text what it has beside its holes.
func frameOf(text string) string { return verb.ReplaceAllString(text, hole) }

// joined is the frame of a text that is put together of literals and others; false where there is no literal in it.
func joined(x ast.Expr) (string, bool) {
	if text, ok := quoted(x); ok {
		return frameOf(text), true
	}
	switch x := x.(type) {
	case *ast.ParenExpr:
		return joined(x.X)
	case *ast.BinaryExpr:
		if x.Op != token.ADD {
			return hole, false
		}
		left, l := joined(x.X)
		right, r := joined(x.Y)
		return left + right, l || r
	}
	return hole, false
}

// framesIn are the frames of all texts in sources that have several words, logs left out.
func framesIn(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range patterns {
		for name, file := range sources(t, pattern) {
			framesOf(file, func(frame string) { found[frame] = name })
		}
	}
	return found
}

func framesOf(file ast.Node, found func(string)) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.Field:
			return false
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			if ok && slices.Contains([]string{"Error", "Info", "Warn", "Debug", "Text", "HTML"}, f.Sel.Name) && len(n.Args) > 0 {
				return false // a line of the log, or the screen's own words
			}
		case ast.Expr:
			frame, ok := joined(n)
			if !ok {
				return true
			}
			if words := strings.Fields(strings.ReplaceAll(frame, hole, "")); len(words) > 1 || len(words) == 1 && strings.Contains(frame, " ") && strings.Contains(frame, hole) {
				found(frame)
			}
			return false
		}
		return true
	})
}

// frames are the frames of the sentences that are recognised, by sentence.
func frames(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for key := range english(t).Engine {
		frame := key
		for _, name := range language.Placeholders(key) {
			frame = strings.Replace(frame, "{"+name+"}", hole, 1)
		}
		all[frame] = key
	}
	return all
}

// recognised is the sentence as which a frame is recognised.
func recognised(all map[string]string, frame string) (key string, ok bool) {
	for _, form := range []string{frame, strings.TrimSpace(frame), language.Sentence(frame), strings.TrimSuffix(language.Sentence(frame), "."), hole + frame, language.Sentence(strings.TrimPrefix(frame, hole+": "))} {
		if key, ok = all[form]; ok {
			return key, true
		}
	}
	return "", false
}

// A sentence of the engine's that no language recognises would be English on every screen. Whoever writes a new one gives
// its translations, or says in notShown why nobody at a till reads it.
func TestLanguagesKnowWhatTheEngineSays(t *testing.T) {
	all := frames(t)
	known := map[string]bool{}
	ignored := map[string]bool{}
	for why, list := range notShown {
		for _, frame := range list {
			ignored[frame] = why == aPart
		}
	}
	found := framesIn(t, shown...)
	if len(found) < 100 {
		t.Fatalf("%d texts found", len(found))
	}
	for _, frame := range slices.Sorted(maps.Keys(found)) {
		key, ok := recognised(all, frame)
		known[key] = true
		if _, listed := ignored[frame]; listed {
			ignored[frame] = true
		} else if !ok {
			t.Errorf("%s says what no language recognises: %q", found[frame], strings.ReplaceAll(frame, hole, "{…}"))
		}
	}
	for frame, is := range ignored {
		if !is {
			t.Errorf("nothing says any more %q", strings.ReplaceAll(frame, hole, "{…}"))
		}
	}
	for frame := range framesIn(t, partly...) {
		key, _ := recognised(all, frame)
		known[key] = true
	}
	for _, frame := range warnings(t) {
		key, ok := recognised(all, frame)
		known[key] = true
		if !ok {
			t.Errorf("the settings warn of what no language recognises: %q", strings.ReplaceAll(frame, hole, "{…}"))
		}
	}
	whole := strings.Join(wholes(t), "\n")
	for frame, key := range all {
		fits := regexp.MustCompile("(?i)" + strings.ReplaceAll(regexp.QuoteMeta(frame), hole, ".+"))
		if !known[key] && !fits.MatchString(whole) && !slices.Contains(former(), key) {
			t.Errorf("the engine says nowhere %q: take it out, or list it in former", key)
		}
	}
}

// Some sentences are put together of parts, each of which stands in a known one.
func TestLanguagesKnowThePartsOfSentences(t *testing.T) {
	all := strings.Join(slices.Collect(maps.Keys(frames(t))), "\n")
	for name, function := range map[string]string{"../health/words.go": "", "../journal/append.go": "contrary"} {
		n := 0
		for _, d := range sources(t, name)[name].Decls {
			if f, ok := d.(*ast.FuncDecl); function != "" && (!ok || f.Name.Name != function) {
				continue
			}
			framesOf(d, func(frame string) {
				n++
				if !strings.Contains(all, frame) && !slices.Contains(notShown[aPart], frame) {
					t.Errorf("%s says what no language recognises: %q", name, strings.ReplaceAll(frame, hole, "{…}"))
				}
			})
		}
		if n < 3 {
			t.Errorf("%d texts found in %s", n, name)
		}
	}
}

// wholes are whole sentences of the engine's that are put together, with everything that may stand in them.
func wholes(t *testing.T) (all []string) {
	t.Helper()
	order := bridge.Order{Amount: terminal.Amount{Minor: 123450, Currency: eur}}
	results := []*terminal.Result{
		nil, {}, {Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "163", CardName: "Maestro", CardLast4: "1229", Code: "00 (0)", Text: "Vielen Dank"}, {Outcome: terminal.Declined},
	}
	for _, kind := range bridge.EventKinds() {
		for _, r := range results {
			for _, person := range []*bridge.Person{nil, {Name: "Anna", Evidence: "Beleg"}} {
				e := bridge.Event{Kind: kind, Order: &order, Result: r, Reason: "The bridge stopped during the payment.", Outcome: terminal.Approved, Person: person, Mark: "162"}
				all = append(all, e.Words())
				for _, k := range []bridge.Kind{bridge.Refund, bridge.Void} {
					e.Order = &bridge.Order{Kind: k, By: "Anna", Amount: order.Amount}
					all = append(all, e.Words())
				}
				e.Order, e.Mark, e.Outcome = nil, "", terminal.Declined
				all = append(all, e.Words())
			}
		}
	}
	for _, c := range []terminal.LineCounts{
		{},
		{Messages: 1},
		{Messages: 900, SentAgain: 1, Recent: 200, RecentTrouble: 1},
		{Messages: 50, BadChecks: 9, Refused: 2, SentAgain: 3, CameAgain: 4, Recent: 59, RecentTrouble: 9},
		{Messages: 500, BadChecks: 1, Refused: 1, SentAgain: 1, CameAgain: 1, Recent: 200, RecentTrouble: 1},
	} {
		all = append(all, "Line "+health.LineWords(c))
	}
	for _, n := range []int64{2, 3} {
		all = append(all, "line "+health.ReopenedWords(terminal.LineCounts{Opened: n}))
	}
	for _, d := range []time.Duration{time.Microsecond, 5 * time.Millisecond, 1500 * time.Millisecond} {
		all = append(all, health.AnswerWords(terminal.LineCounts{Answer: d, Slowest: d}))
	}
	for p := terminal.NoProof + 1; p <= terminal.Person; p++ { // as the journal says it
		all = append(all, "The payment of 1234.50 EUR is recorded as approved (MGR has the outcome.). Now the terminal says declined, by "+p.String()+
			", reference 163, authorisation 651200, it says Nein. Compare the terminal's own records and put it right by hand.")
	}
	for _, k := range []bridge.Kind{bridge.Sale, bridge.Refund, bridge.Void} {
		all = append(all, "The "+k.Noun()+" of 1234.50 EUR was settled by hand as declined. Bert has put that right: it was approved (Beleg). "+
			"MGR has the first outcome; enter the right one there by hand.")
		all = append(all, "A "+k.Noun()+" of 1234.50 EUR is not known yet: The line was lost.")
	}
	for _, way := range []string{"3 min ahead of MGR's", "2 h 5 min behind MGR's"} {
		all = append(all, "This computer's clock is "+way+". Set it right. On Windows: Settings, Time and language, Date and time; switch on Set time automatically and press Sync now. On Linux: sudo timedatectl set-ntp true. This alarm goes by itself when an answer of MGR agrees with the clock again.")
	}
	return append(all, health.LineRemedy, fmt.Sprintf("%v: %v", terminal.ErrNotSent, terminal.ErrSilent),
		"the terminal's answer does not say whether money moved (The terminal is busy.)", "/etc/t.yaml:3:5: insecure_lan: it has no effect, since tls is set; remove it",
		"MGR refused the outcome with 400 Bad Request. It wrote: the address is now http://x")
}

// Nothing that the engine puts together is left in English, in any language.
func TestWholeSentencesAreTranslated(t *testing.T) {
	all, err := language.Load()
	if err != nil {
		t.Fatal(err)
	}
	said := wholes(t)
	if len(said) < 100 {
		t.Fatalf("%d sentences", len(said))
	}
	for _, l := range all.All() {
		for _, s := range said {
			got := string(l.Say(s))
			if l == all.English() && strings.ReplaceAll(html.UnescapeString(got), "1,234.50", "1234.50") != s {
				t.Errorf("English says %q as %q", s, got)
			}
			if l != all.English() && (got == template.HTMLEscapeString(s) || strings.Contains(got, `lang="en"`)) {
				t.Errorf("%s: %q is said as %q", l.Tag, s, got)
			}
		}
	}
}

// warnings are the frames of what the settings warn of.
func warnings(t *testing.T) (all []string) {
	t.Helper()
	for _, file := range sources(t, "../config/*.go") {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 4 {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "warn" {
				what, _ := joined(call.Args[2])
				todo, _ := joined(call.Args[3])
				all = append(all, what+"; "+todo)
			}
			return true
		})
	}
	if len(all) < 5 {
		t.Fatalf("%d warnings found", len(all))
	}
	return all
}
