package simulate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

// plainMouth is the smallest protocol: "pay 1250 REF", "cancel", "void" (the last) and "close", a line each, and
// answers in words.
type plainMouth struct{ b *Body }

type plainTalk struct {
	m    *plainMouth
	line *Line
	got  string
}

func (m *plainMouth) Attach(l *Line) Talk { return &plainTalk{m: m, line: l} }

func (m *plainMouth) Progress(l *Line, s terminal.Stage) {
	l.Write([]byte("stage " + s.String() + "\n"))
}

func (m *plainMouth) State(r Result, done func()) {
	text := r.End
	if r.Record != nil {
		text += fmt.Sprintf(" %d %s %s", r.Record.Minor, r.Record.AuthCode, r.Record.Ref)
	}
	if r.Stale {
		text = "stale " + text
	}
	r.Line.Write([]byte(text + "\n"))
	done()
}

func (t *plainTalk) Lost() {}

func (t *plainTalk) Hear(p []byte) {
	t.got += string(p)
	for {
		command, rest, whole := strings.Cut(t.got, "\n")
		if !whole {
			return
		}
		t.got = rest
		words := strings.Fields(command)
		switch words[0] {
		case "pay":
			minor, _ := strconv.ParseInt(words[1], 10, 64)
			if !t.m.b.Begin(t.line, Order{Kind: Sale, Minor: minor, Ref: words[2]}) {
				t.line.Write([]byte("busy here\n"))
			}
		case "void":
			t.m.b.Begin(t.line, Order{Kind: Void, Of: t.m.b.Last()})
		case "cancel":
			t.line.Write([]byte("cancel " + strconv.FormatBool(t.m.b.Cancel()) + "\n"))
		case "close":
			t.line.Write([]byte("bye\n"))
			t.line.Close()
		}
	}
}

// plainBody makes a terminal of that protocol.
func plainBody(t *testing.T, o terminal.SimulatorOptions) *Body {
	t.Helper()
	m := &plainMouth{}
	b, err := NewBody(o, Protocol{
		Name: "plain", Mouth: m, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "00000007",
		Outcomes: []string{Partial, Tip, WrongAmount, OtherCurrency, LateFrame, LateThenDeclined, Referral, EndOfDayPending},
		Words:    Words{Idle: "Ready", Payment: "Payment", Void: "Void", Wait: "Wait", Card: "Card", PIN: "PIN"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.b = b
	return b
}

// plugIn serves a line and returns the till's end.
func plugIn(t *testing.T, b *Body, k terminal.LinkKind) (*PipeEnd, *bufio.Scanner, <-chan error) {
	t.Helper()
	near, far := Pipe()
	over := make(chan error, 1)
	go func() { over <- b.Serve(t.Context(), far, k) }()
	synctest.Wait()
	t.Cleanup(func() { _ = near.Close() })
	return near, bufio.NewScanner(near), over
}

// say writes commands and returns what is heard until the line rests for a minute, without the stages.
func say(t *testing.T, near *PipeEnd, heard *bufio.Scanner, commands string) string {
	t.Helper()
	if _, err := near.Write([]byte(commands)); err != nil {
		t.Fatal(err)
	}
	if err := near.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for heard.Scan() {
		if !strings.HasPrefix(heard.Text(), "stage ") {
			out = append(out, heard.Text())
		}
	}
	return strings.Join(out, ", ")
}

// books is the ledger in words.
func books(b *Body) string {
	var out []string
	for _, e := range b.Face().Ledger {
		text := fmt.Sprintf("%s %d %s", e.Kind, e.Minor, e.Currency)
		if !e.Captured {
			text += " not kept"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestBodyScripts(t *testing.T) {
	const sale = "sale 1000 EUR, "
	for _, think := range []time.Duration{0, 100 * time.Millisecond} {
		for script, want := range map[string]struct{ heard, books string }{
			Approved:         {"approved 1250 903211 R1", "sale 1250 EUR"},
			Declined:         {"declined", ""},
			Cancelled:        {"cancelled", ""},
			Timeout:          {"timeout", ""},
			WrongPIN:         {"approved 1250 903211 R1", "sale 1250 EUR"},
			Busy:             {"busy", ""},
			EndOfDayPending:  {"end-of-day-pending", ""},
			RebootBefore:     {"", ""},
			LostReply:        {"", "sale 1250 EUR"},
			SplitFrames:      {"approved 1250 903211 R1", "sale 1250 EUR"},
			CablePulled:      {"", "sale 1250 EUR"},
			PowerCut:         {"", "sale 1250 EUR"},
			PowerCutBefore:   {"", "sale 1250 EUR not kept"},
			Partial:          {"approved 625 903211 R1", "sale 625 EUR"},
			Tip:              {"approved 1375 903211 R1", "sale 1375 EUR"},
			WrongAmount:      {"approved 1251 903211 R1", "sale 1251 EUR"},
			OtherCurrency:    {"approved 1250 903211 R1", "sale 1250 CHF"},
			Referral:         {"referral", ""},
			LateFrame:        {"stale approved 1000 419600 , approved 1250 903211 R1", "sale 1250 EUR"},
			LateThenDeclined: {"stale approved 1000 419600 , declined", ""},
		} {
			t.Run(fmt.Sprint(script, think), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := plainBody(t, terminal.SimulatorOptions{Outcome: script, Think: think})
					if err := b.Press(PressManualSale); err != nil {
						t.Fatal(err)
					}
					near, heard, _ := plugIn(t, b, terminal.TCP)
					if got := say(t, near, heard, "pay 1250 R1\n"); got != want.heard {
						t.Errorf("heard %q, want %q", got, want.heard)
					}
					time.Sleep(time.Minute) // a terminal whose cable is out goes on
					if got := strings.TrimSuffix(sale+want.books, ", "); books(b) != got {
						t.Errorf("the ledger has %q, want %q", books(b), got)
					}
					if b.Face().Paying {
						t.Error("the payment does not end")
					}
				})
			})
		}
	}
}

// A terminal that booked and was cut off tells the next till what it has, and goes on.
func TestBodyAfterFaults(t *testing.T) {
	for script, mend := range map[string]string{
		CablePulled: PressPlugCable, PowerCut: PressRestorePower, PowerCutBefore: PressRestorePower, LostReply: PressPlugCable,
	} {
		for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
			t.Run(script+" "+k.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := plainBody(t, terminal.SimulatorOptions{Outcome: script})
					near, heard, _ := plugIn(t, b, k)
					_ = say(t, near, heard, "pay 1250 R1\n")
					if err := errors.Join(b.Press(mend), b.Press(Approved)); err != nil {
						t.Fatal(err)
					}
					near, heard, _ = plugIn(t, b, k)
					if got := say(t, near, heard, "pay 300 R2\n"); !strings.HasPrefix(got, "approved 300") {
						t.Errorf("heard %q", got)
					}
				})
			})
		}
	}
}

func TestBodyMendsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := plainBody(t, terminal.SimulatorOptions{Outcome: PowerCut})
		b.timing.RestoreAfter = 5 * time.Second
		near, heard, _ := plugIn(t, b, terminal.Serial)
		_ = say(t, near, heard, "pay 1250 R1\n")
		if f := b.Face(); !f.Powered || !f.Cabled {
			t.Errorf("after a while: %+v", f)
		}
	})
}

func TestBodyByHand(t *testing.T) {
	press := func(t *testing.T, b *Body, after time.Duration, name string) {
		time.AfterFunc(after, func() {
			if err := b.Press(name); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct {
		name    string
		presses []string
		want    string
	}{
		{"tap", []string{PressTap}, "approved 1250 419600 R1"},
		{"decline", []string{PressDecline}, "declined"},
		{"stop", []string{PressCancel}, "cancelled"},
		{"nobody", nil, "timeout"},
		{"wrong pin, then right", []string{WrongPIN, PressTap}, "approved 1250 419600 R1"},
		{"wrong pin thrice", []string{WrongPIN, WrongPIN, WrongPIN}, "declined"},
		{"a script at the last moment", []string{Referral}, "referral"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := plainBody(t, terminal.SimulatorOptions{Think: time.Millisecond})
				near, heard, _ := plugIn(t, b, terminal.Serial)
				for i, p := range c.presses {
					press(t, b, time.Duration(i+1)*time.Second, p)
				}
				if got := say(t, near, heard, "pay 1250 R1\n"); got != c.want {
					t.Errorf("heard %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestBodyCancel(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0:                       "cancel true, cancelled",
		100 * time.Millisecond:  "cancel true, cancelled",
		1500 * time.Millisecond: "cancel true, cancelled",
		2500 * time.Millisecond: "cancel false, approved 1250 419600 R1",
		9500 * time.Millisecond: "approved 1250 419600 R1, cancel false",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := plainBody(t, terminal.SimulatorOptions{Outcome: Approved, Think: time.Second})
			near, heard, _ := plugIn(t, b, terminal.Serial)
			time.AfterFunc(after, func() { _, _ = near.Write([]byte("cancel\n")) })
			got := strings.Split(say(t, near, heard, "pay 1250 R1\n"), ", ")
			w := strings.Split(want, ", ")
			slices.Sort(got)
			slices.Sort(w)
			if !slices.Equal(got, w) {
				t.Errorf("cancelled after %s: heard %q, want %q", after, got, w)
			}
		})
	}
}

func TestBodyOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := plainBody(t, terminal.SimulatorOptions{Outcome: Approved, Think: time.Second})
		near, heard, _ := plugIn(t, b, terminal.TCP)
		other, otherHeard, _ := plugIn(t, b, terminal.TCP)
		var second sync.WaitGroup
		defer second.Wait()
		second.Go(func() {
			time.Sleep(time.Second)
			if err := b.Press(PressManualSale); err == nil {
				t.Error("a sale by hand in the middle of a payment")
			}
			if got := say(t, other, otherHeard, "pay 99 R2\n"); got != "busy here" {
				t.Errorf("the second till heard %q", got)
			}
		})
		if got := say(t, near, heard, "pay 1250 R1\n"); !strings.HasPrefix(got, "approved 1250") {
			t.Errorf("heard %q", got)
		}
	})
}

func TestBodyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := plainBody(t, terminal.SimulatorOptions{Outcome: Approved, Think: time.Second})
		_, _, over := plugIn(t, b, terminal.Serial)
		near, heard, _ := plugIn(t, b, terminal.Serial)
		if err := <-over; !errors.Is(err, errReplaced) {
			t.Errorf("the first line ended with %v", err)
		}
		if got := say(t, near, heard, "close\n"); got != "bye" {
			t.Errorf("heard %q", got)
		}
		if err := b.Press(PressPullCable); err != nil {
			t.Fatal(err)
		}
		_, _, over = plugIn(t, b, terminal.Serial)
		if err := <-over; !errors.Is(err, ErrCut) {
			t.Errorf("a line with the cable out ended with %v", err)
		}
		if err := errors.Join(b.Press(PressPlugCable), b.Press(PressCutPower)); err != nil {
			t.Fatal(err)
		}
		_, _, over = plugIn(t, b, terminal.TCP)
		if err := <-over; !errors.Is(err, ErrCut) {
			t.Errorf("a connection without power ended with %v", err)
		}
		near, heard, _ = plugIn(t, b, terminal.Serial)
		if got := say(t, near, heard, "pay 1250 R1\n"); got != "" {
			t.Errorf("without power heard %q", got)
		}
		ended, stop := context.WithCancel(t.Context())
		stop()
		a, z := Pipe()
		defer a.Close()
		if err := b.Serve(ended, z, terminal.Serial); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

func TestBodyBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := plainBody(t, terminal.SimulatorOptions{Outcome: Approved})
		for _, n := range []string{":100", ":200", ":300"} {
			if err := b.Press(PressManualSale + n); err != nil {
				t.Fatal(err)
			}
		}
		near, heard, _ := plugIn(t, b, terminal.Serial)
		if got := say(t, near, heard, "void\n"); !strings.HasPrefix(got, "approved 300") {
			t.Errorf("heard %q", got)
		}
		if n, minor := b.Totals(); n != 2 || minor != 300 {
			t.Errorf("totals %d, %d", n, minor)
		}
		if got := books(b); got != "sale 100 EUR, sale 200 EUR, sale 300 EUR not kept, void 300 EUR not kept" {
			t.Errorf("the ledger has %q", got)
		}
		if err := b.Press(PressEndOfDay); err != nil {
			t.Fatal(err)
		}
		if n, minor := b.Totals(); n != 0 || minor != 0 || b.Last() == nil || len(b.Records()) != 0 {
			t.Errorf("after the end of day: %d, %d, last %v", n, minor, b.Last())
		}
	})
}

// A number that was used up is not given again, and the count begins anew behind its last.
func TestBodyNumbers(t *testing.T) {
	b := plainBody(t, terminal.SimulatorOptions{})
	n := b.NextNumber()
	if err := b.Press(PressManualSale); err != nil {
		t.Fatal(err)
	}
	if got := b.Last().Number; got != n+1 {
		t.Errorf("after %d the next sale has number %d", n, got)
	}
	b.seq = 999_999
	if got := b.NextNumber(); got != 1 {
		t.Errorf("after the last number comes %d", got)
	}
}

func TestBodyRefuses(t *testing.T) {
	b := plainBody(t, terminal.SimulatorOptions{})
	for _, press := range []string{"manual-sale:x", "manual-sale:0", "manual-sale:-5", "pull-cable:1", "key:1250", "dance", PressTap} {
		if err := b.Press(press); err == nil {
			t.Errorf("press %q was taken", press)
		}
	}
	for _, o := range []terminal.SimulatorOptions{{TerminalID: "123456789"}, {TerminalID: "12x"}, {Outcome: "dance"}} {
		if _, err := NewBody(o, Protocol{Name: "plain", Mouth: &plainMouth{}, TerminalID: "00000007"}); err == nil {
			t.Errorf("options %+v were taken", o)
		}
	}
	if _, err := NewBody(terminal.SimulatorOptions{}, Protocol{Timing: BodyOptions{BootTime: -1}}); err == nil {
		t.Error("a negative time was taken")
	}
	if got := b.TerminalID() + b.Currency().Code; got != "00000007EUR" || !b.Idle() || b.Paying() {
		t.Errorf("a new terminal: %s", got)
	}
}
