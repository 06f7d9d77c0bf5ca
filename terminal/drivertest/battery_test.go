package drivertest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// toy is the toy driver as a subject.
func toy(class terminal.Evidence, b bug, links ...terminal.LinkKind) Subject {
	const no = "the toy protocol has no such thing"
	lacks := map[string]string{}
	for _, n := range []string{
		simulate.Timeout, simulate.WrongPIN, simulate.EndOfDayPending, simulate.PrinterOut, simulate.Busy, simulate.RebootBefore,
		simulate.RebootAfter, simulate.LostReply, simulate.LostAck, simulate.KeepOnLoss, simulate.RepeatStatus, simulate.LateThenDeclined,
		simulate.Partial, simulate.NoAmount, simulate.BadCRCOnce, simulate.SplitFrames, simulate.CablePulled, simulate.PowerCut,
		simulate.PowerCutBefore, simulate.Referral, simulate.NoStatus, simulate.Contradiction, simulate.PressEndOfDay,
	} {
		lacks[n] = no
	}
	if !class.Has(terminal.C4) {
		lacks[Recorded] = no
	}
	return Subject{
		Driver: toyDriver(class, b), Links: links, Currency: euro, Lacks: lacks, Cards: []string{toyCard},
		Sends:   6,
		Money:   func(_ terminal.LinkKind, written []byte) bool { return bytes.HasPrefix(written, []byte("PAY ")) },
		Refusal: func(terminal.LinkKind) []byte { return toyFrame("NAK") },
		Strange: toyStrange, OtherID: "T99",
		NAK: func(_ terminal.LinkKind, received []byte) bool { return bytes.Contains(received, []byte("NAK")) },
	}
}

// TestToy runs a driver without a bug, in each class, through the whole battery.
func TestToy(t *testing.T) {
	classes := []terminal.Evidence{terminal.C1, terminal.C2 | terminal.C4, terminal.C3}
	if os.Getenv("TILLBRIDGE_THOROUGH") != "" {
		classes = append(classes, terminal.C2, terminal.C3|terminal.C4)
	}
	for _, class := range classes {
		links := []terminal.LinkKind{terminal.Serial, terminal.TCP}
		if raceDetector {
			links = links[:1]
		}
		t.Run(class.String(), func(t *testing.T) { Run(t, toy(class, "", links...)) })
	}
}

// toyStrange gives a word to a result that no terminal has.
func toyStrange(_ terminal.LinkKind, said []byte) []byte {
	w, ok := toyLine(said)
	if !ok || len(w) != 10 || w[0] != "RES" && w[0] != "REC" {
		return nil
	}
	out := []any{w[0], w[1], "elsewhere"}
	for _, x := range w[3:] {
		out = append(out, x)
	}
	return toyFrame(out...)
}

// caught plays the battery, or those scenarios whose name begins so, until something is found, and returns the scenario and what is wrong.
func caught(t *testing.T, s Subject, begins string) (scenario string, wrong []string) {
	t.Helper()
	l := &link{s: s, kind: s.Links[0], most: min(12, s.positions()), known: map[string]learnt{}, out: map[string]int{}, held: map[string]int{}}
	if wrong := l.probe(t); len(wrong) > 0 {
		return "the undisturbed payment", wrong
	}
	for _, sc := range Scenarios() {
		if !sc.on(l.kind, s.checked(l.kind), len(s.refusal(l.kind)) > 0) || l.lacking(sc) != "" || !strings.HasPrefix(sc.Name, begins) {
			continue
		}
		if found := l.play(t, sc); len(found) > 0 {
			return sc.Name, found
		}
	}
	return "", nil
}

// TestPlantedBugs plants a mistake into the toy driver at a time: the battery must find each, for the right reason.
func TestPlantedBugs(t *testing.T) {
	const serial, tcp = terminal.Serial, terminal.TCP
	for _, c := range []struct {
		bug   bug
		class terminal.Evidence
		link  terminal.LinkKind
		says  string // a part of what must be said
		at    string // how the names of those scenarios begin that are there for it; empty for all
	}{
		{"time-out means declined", terminal.C3, serial, "the ledger holds the money", ""},
		{"repeats on silence", terminal.C3, serial, "the money command is repeated", ""},
		{"acknowledges first", terminal.C2 | terminal.C4, serial, "acknowledged before Till.Seen", ""},
		{"acknowledges just before", terminal.C3 | terminal.C4, serial, "acknowledged before Till.Seen: something was written", ""},
		{"never gives up", terminal.C3, serial, "and 30s is enough", ""},
		{"sends ten times", terminal.C3, serial, "the money command is written 7 times", ""},
		{"acknowledges what is not recorded", terminal.C3 | terminal.C4, serial, "is written after Till.Seen has returned an error", ""},
		{"takes a stale answer", terminal.C3, serial, "the payment", ""},
		{"trusts any sum", terminal.C3, serial, "is reported with 1250", ""},
		{"calls every difference a tip", terminal.C3, serial, "a tip that nobody gave", ""},
		{"trusts any currency", terminal.C3, serial, "the ledger says CHF", ""},
		{"a broken line was never written to", terminal.C3, serial, "nothing was sent", ""},
		{"takes damaged frames", terminal.C3, serial, "WRONG", ""},
		{"panics at damage", terminal.C2 | terminal.C4, serial, "panicked", ""},
		{"wants whole reads", terminal.C3, serial, "it ended", ""},
		{"drops what is glued", terminal.C1, serial, "WRONG", ""},
		{"does not wait", terminal.C3, serial, "the ledger holds the money", ""},
		{"takes any record", terminal.C2, serial, "approved by last-record, and the ledger does not hold the money", ""},
		{"pays without the mark", terminal.C2, serial, "Till.Mark returned an error, and the payment went on", ""},
		{"tells the card number", terminal.C2, serial, "of a card number", ""},
		{"logs the card number", terminal.C2, tcp, "the log has", ""},
		{"makes up the code", terminal.C2, tcp, "authorisation code", ""},
		{"leaks a goroutine", terminal.C3, serial, "did not come to its end", ""},
		{"leaves the line open", terminal.C3, serial, "left its line open", ""},
		{"never answers", terminal.C3, serial, "still asked about", ""},
		{"holds everything", terminal.C3, serial, "held, and evidence of C3 decides it", ""},
		{"asks by paying", terminal.C3, serial, "written while the engine is asking", ""},
		{"asks another terminal", terminal.C3, serial, "another terminal", ""},
		{"ignores its context", terminal.C3, serial, "did not come back", ""},
		{"heeds a late NAK", terminal.C3, serial, "after a NAK that came behind the terminal's acknowledgement", "late NAK"},
		{"heeds a late NAK", terminal.C2 | terminal.C4, tcp, "after a NAK that came behind the terminal's acknowledgement", "late NAK"},
		{"takes any code for a refusal", terminal.C3, serial, "a result whose code nobody knows is taken for declined", "strange code"},
		{"takes any record for an approval", terminal.C3, serial, "an answer whose code nobody knows is taken for approved", "recovery strange code"},
		{"joins the running payment", terminal.C3, serial, "the second payment ended approved", "broken after"},
		{"closes what waits", terminal.C3, serial, "closed, and not aborted", "stop"},
		{"forgets the network", terminal.C3, tcp, "not-found, and the ledger holds the money", ""},
	} {
		t.Run(string(c.bug), func(t *testing.T) {
			where, wrong := caught(t, toy(c.class, c.bug, c.link), c.at)
			switch {
			case where == "":
				t.Fatal("not found by any scenario")
			case !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, c.says) }):
				t.Errorf("found by %q, but for another reason than %q:\n%s", where, c.says, wrong[0])
			default:
				t.Logf("note: found by %q", where)
			}
		})
	}
}

// A simulator that lists a script and knows nothing of it is found out, and so is one that plays it as another.
func TestListedScriptsArePlayed(t *testing.T) {
	for _, c := range []struct{ script, as, says string }{
		{simulate.NoAmount, simulate.Approved, `all that is said and booked is what it is with "approved"`},
		{simulate.RepeatStatus, simulate.Approved, `all that is said and booked is what it is with "approved"`},
		{simulate.Timeout, simulate.Declined, `all that is said and booked is what it is with "declined"`},
		{simulate.Referral, simulate.Approved, "it has to book nothing"},
		{simulate.Partial, simulate.Tip, "it has to book less than asked for"},
		{simulate.PowerCut, simulate.Approved, "it has to lose its power"},
		{simulate.CablePulled, simulate.Approved, "it has to lose its cable"},
	} {
		t.Run(c.script, func(t *testing.T) {
			s := toy(terminal.C3, "", terminal.Serial)
			delete(s.Lacks, c.script)
			s.Driver.Simulate = func(o terminal.SimulatorOptions) (terminal.Simulator, error) {
				if o.Outcome == c.script {
					o.Outcome = c.as
				}
				sim, err := newToySim(terminal.C3, o)
				return boaster{sim, c.script, c.as}, err
			}
			where, wrong := caught(t, s, "script ")
			if where != "script "+c.script || !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, "does not play it") && strings.Contains(w, c.says) }) {
				t.Errorf("found by %q: %q", where, wrong)
			}
		})
	}
}

// boaster is a simulator that lists a script and plays another one for it.
type boaster struct {
	terminal.Simulator
	script, as string
}

func (b boaster) Outcomes() []string { return append(b.Simulator.Outcomes(), b.script) }

func (b boaster) Press(action string) error {
	if action == b.script {
		action = b.as
	}
	return b.Simulator.Press(action)
}
