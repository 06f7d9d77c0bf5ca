package simulate

import (
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

// enqMouth pays 1250 for "P", and says the end of it.
type enqMouth struct {
	b   *Body
	enq *ENQ
}

func (m *enqMouth) Attach(l *Line) Talk            { return m.enq.Attach(l) }
func (m *enqMouth) Progress(*Line, terminal.Stage) {}
func (m *enqMouth) State(r Result, done func()) {
	m.enq.Say(&Speech{Text: r.End, Tries: 3, Script: r.Script, Over: done})
}

func (m *enqMouth) obey(l *Line, body []byte) { m.b.Begin(l, Order{Kind: Sale, Minor: 1250}) }
func (m *enqMouth) passing()                  { m.enq.Say(&Speech{Text: "wait", Passing: true}) }

func enqBody(t *testing.T, script string) *enqMouth {
	t.Helper()
	m := &enqMouth{}
	b, err := NewBody(terminal.SimulatorOptions{Outcome: script, Think: 10 * time.Millisecond}, Protocol{
		Name: "enq", Mouth: m, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "1",
		Outcomes: []string{RepeatStatus, KeepOnLoss, BadCRCOnce}, NoAuthCode: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.b = b
	m.enq = &ENQ{Body: b, Every: time.Second, Awake: b.Idle, Obey: m.obey}
	return m
}

const approvedFrame = "\x02approved\x03\x08" // the exclusive or of the word is 0B

func TestENQ(t *testing.T) {
	const handed = "\x06\x06" // ENQ and the frame are acknowledged
	for _, c := range []struct {
		name, script string
		says         []string // each after the terminal rests for half a second
		want         string
		booked       int
	}{
		{"told", Approved, []string{"\x05", "\x02P\x03S", "\x04", "\x06", "\x06"}, handed + "\x05" + approvedFrame + "\x04", 1},
		{"without an end", Approved, []string{"\x05", "\x02P\x03S"}, handed + "\x05\x05\x05", 1},
		{"a damaged command", Approved, []string{"\x05", "\x02P\x03T", "\x02P\x03S", "\x04", "\x06", "\x06"}, "\x06\x15\x06\x05" + approvedFrame + "\x04", 1},
		{"nobody listens", Approved, []string{"\x05", "\x02P\x03S", "\x04"}, handed + "\x05\x05\x05", 1},
		{"refused once", Approved, []string{"\x05", "\x02P\x03S", "\x04", "\x06", "\x15", "\x06"}, handed + "\x05" + approvedFrame + approvedFrame + "\x04", 1},
		{"repeated", RepeatStatus, []string{"\x05", "\x02P\x03S", "\x04", "\x06", "\x06", "", "\x06"}, handed + "\x05" + approvedFrame + approvedFrame + "\x04", 1},
		{"no acknowledgement arrives", KeepOnLoss, []string{"\x05", "\x02P\x03S", "\x04", "\x06", "\x06"}, handed + "\x05" + approvedFrame + approvedFrame + approvedFrame + approvedFrame + "\x04", 1},
		{"damaged once", BadCRCOnce, []string{"\x05", "\x02P\x03S", "\x04", "\x06", "\x15", "\x06"}, handed + "\x05" + approvedFrame[:len(approvedFrame)-1] + "\x28" + approvedFrame + "\x04", 1},
		{"an ENQ that nothing follows", Approved, []string{"\x05", "", "", "", "", "", "", "\x05", "\x02P\x03S", "\x04", "\x06", "\x06"}, "\x06" + handed + "\x05" + approvedFrame + "\x04", 1},
		{"a frame without ENQ", Approved, []string{"\x02P\x03S", "\x04"}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := enqBody(t, c.script)
				near, _, _ := plugIn(t, m.b, terminal.Serial)
				for _, s := range c.says {
					if _, err := near.Write([]byte(s)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second / 2)
				}
				time.Sleep(time.Minute)
				_ = near.SetReadDeadline(time.Now().Add(time.Second))
				got := make([]byte, 256)
				n, _ := near.Read(got)
				if string(got[:n]) != c.want {
					t.Errorf("the till heard %q, want %q", got[:n], c.want)
				}
				m.b.mu.Lock()
				defer m.b.mu.Unlock()
				if booked := len(m.b.Records()); booked != c.booked || !m.b.Idle() {
					t.Errorf("%d are booked, want %d; idle %t", booked, c.booked, m.b.Idle())
				}
			})
		})
	}
}

// What is to be said outlives the line, and not the power.
func TestENQOutlives(t *testing.T) {
	for _, power := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m := enqBody(t, Approved)
			m.b.mu.Lock()
			m.enq.Say(&Speech{Text: "nobody is there"})
			m.b.mu.Unlock()
			near, _, _ := plugIn(t, m.b, terminal.Serial)
			for _, s := range []string{"\x05", "\x02P\x03S", "\x04"} {
				_, _ = near.Write([]byte(s))
				synctest.Wait()
			}
			time.Sleep(100 * time.Millisecond) // ENQ was sent
			m.b.mu.Lock()
			m.passing() // kept behind the result
			m.b.mu.Unlock()
			_ = near.Close()
			if !power {
				_, _ = m.b.Press(PressCutPower), m.b.Press(PressRestorePower)
			}
			near, _, _ = plugIn(t, m.b, terminal.Serial)
			time.Sleep(1500 * time.Millisecond)
			_ = near.SetReadDeadline(time.Now().Add(time.Second))
			got := make([]byte, 16)
			n, _ := near.Read(got)
			if want := map[bool]string{true: "\x05", false: ""}[power]; string(got[:n]) != want {
				t.Errorf("power %t: %q on the new line, want %q", power, got[:n], want)
			}
		})
	}
}
