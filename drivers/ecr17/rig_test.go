package ecr17

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// till is what the engine lends, in memory.
type till struct {
	mu       sync.Mutex
	seen     []terminal.Result
	marks    []terminal.Mark
	stages   []terminal.Stage
	receipts []terminal.Receipt
	fails    error // of Seen
}

func (b *till) Seen(r terminal.Result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, r)
	return b.fails
}

func (b *till) Mark(m terminal.Mark) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.marks = append(b.marks, m)
	return nil
}

func (b *till) Progress(p terminal.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stages = append(b.stages, p.Stage)
}

func (b *till) Receipt(r terminal.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.receipts = append(b.receipts, r)
}

func sale(minor int64) terminal.Request {
	return terminal.Request{Reference: "TB00000001", Amount: terminal.Amount{Minor: minor, Currency: euros}, Armed: time.Now()}
}

// framed is a frame whose check byte covers all of it, written apart from the driver.
func framed(body string) string {
	lrc := byte(0x7F)
	out := "\x02" + body + "\x03"
	for _, c := range []byte(out) {
		lrc ^= c
	}
	return out + string([]byte{lrc})
}

const ackBytes, nakBytes = "\x06\x03\x7a", "\x15\x03\x69"

// approved is E with 00, 92 characters, put together by the positions of the sheet.
func approved(stan string, cents string) string {
	return "17000001" + "0E" + "00" + "000************0043" + "ICC" + "AUTH12" + clockNow() + "2" + "88105000001" + stan + "000777" + "000" + cents + "0000000000"
}

// refused is E with 01.
func refused(stan, cents, text string) string {
	return "17000001" + "0E" + "01" + (text + strings.Repeat(" ", 24))[:24] + "00000000000" + "2" + "88105000001" + stan + "000777" + "100" + cents + "0000000000"
}

// clockNow is the day and minute in which every bubble begins.
func clockNow() string {
	return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).In(time.Local).Format("0021504")
}

const statusAnswer = "17000001" + "0s" + "0000000000" + "0101000000" + "2" + "01.02.03"

// fake is a terminal that says what a test wants. Its script is called with each message, "ACK" or "NAK" of the till, and returns
// what to write, piece by piece; a piece "-" closes the line and one like "+3s" waits.
type fake struct {
	script func(line int, said string) []string

	mu    sync.Mutex
	heard []string // on all lines
	lines int
}

// do changes or reads what the script uses, which runs in a goroutine of the terminal's.
func (f *fake) do(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

func (f *fake) said(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.heard {
		if strings.HasPrefix(h, prefix) || len(h) > 9 && strings.HasPrefix(h[9:], prefix) {
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
		n := f.lines
		f.mu.Unlock()
		tasks.Go(func() { f.serve(n, far) })
		return near, nil
	}
}

func (f *fake) serve(line int, far *simulate.PipeEnd) {
	defer far.Close()
	r := wire.NewSTXReader(wire.STXFormat{Seed: 0x7F, Covers: wire.CoverAll, LongAck: true}, 2048)
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
			pieces := f.script(line, said)
			f.mu.Unlock()
			for _, piece := range pieces {
				if d, err := time.ParseDuration(strings.TrimPrefix(piece, "+")); err == nil && piece[0] == '+' {
					<-time.After(d)
					continue
				}
				if piece == "-" {
					return
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

// ordinary answers s and G, and leaves the rest to then.
func ordinary(last string, then func(line int, code byte, said string) []string) func(int, string) []string {
	return func(line int, said string) []string {
		if len(said) < 10 {
			return nil
		}
		switch said[9] {
		case 's':
			return []string{ackBytes + framed(statusAnswer)}
		case 'G':
			return []string{ackBytes + framed(last)}
		}
		return then(line, said[9], said)
	}
}

// withFake runs f with a session with a fake terminal.
func withFake(t *testing.T, k terminal.LinkKind, o *Options, fk *fake, f func(t *testing.T, s *session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		s, err := open(t.Context(), terminal.Env{Link: k, Currency: euros, Log: slog.New(slog.DiscardHandler), Dial: fk.dial(&tasks)}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s.(*session))
	})
}

// rig is a session with a simulated terminal.
type rig struct {
	t   *testing.T
	sim terminal.Simulator
	s   *session
	env terminal.Env
	o   *Options
}

// withSim runs f with a session with a simulated terminal that has made one sale.
func withSim(t *testing.T, k terminal.LinkKind, o *Options, so terminal.SimulatorOptions, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		so.Currency = euros
		terminalSide, err := sim.New(so)
		if err != nil {
			t.Fatal(err)
		}
		if err := terminalSide.Press(simulate.PressManualSale + ":990"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		env := terminal.Env{Link: k, Currency: euros, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (terminal.Port, error) {
			if !terminalSide.Face().Cabled {
				return nil, errors.New("no cable")
			}
			a, b := simulate.Pipe()
			go func() { _ = terminalSide.Serve(ctx, b, k) }()
			return a, nil
		}}
		s, err := open(ctx, env, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(&rig{t, terminalSide, s.(*session), env, o})
	})
}

// askUntil asks what became of a payment as the engine does.
func (r *rig) askUntil(a terminal.Attempt) terminal.Result {
	r.t.Helper()
	var err error
	for range 120 {
		var got terminal.Result
		if got, err = r.s.Recover(r.t.Context(), a); err == nil {
			return got
		}
		<-time.After(3 * time.Second)
	}
	r.t.Fatalf("could not be asked: %v", err)
	return terminal.Result{}
}

func (r *rig) press(actions ...string) {
	r.t.Helper()
	for _, a := range actions {
		if err := r.sim.Press(a); err != nil {
			r.t.Fatal(err)
		}
	}
}

// ours is the ledger's newest entry that is not by hand, nil where there is none.
func (r *rig) ours() *terminal.Entry {
	all := r.sim.Face().Ledger
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].Manual {
			return &all[i]
		}
	}
	return nil
}
