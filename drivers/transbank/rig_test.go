package transbank

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// till is what the engine lends, in memory.
type till struct {
	seen     []terminal.Result
	marks    []terminal.Mark
	progress []terminal.Progress
	receipts []terminal.Receipt
	fails    error // of Seen and Mark
}

func (b *till) Seen(r terminal.Result) error {
	b.seen = append(b.seen, r)
	return b.fails
}

func (b *till) Mark(m terminal.Mark) error {
	b.marks = append(b.marks, m)
	return b.fails
}
func (b *till) Progress(p terminal.Progress) { b.progress = append(b.progress, p) }
func (b *till) Receipt(r terminal.Receipt)   { b.receipts = append(b.receipts, r) }

const reference, ticket = "TBRE1A00Z7", "1A00Z7"

func request(minor int64) terminal.Request {
	return terminal.Request{Reference: reference, Amount: terminal.Amount{Minor: minor, Currency: peso}, Armed: time.Now()}
}

// framed is a frame whose check byte covers body and ETX, or STX too, written apart from the driver.
func framed(body string, auto bool) string {
	lrc := byte(0)
	for _, c := range []byte(body) {
		lrc ^= c
	}
	if lrc ^= 0x03; auto {
		lrc ^= 0x02
	}
	return "\x02" + body + "\x03" + string([]byte{lrc})
}

// Messages of a terminal, put together by the positions of the sheet.
const (
	okReply     = "0210|00|597029414300|75001637|" + ticket + "|252985|1250|0||0461|000123|CR|||VI|26072023|113748|0|0||"
	badReply    = "0210|01|597029414300|75001637|" + ticket + "|      |1250|0||||CR|||||||0||"
	oldReply    = "0210|00|597029414300|75001637|000001|111111|990|0||0461|000122|CR|||VI|26072023|113000|0|0||"
	oldRecord   = "0261|00|597029414300|75001637|000001|111111|990|0461|000122|CR|||VI|26072023|113000|0|0||0|"
	okRecord    = "0261|00|597029414300|75001637|" + ticket + "|252985|1250|0461|000123|CR|||VI|26072023|113748|0|0||0|"
	voidRecord  = "0261|00|597029414300|75001637|" + ticket + "|252985|-1250|0461|000123|CR|||VI|26072023|113748|0|0||0|"
	handRecord  = "0261|00|597029414300|75001637||333333|1250|0461|000124|CR|||VI|26072023|113900|0|0||0|"
	otherRecord = "0261|00|597029414300|75001637||333333|500|0461|000124|CR|||VI|26072023|113900|0|0||0|"
	blankRecord = "0261|00|597029414300|75001637| | | | |000124|||| || | | | | |||"
	okLast      = "0260|00|597029414300|75001637|" + ticket + "|252985|1250|0||0461|000123|CR|||VI|26072023|113748|0|0||"
	noLast      = "0260|11|||||||||||||||||||"
	oldMark     = terminal.Mark("transbank|75001637|122|111111")
	noneMark    = terminal.Mark("transbank|75001637||")

	autoOld = "0260|00|597029414300|75001637|000001|111111|990|6590|122|CR|||VI|28102025|174756"
	autoOK  = "0210|00|597029414300|75001637|" + ticket + "|252985|1250|6590|123|CR|||VI|28102025|174900||||0|"
)

// fake is a terminal that says what a test wants. Its script is called with each message, "ACK" or "NAK" of the till, and returns
// what to write, piece by piece; "-" closes the line and one like "+3s" waits. What begins with four digits is framed.
type fake struct {
	auto   bool
	script func(said string) []string

	mu    sync.Mutex
	heard []string
	lines int
}

// do changes or reads what the script uses, which runs in a goroutine of the terminal's.
func (f *fake) do(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

// count is how often something was said to the terminal that begins so.
func (f *fake) count(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.heard {
		if strings.HasPrefix(h, prefix) {
			n++
		}
	}
	return n
}

func (f *fake) dial(tasks *sync.WaitGroup) func(context.Context) (terminal.Port, error) {
	return func(context.Context) (terminal.Port, error) {
		near, far := simulate.Pipe()
		f.mu.Lock()
		f.lines++
		f.mu.Unlock()
		tasks.Go(func() { f.serve(far) })
		return near, nil
	}
}

func (f *fake) serve(far *simulate.PipeEnd) {
	defer far.Close()
	r := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, 2048)
	for buf := make([]byte, 1024); ; {
		n, err := far.Read(buf)
		for _, b := range buf[:n] {
			said := ""
			switch e := r.Feed(b); e.Kind {
			case wire.STXFrame:
				said = string(e.Body)
			case wire.STXAck:
				said = "ACK"
			case wire.STXNak, wire.STXBadLRC:
				said = "NAK"
			default:
				continue
			}
			f.mu.Lock()
			f.heard = append(f.heard, said)
			pieces := f.script(said)
			f.mu.Unlock()
			for _, piece := range pieces {
				if d, err := time.ParseDuration(strings.TrimPrefix(piece, "+")); err == nil && strings.HasPrefix(piece, "+") {
					<-time.After(d)
					continue
				}
				if piece == "-" {
					return
				}
				if len(piece) > 4 && digits(piece[:4]) {
					piece = framed(piece, f.auto)
				}
				if _, err := far.Write([]byte(piece)); err != nil {
					return
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// Control bytes as the terminal says them.
const ack, nak = "\x06", "\x15"

// ordinary acknowledges the poll, tells its sales, and leaves the rest to then.
func ordinary(records []string, last string, then func(said string) []string) func(string) []string {
	return func(said string) []string {
		switch {
		case said == "0100":
			return []string{ack}
		case strings.HasPrefix(said, "0260|1"):
			return append([]string{ack}, records...)
		case strings.HasPrefix(said, "0250"):
			return []string{ack, last}
		case then == nil:
			return nil
		}
		return then(said)
	}
}

// sells answers a sale with pieces.
func sells(pieces ...string) func(string) []string {
	return func(said string) []string {
		if strings.HasPrefix(said, "0200") {
			return pieces
		}
		return nil
	}
}

// withFake runs f with a session with a fake terminal.
func withFake(t *testing.T, o *Options, fk *fake, f func(t *testing.T, s *session)) {
	t.Helper()
	fk.auto = o.Model == Autoservicio
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		s, err := open(t.Context(), terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: fk.dial(&tasks)}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s.(*session))
	})
}

// withSim runs f with a session with a simulated terminal that has made one sale.
func withSim(t *testing.T, o *Options, so terminal.SimulatorOptions, f func(t *testing.T, s *session, side terminal.Simulator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		side, err := sim.New(so)
		if err != nil {
			t.Fatal(err)
		}
		if err := side.Press(simulate.PressManualSale + ":990"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		env := terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (terminal.Port, error) {
			if !side.Face().Cabled {
				return nil, errors.New("no cable")
			}
			a, b := simulate.Pipe()
			go func() { _ = side.Serve(ctx, b, terminal.Serial) }()
			return a, nil
		}}
		s, err := open(ctx, env, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s.(*session), side)
	})
}

// askUntil asks what became of a payment as the engine does.
func askUntil(t *testing.T, s *session, a terminal.Attempt) terminal.Result {
	t.Helper()
	var err error
	for range 120 {
		var got terminal.Result
		if got, err = s.Recover(t.Context(), a); err == nil {
			return got
		}
		<-time.After(3 * time.Second)
	}
	t.Fatalf("could not be asked: %v", err)
	return terminal.Result{}
}

// booked are the ledger's captured entries that were not made at the terminal itself.
func booked(side terminal.Simulator) (out []terminal.Entry) {
	for _, e := range side.Face().Ledger {
		if !e.Manual && e.Captured {
			out = append(out, e)
		}
	}
	return out
}
