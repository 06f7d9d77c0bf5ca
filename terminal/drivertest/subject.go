package drivertest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Subject is a driver with its simulator, as the battery needs to know them.
type Subject struct {
	// Driver is what is tested. Its Simulate makes the terminal's side, and its Line the pace of a serial line.
	Driver terminal.Driver
	// Options makes the driver's options for one session; nil means Driver.Options.
	Options func(terminal.LinkKind) any
	// Simulator makes SimulatorOptions.Options; nil means none.
	Simulator func(terminal.LinkKind) any
	// Links are the links that the protocol has.
	Links []terminal.LinkKind
	// Currency is that of every payment.
	Currency terminal.Currency
	// Least is the smallest sum that the protocol takes, in minor units; 0 means 1.
	Least int64

	// Money tells whether the bytes of one Write of the driver hand over a command that moves money. Required, unless there
	// is no line.
	Money func(k terminal.LinkKind, written []byte) bool
	// NAK tells whether bytes that came since the money command was written ask for it once more. Nil means: they hold a NAK
	// (15 hex) on a serial line, and never over TCP.
	NAK func(k terminal.LinkKind, received []byte) bool
	// Refusal is what the terminal says where it could not read a frame; empty where it says nothing. Nil means: NAK (15 hex) on a
	// serial line, nothing over TCP.
	Refusal func(terminal.LinkKind) []byte
	// Strange makes of what the terminal says in one Write the same with a result code that no list has, and with a right check value.
	// It returns nil where no result is stated: of a payment in its dialogue, or of one that is asked about. Nil means that Lacks has a
	// reason for StrangeCode. See Recode.
	Strange func(k terminal.LinkKind, said []byte) []byte
	// OtherID is SimulatorOptions.TerminalID of another terminal than the simulator's own; empty means 52500099.
	OtherID string
	// Sends is how often a money command may be written where the terminal asks for it; 0 means three times, as most papers have it.
	Sends int
	// Vote tells whether the bytes of one Write acknowledge a result, so that they must wait for Till.Seen. Nil means: any bytes may
	// do so. It is for protocols that say first that a frame came whole, and then what they think of it.
	Vote func(k terminal.LinkKind, written []byte) bool
	// Checked tells whether frames have a check value on that link, so that a damaged byte is found out. Nil means:
	// on a serial line they have, over TCP they have not. Where they have not, no byte is damaged: the network does not.
	Checked func(terminal.LinkKind) bool
	// Cards are the numbers of the cards that the simulator's customers hold, digits only; no five digits of one in a row
	// may appear anywhere but in its last four's place.
	Cards []string

	// Sample is how many positions of each sweep are played where the environment asks for no more; 0 means 3.
	Sample int

	// Lacks gives a reason for each need of a scenario (Scenario.Needs) that the protocol does not have, a sentence for the log.
	Lacks map[string]string
	// LacksOn gives reasons for scripts that mean nothing on one of the links, though the simulator lists them: without
	// acknowledgements none is lost.
	LacksOn map[terminal.LinkKind]map[string]string
}

// Needs that are abilities of the driver; the other needs are names of simulate.Menu.
const (
	Canceller = "canceller" // the session is a terminal.Canceller
	Identity  = "identity"  // the session is a terminal.Identifier, and says something
	Recorded  = "recorded"  // Pay calls Till.Seen
	Line      = "line"      // something passes over the line; only a terminal without a connection lacks it
	// StrangeCode is a result code that no list has: Subject.Strange.
	StrangeCode = "strange-code"
)

// marker tells that the session is a terminal.Marker whose mark is known after a sale.
const marker = "marker"

// Sums of the battery's payments, in minor units, all different so that one is never taken for another.
const (
	earlierMinor = 990  // sold at the terminal itself before the payment, where it can be
	minor        = 1250 // the payment
	laterMinor   = 777  // the payment that follows
	handMinor    = 1390 // sold at the terminal's own keys during the payment's trouble
)

func (s Subject) options(k terminal.LinkKind) any {
	if s.Options != nil {
		return s.Options(k)
	}
	return s.Driver.Options()
}

func (s Subject) simulator(k terminal.LinkKind, script, id string) (terminal.Simulator, error) {
	o := terminal.SimulatorOptions{Currency: s.Currency, Outcome: script, Think: think, TerminalID: id}
	if s.Simulator != nil {
		o.Options = s.Simulator(k)
	}
	return s.Driver.Simulate(o)
}

func (s Subject) checked(k terminal.LinkKind) bool {
	if s.Checked != nil {
		return s.Checked(k)
	}
	return k == terminal.Serial
}

func (s Subject) asksAgain(k terminal.LinkKind, received []byte) bool {
	if s.NAK != nil {
		return s.NAK(k, received)
	}
	return k == terminal.Serial && bytes.IndexByte(received, 0x15) >= 0
}

func (s Subject) refusal(k terminal.LinkKind) []byte {
	switch {
	case s.Refusal != nil:
		return s.Refusal(k)
	case k == terminal.Serial:
		return []byte{0x15}
	}
	return nil
}

// Recode writes a code at a place of a frame whose last byte is the exclusive or of what is before it.
func Recode(frame []byte, at int, code string) []byte {
	last := len(frame) - 1
	for i := range len(code) {
		frame[last] ^= frame[at+i] ^ code[i]
		frame[at+i] = code[i]
	}
	return frame
}

// RecodeDLE changes what stands in the first DLE frame of some bytes that change has another content for; nil without such a frame.
func RecodeDLE(said []byte, change func(content []byte) []byte) []byte {
	frames := wire.NewDLEReader(1 << 16)
	for _, b := range said {
		if e := frames.Feed(b); e.Kind == wire.DLEFrame {
			if changed := change(e.Content); changed != nil {
				return wire.AppendDLE(nil, changed)
			}
		}
	}
	return nil
}

// amount is a sum in the subject's currency.
func (s Subject) amount(minor int64) terminal.Amount {
	return terminal.Amount{Minor: minor, Currency: s.Currency}
}

// has is the set of needs that driver and simulator meet.
func (s Subject) has(abilities map[string]bool, sim terminal.Simulator) map[string]bool {
	have := map[string]bool{}
	for _, n := range slices.Concat(sim.Outcomes(), sim.Actions()) {
		have[n] = true
	}
	maps.Copy(have, abilities)
	have[StrangeCode] = s.Strange != nil
	return have
}

// wrong tells what is wrong with the subject itself.
func (s Subject) wrong() []string {
	var out []string
	say := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	d := s.Driver
	say(d.Name == "" || d.Title == "", "the driver has no name or no title")
	say(d.Evidence == 0, "the driver declares no evidence class")
	say(d.Options == nil || d.Open == nil || d.Simulate == nil, "the driver lacks Options, Open or Simulate")
	say(len(s.Links) == 0, "no link is named")
	say(s.Currency.Numeric == 0, "no currency is named")
	say(s.Money == nil && s.Lacks[Line] == "", "Money is not given: which write moves money?")
	say(slices.Contains(s.Links, terminal.Serial) && (d.Line.Baud <= 0 || d.Line.DataBits <= 0), "a serial driver names no speed")
	for k, lacks := range s.LacksOn {
		for need, why := range lacks {
			say(why == "" || !slices.Contains(s.Links, k) || s.Lacks[need] != "", "LacksOn[%s][%q] gives no reason, or one for nothing", k, need)
			say(!slices.Contains(needs(), need), "LacksOn[%s][%q]: no scenario needs that; needs are %v", k, need, needs())
		}
	}
	for need, why := range s.Lacks {
		say(why == "", "Lacks[%q] gives no reason", need)
		say(!slices.Contains(needs(), need), "Lacks[%q]: no scenario needs that; needs are %v", need, needs())
	}
	return out
}

// unexplained compares what is needed with what is there.
func (s Subject) unexplained(have map[string]bool) []string {
	var out []string
	for _, need := range needs() {
		_, lacks := s.Lacks[need]
		switch {
		case have[need] && lacks:
			out = append(out, fmt.Sprintf("Lacks[%q] gives a reason, but it is there: %s", need, s.Lacks[need]))
		case !have[need] && !lacks:
			out = append(out, fmt.Sprintf("%q is not there (%s), and Lacks gives no reason", need, describe(need)))
		}
	}
	for _, always := range []string{
		simulate.Approved, simulate.Declined, simulate.PressTap, simulate.PressDecline, simulate.PressCancel,
		simulate.PressPullCable, simulate.PressPlugCable, simulate.PressCutPower, simulate.PressRestorePower,
	} {
		if !have[always] {
			out = append(out, fmt.Sprintf("the simulator has no %q, which none may lack", always))
		}
	}
	return out
}

func describe(need string) string {
	if what := simulate.Describe(need); what != "" {
		return what
	}
	return map[string]string{
		Canceller: "the session cannot be asked to give a payment up", Identity: "the session does not tell which terminal answers",
		Recorded: "Pay never calls Till.Seen", Line: "nothing passes over the line", StrangeCode: "Subject.Strange is not given",
	}[need]
}

// Run puts the driver through every scenario on each of its links. Each link and scenario is a subtest.
func Run(t *testing.T, s Subject) {
	t.Helper()
	if wrong := s.wrong(); len(wrong) > 0 {
		for _, w := range wrong {
			t.Error(w)
		}
		return
	}
	for _, k := range s.Links {
		t.Run(k.String(), func(t *testing.T) { runLink(t, s, k) })
	}
}
