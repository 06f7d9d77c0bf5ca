package simulate

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// stxMouth pays 1250 for "P" and says the end of it, says two words for "W", one hastily for "H" and one once for "O".
type stxMouth struct {
	b     *Body
	strip bool // Unheard gives up everything
	told  []string
}

func (m *stxMouth) Attach(l *Line) Talk {
	format := wire.STXFormat{Covers: wire.CoverBodyETX}
	t := &STX{Body: m.b, Line: l, Format: format, Reader: wire.NewSTXReader(format, 8), Wait: 2 * time.Second}
	note := func(what string) func() { return func() { m.told = append(m.told, what) } }
	t.Said = note("said")
	t.Other = func(e wire.STXEvent, b byte) { m.told = append(m.told, fmt.Sprintf("other %s %02x", e.Kind, b)) }
	if m.strip {
		t.Unheard = note("unheard")
		t.Damaged = note("damaged")
	}
	t.Obey = func(body []byte) {
		if !t.Saying() {
			t.Control(wire.ACK)
		}
		switch string(body) {
		case "P":
			m.b.Begin(l, Order{Kind: Sale, Minor: 1250})
		case "W":
			t.Say(Frame{Body: []byte("one"), Over: note("one over")})
			t.Say(Frame{Body: []byte("two"), Over: func() {
				m.told = append(m.told, "two over")
				if !m.strip {
					t.Say(Frame{Body: []byte("end")})
				}
			}})
		case "H":
			t.Hasty([]byte("hi"))
			t.Say(Frame{Body: []byte("one")})
		case "O":
			t.Say(Frame{Body: []byte("one"), Once: true, Wait: time.Second, Over: note("one over")})
		}
	}
	return t
}
func (m *stxMouth) Progress(*Line, terminal.Stage) {}
func (m *stxMouth) State(r Result, done func()) {
	t, there := r.Line.Talk().(*STX)
	if !there {
		done()
		return
	}
	t.Say(Frame{Body: []byte("ok"), Script: r.Script, Over: done})
}

// Frames by hand: the check byte is the exclusive or of body and ETX.
const (
	stxP, stxW, stxH, stxO = "\x02P\x03S", "\x02W\x03T", "\x02H\x03K", "\x02O\x03L"
	stxOK, stxOne          = "\x02ok\x03\x07", "\x02one\x03\x67"
	stxTwo, stxEnd, stxHi  = "\x02two\x03\x6f", "\x02end\x03\x6c", "\x02hi\x03\x02"
)

func TestSTX(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		strip  bool
		says   string // by the till, half a second between two words; "." says nothing
		want   string // what it hears
		told   string
	}{
		"acknowledged":            {Approved, false, stxP + " \x06", "\x06" + stxOK, "said"},
		"refused once":            {Approved, false, stxP + " \x15 \x06", "\x06" + stxOK + stxOK, "said"},
		"nobody acknowledges":     {Approved, false, stxP, "\x06" + stxOK + stxOK + stxOK, ""},
		"refused for ever":        {Approved, false, stxP + " \x15 \x15 \x15", "\x06" + stxOK + stxOK + stxOK, ""},
		"damaged once":            {BadCRCOnce, false, stxP + " \x15 \x06", "\x06" + "\x02ok\x03\x47" + stxOK, "said"},
		"the first ACK is missed": {RepeatStatus, false, stxP + " \x06 \x06 . . \x06", "\x06" + stxOK + stxOK, "said"},
		"no ACK arrives":          {KeepOnLoss, false, stxP + " \x06 . . . \x06 . . . \x06", "\x06" + stxOK + stxOK + stxOK, ""},
		"two, and one more":       {Approved, false, stxW + " \x06 \x06 \x06", "\x06" + stxOne + stxTwo + stxEnd, "one over, two over, said"},
		"the first is given up":   {Approved, false, stxW + " \x15 \x15 \x15 \x06 \x06", "\x06" + stxOne + stxOne + stxOne + stxTwo + stxEnd, "one over, two over, said"},
		"all is given up":         {Approved, true, stxW + " \x15 \x15 \x15", "\x06" + stxOne + stxOne + stxOne, "one over, two over, unheard"},
		"a hasty one's ACK":       {Approved, false, stxH + " \x06 \x06", "\x06" + stxHi + stxOne, "said"},
		"a hasty one unheard":     {Approved, false, stxH + " . . . . \x06", "\x06" + stxHi + stxOne + stxOne, "said"},
		"said once":               {Approved, false, stxO, "\x06" + stxOne, "one over"},
		"said once, refused":      {Approved, false, stxO + " \x15 \x15 \x15", "\x06" + stxOne + stxOne + stxOne, "one over"},
		"a damaged command":       {Approved, false, "\x02P\x03T \x02P . " + stxP + " \x06", "\x15\x15\x06" + stxOK, "said"},
		"too long a command":      {Approved, true, "\x02PPPPPPPPP\x03S", "", "damaged"},
		"what is for nobody":      {Approved, false, "\x06 \x15 \x04 6", "", "other ack 06, other nak 15, other end 04, other garbage 36"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &stxMouth{strip: c.strip}
				m.b = stxBody(t, m, c.script)
				near, _, _ := plugIn(t, m.b, terminal.Serial)
				for s := range strings.SplitSeq(c.says, " ") {
					if _, err := near.Write([]byte(strings.Trim(s, "."))); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second / 2)
				}
				time.Sleep(time.Minute)
				_ = near.SetReadDeadline(time.Now().Add(time.Second))
				got := make([]byte, 256)
				n, _ := near.Read(got)
				m.b.mu.Lock()
				defer m.b.mu.Unlock()
				if told := strings.Join(m.told, ", "); string(got[:n]) != c.want || told != c.told {
					t.Errorf("the till heard %q, want %q; told %q, want %q", got[:n], c.want, told, c.told)
				}
				if !m.b.Idle() {
					t.Error("the terminal is not idle")
				}
			})
		})
	}
}

func stxBody(t *testing.T, m Mouth, script string) *Body {
	t.Helper()
	b, err := NewBody(terminal.SimulatorOptions{Outcome: script}, Protocol{
		Name: "stx", Mouth: m, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "1",
		Outcomes: []string{RepeatStatus, KeepOnLoss, BadCRCOnce},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is to be said is over when the line is gone, and so is what comes later.
func TestSTXLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &stxMouth{strip: true}
		m.b = stxBody(t, m, Approved)
		near, _, _ := plugIn(t, m.b, terminal.Serial)
		if _, err := near.Write([]byte(stxW + "\x02P")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		m.b.mu.Lock()
		talk := m.b.serial.Talk().(*STX)
		m.b.mu.Unlock()
		_ = near.Close()
		synctest.Wait()
		m.b.mu.Lock()
		talk.Say(Frame{Body: []byte("late"), Over: func() { m.told = append(m.told, "late over") }})
		m.b.mu.Unlock()
		time.Sleep(time.Minute)
		m.b.mu.Lock()
		defer m.b.mu.Unlock()
		if told := strings.Join(m.told, ", "); told != "one over, two over, late over" || talk.Saying() {
			t.Errorf("told %q", told)
		}
		if (*Line)(nil).Talk() != nil {
			t.Error("there is a conversation on no line")
		}
	})
}

func TestOwn(t *testing.T) {
	type options struct{ A int }
	for _, given := range []any{nil, options{}, (*options)(nil), options{7}, &options{7}} {
		got, err := Own[options](given)
		if want := fmt.Sprint(given) == "{7}" || fmt.Sprint(given) == "&{7}"; err != nil || (got.A == 7) != want {
			t.Errorf("%v: %+v, %v", given, got, err)
		}
	}
	if got, err := Own[options](struct{ A int }{7}); err == nil {
		t.Errorf("another type: %+v", got)
	}
}
