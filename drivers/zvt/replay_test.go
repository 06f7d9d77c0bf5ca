package zvt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// euro is the currency of all captures.
var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// puppet plays recorded messages as the terminal's side. It knows frames and nothing of what is in them.
type puppet struct {
	port   terminal.Port
	serial *wire.DLEReader // nil over TCP
	split  Splitter
	inbox  [][]byte
	silent bool // frames are not acknowledged
}

func newPuppet(p terminal.Port, k terminal.LinkKind) *puppet {
	out := &puppet{port: p}
	if k == terminal.Serial {
		out.serial = wire.NewDLEReader(MaxAPDU)
	}
	return out
}

// scripted opens a session on a line that a puppet plays. Such a terminal may be one that wants no registration.
func scripted(t *testing.T, p terminal.Port, k terminal.LinkKind, register bool) terminal.Session {
	t.Helper()
	o := NewOptions()
	o.Register = register
	s, err := open(t.Context(), terminal.Env{
		Dial: func(context.Context) (terminal.Port, error) { return p, nil },
		Link: k, Currency: euro, Log: slog.New(slog.DiscardHandler),
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hear is the register's next APDU.
func (p *puppet) hear() ([]byte, error) {
	for len(p.inbox) == 0 {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	next := p.inbox[0]
	p.inbox = p.inbox[1:]
	return next, nil
}

// fill reads once and says whether an ACK was in it.
func (p *puppet) fill() error {
	buf := make([]byte, 512)
	if err := p.port.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	n, err := p.port.Read(buf)
	if p.serial == nil {
		p.inbox = append(p.inbox, p.split.Feed(buf[:n])...)
		return err
	}
	for _, b := range buf[:n] {
		if e := p.serial.Feed(b); e.Kind == wire.DLEFrame {
			p.inbox = append(p.inbox, e.Content)
			if p.silent {
				continue
			}
			if _, err := p.port.Write([]byte{wire.ACK}); err != nil {
				return err
			}
		}
	}
	return err
}

func (p *puppet) say(apdu []byte) error {
	if p.serial != nil {
		apdu = wire.AppendDLE(nil, apdu)
	}
	_, err := p.port.Write(apdu)
	return err
}

// capture is a recorded payment.
type capture struct {
	session string
	real    bool     // recorded at a real terminal
	request []byte   // the recorded 06 01
	says    [][]byte // what the terminal said, in order
	minor   int64
	outcome terminal.Outcome
	auth    string
}

// captures are the payments in the shared table. What is expected of each is read from its bytes here, not by
// the driver's own decoder.
func captures(rows []vector) (out []capture) {
	var names []string
	bySession := map[string][]vector{}
	for _, v := range rows {
		if v.session == "" || v.layer != "apdu" {
			continue
		}
		if bySession[v.session] == nil {
			names = append(names, v.session)
		}
		bySession[v.session] = append(bySession[v.session], v)
	}
	for _, name := range names {
		if c, ok := captureOf(name, bySession[name]); ok {
			out = append(out, c)
		}
	}
	return out
}

func captureOf(name string, rows []vector) (c capture, ok bool) {
	c.session = name
	enquiries, ended, paid := 0, false, false
	for _, v := range rows {
		c.real = v.real
		fromTerminal := strings.HasPrefix(v.direction, "pt")
		head := v.raw[:min(len(v.raw), 2)]
		switch {
		case !fromTerminal && bytes.Equal(head, []byte{0x06, 0x01}):
			c.request = v.raw
			if len(v.raw) < 10 || v.raw[3] != 0x04 {
				return c, false
			}
			c.minor, _ = wire.BCD(v.raw[4:10])
		case c.request == nil || ended:
		case !fromTerminal && bytes.Equal(head, []byte{0x05, 0x01}):
			enquiries += 2 // its 80 00 and its completion are not the payment's
		case !fromTerminal:
		case enquiries > 0 && (v.raw[0] == 0x80 || bytes.Equal(v.raw, []byte{0x06, 0x0F, 0x01, 0x9C})):
			enquiries--
		default:
			c.says = append(c.says, v.raw)
			ended = bytes.Equal(head, []byte{0x06, 0x0F}) || bytes.Equal(head, []byte{0x06, 0x1E})
			if bytes.Equal(head, []byte{0x04, 0x0F}) {
				paid = bytes.Contains(v.raw[:8], []byte{0x27, 0x00})
				if i := bytes.Index(v.raw, []byte{0x3B}); i > 0 && paid && len(v.raw) >= i+9 {
					c.auth = strings.Trim(string(v.raw[i+1:i+9]), "\x00 ")
				}
			}
			switch {
			case ended && head[1] == 0x0F && paid:
				c.outcome = terminal.Approved
			case ended && head[1] == 0x1E:
				c.outcome = terminal.Declined
			}
		}
	}
	return c, len(c.says) > 1
}

// play runs a capture against the driver and returns what the driver made of it.
func play(t *testing.T, c capture, k terminal.LinkKind) (terminal.Result, *drivertest.Book, [][]byte, error) {
	t.Helper()
	till, far := simulate.Pipe()
	s := scripted(t, till, k, false)
	var heard [][]byte
	played := make(chan error, 1)
	go func() {
		defer far.Close()
		p := newPuppet(far, k)
		played <- func() error {
			for i, say := range c.says {
				// One message of the register comes before each of the terminal's, except for the message after 80 00.
				if i != 1 {
					m, err := p.hear()
					if err != nil {
						return fmt.Errorf("before message %d: %w", i+1, err)
					}
					heard = append(heard, m)
				}
				if err := p.say(say); err != nil {
					return err
				}
			}
			if m, err := p.hear(); err == nil {
				heard = append(heard, m)
			}
			return nil
		}()
	}()
	b := &drivertest.Book{}
	r, err := s.Pay(t.Context(), terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: c.minor, Currency: euro}, Armed: time.Now()}, b)
	_ = s.Close()
	if perr := <-played; perr != nil {
		t.Errorf("the recorded terminal was not played to its end: %v", perr)
	}
	return r, b, heard, err
}

func TestCapturedPayments(t *testing.T) {
	all := captures(vectors(t))
	counts := map[bool]map[terminal.Outcome]int{true: {}, false: {}}
	for _, c := range all {
		counts[c.real][c.outcome]++
		for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
			t.Run(c.session+" "+k.String(), func(t *testing.T) { checkCapture(t, c, k) })
		}
	}
	for real, from := range map[bool]string{true: "of real terminals", false: "from papers and other programs"} {
		n := counts[real]
		t.Logf("note: zvt payments %s, replayed over TCP and over serial framing: %d sessions, %d approved, %d declined, %d without an end",
			from, n[terminal.Approved]+n[terminal.Declined]+n[terminal.Unknown], n[terminal.Approved], n[terminal.Declined], n[terminal.Unknown])
	}
	if n := counts[true]; n[terminal.Approved] < 5 || n[terminal.Declined] < 5 || n[terminal.Unknown] < 2 {
		t.Error("some captures were not found")
	}
}

func checkCapture(t *testing.T, c capture, k terminal.LinkKind) {
	r, b, heard, err := play(t, c, k)
	if c.outcome == terminal.Unknown {
		if r.Outcome != terminal.Unknown || errors.Is(err, terminal.ErrNotSent) {
			t.Fatalf("without an end it gave %s (%v), want nothing proven", r.Outcome, err)
		}
	} else if err != nil || r.Outcome != c.outcome {
		t.Fatalf("gave %s %q (%v), want %s", r.Outcome, r.Text, err, c.outcome)
	}
	if !bytes.Equal(heard[0][:2], []byte{0x06, 0x01}) || !bytes.Contains(heard[0], c.request[3:10]) {
		t.Errorf("the register sent %x, recorded was %x", heard[0], c.request)
	}
	for _, m := range heard[1:] {
		if !bytes.Equal(m, []byte{0x80, 0x00, 0x00}) {
			t.Errorf("the register answered %x", m)
		}
	}
	if n := slices.IndexFunc(heard[1:], func(m []byte) bool { return m[0] == 0x06 }); n >= 0 {
		t.Error("a command was sent a second time")
	}
	if r.Outcome != terminal.Approved {
		return
	}
	if r.Proof != terminal.Dialogue || r.CapturedMinor != nil && *r.CapturedMinor != c.minor || c.auth != "" && r.AuthCode != c.auth {
		t.Errorf("approved as %+v, want %d and code %q", r, c.minor, c.auth)
	}
	if len(b.Results) == 0 || b.Results[len(b.Results)-1].Outcome != terminal.Approved {
		t.Errorf("the approval was not recorded before its acknowledgement: %+v", b.Results)
	}
}
