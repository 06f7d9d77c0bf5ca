package drivertest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// FuzzOptions is a driver whose terminal says anything.
type FuzzOptions struct {
	// Subject is that of the battery; Simulator, Checked and Cards are not used, and of Lacks only Recorded.
	Subject
	// Reference is the payment's name; empty means 0000000001. Its sum is 12.50 in a currency of two digits.
	Reference string
	// Mark is the terminal's last transaction before the payment. Empty: it is read, where the driver has a terminal.Marker.
	Mark terminal.Mark

	// Orderly answers what the driver writes before the payment, and all that the bytes do not answer, as a terminal in good order; nil
	// stays silent.
	Orderly func(k terminal.LinkKind, written []byte) []byte
	// Asks tells which writes of Recover the second bytes answer, each of them with all of the bytes; nil: every one.
	Asks func(k terminal.LinkKind, written []byte) bool
	// Pieces cuts bytes into what is said at a time. Nil: the money command, whenever it is written for the first time, is answered by all
	// of the first bytes. Else the first bytes are what the terminal says from the begin of Pay on, and the second from the begin
	// of Recover: a piece once the driver has written something, or when Pause has passed. Then the terminal falls silent, as it does after some answers.
	Pieces func(k terminal.LinkKind, said []byte) [][]byte
	Pause  time.Duration
	// HangsUp closes a connection after the last piece.
	HangsUp bool

	// States tells whether what the terminal said in the payment states an outcome of it; when it was asked, after is what it
	// said then, and either may state it. Required. It must be written apart from the driver, and rather see too much than
	// too little.
	States func(k terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool
	// Sends is how often the money command may be written, and each time but the first only for a NAK; 0 means 3. NAKs counts those in
	// what the terminal said; nil counts 15 hex, on a link on which Subject.NAK takes one for a NAK.
	Sends int
	NAKs  func(k terminal.LinkKind, said []byte) int
	// More finds further faults in what passed in the payment; nil for none.
	More func(k terminal.LinkKind, said, written []byte) []string

	// Seeds are what the terminal says in the payment and when it is asked. On each link some must lead to an approval and to a refusal, in the
	// payment and when asked, but for what is named in Never ("tcp, when asked declined"), which the driver does not have.
	Seeds []FuzzSeed
	Never []string
}

// FuzzSeed is a beginning for the fuzzer.
type FuzzSeed struct{ Pay, After string }

const (
	fuzzMost  = 1 << 11         // of what is said at a time
	fuzzAsks  = 5               // how often Recover is called
	fuzzPause = 6 * time.Second // before it is called again, and then each time five times as long
	fuzzTurn  = time.Millisecond
	fuzzTurns = 32 // answers in a stage; then the terminal falls silent
)

// Fuzz lets arbitrary bytes play the terminal's side of a payment, on each of the driver's links, and again when it is asked
// afterwards. Nothing is approved that the bytes do not state, and nothing declined; no error stands beside an outcome; the money command
// is written once, and again only for a NAK, and never while asking; what was written is not called unsent.
func Fuzz(f *testing.F, o FuzzOptions) {
	f.Helper()
	wrong := o.wrong()
	if o.States == nil {
		wrong = append(wrong, "States is not given: what do the bytes say?")
	}
	if len(wrong) > 0 {
		f.Fatal(strings.Join(wrong, "\n"))
	}
	for _, s := range o.Seeds {
		for i := range o.Links {
			f.Add(i > 0, []byte(s.Pay), []byte(s.After))
		}
	}
	var seen fuzzReach
	f.Cleanup(func() {
		if on := flag.Lookup("test.fuzz"); (on == nil || on.Value.String() == "") && seen.plays >= len(o.Seeds)*len(o.Links) {
			for _, w := range seen.missed(o) {
				f.Error(w)
			}
		}
	})
	f.Fuzz(func(t *testing.T, other bool, pay, after []byte) {
		if len(pay) > fuzzMost || len(after) > fuzzMost {
			return
		}
		k := o.Links[0]
		if other && len(o.Links) > 1 {
			k = o.Links[1]
		}
		z := o.played(t, k, pay, after)
		for _, w := range z.wrong {
			t.Error(w)
		}
		seen.add(z)
	})
}

// fuzzReach is how far the seeds come: a fuzzer that begins before every outcome finds none.
type fuzzReach struct {
	plays int
	ends  map[string]bool
}

func (r *fuzzReach) add(z *fuzzed) {
	if r.plays++; r.ends == nil {
		r.ends = map[string]bool{}
	}
	for _, e := range z.ends {
		r.ends[z.kind.String()+", "+e] = true
	}
}

// missed are the outcomes to which no seed leads.
func (r *fuzzReach) missed(o FuzzOptions) (wrong []string) {
	for _, k := range o.Links {
		for _, end := range []string{"approved", "declined", "when asked approved", "when asked declined"} {
			if at := k.String() + ", " + end; !r.ends[at] && !slices.Contains(o.Never, at) {
				wrong = append(wrong, "no seed leads to: "+at)
			}
		}
	}
	return wrong
}

// played plays one payment in a bubble.
func (o FuzzOptions) played(t *testing.T, k terminal.LinkKind, pay, after []byte) *fuzzed {
	t.Helper()
	z := &fuzzed{o: o, kind: k, pay: pay, after: after}
	synctest.Test(t, func(*testing.T) { z.play() })
	return z
}

// fuzzed is one payment with a terminal that says anything.
type fuzzed struct {
	o          FuzzOptions
	kind       terminal.LinkKind
	pay, after []byte
	tasks      sync.WaitGroup
	wrong      []string
	ends       []string // the outcomes that it had

	mu      sync.Mutex
	stage   stage
	far     *simulate.PipeEnd // the newest line
	spoke   chan struct{}     // the driver has written something; it holds one
	over    chan struct{}     // closed when the stage is over
	written []byte            // in Pay
	said    [2][]byte         // in Pay, and in Recover
	sales   int               // money commands
	begun   bool              // the first of them was answered
	turns   int               // answers in this stage
}

func (z *fuzzed) blame(format string, args ...any) {
	z.wrong = append(z.wrong, fmt.Sprintf("%s: ", z.kind)+fmt.Sprintf(format, args...)+fmt.Sprintf("\nin the payment it said %q\nwhen asked %q", z.pay, z.after))
}

func (z *fuzzed) play() {
	defer z.tasks.Wait()
	ctx := context.Background()
	s := z.open(ctx)
	if s == nil {
		return
	}
	defer func() {
		if s != nil {
			_ = s.Close()
		}
	}()
	begin, b := time.Now(), &Book{}
	known := z.o.Mark
	if m, ok := s.(terminal.Marker); ok && !known.Known() {
		var err error
		if known, err = m.Mark(ctx); err != nil && !errors.Is(err, terminal.ErrRefused) {
			z.blame("the mark cannot be read from a terminal in good order: %v", err)
			return
		}
	}
	r := terminal.Request{Reference: z.o.Reference, Amount: z.o.amount(minor), Armed: begin}
	if r.Reference == "" {
		r.Reference = "0000000001"
	}
	z.enter(paying, z.pay)
	got, err := s.Pay(ctx, r, b)
	z.leave()
	synctest.Wait()
	z.judge(got, err, b)
	if errors.Is(err, terminal.ErrNotSent) || err == nil && got.Outcome != terminal.Unknown {
		z.lasted(begin)
		return
	}
	sales, pause := z.sales, fuzzPause
	for n := range fuzzAsks {
		if n == 0 || err != nil && !errors.Is(err, terminal.ErrBusy) { // as the engine does
			_ = s.Close()
			if s = z.open(ctx); s == nil {
				return
			}
		}
		z.enter(asking, z.after)
		got, err = s.Recover(ctx, b.Attempt(r, known))
		z.leave()
		synctest.Wait()
		z.found(got, err)
		if err == nil {
			break
		}
		t := time.NewTimer(pause)
		<-t.C
		pause *= 5
	}
	if z.sales != sales {
		z.blame("the money command was written while asking")
	}
	z.lasted(begin)
}

// open opens a session with a terminal in good order.
func (z *fuzzed) open(ctx context.Context) terminal.Session {
	s, err := z.o.Driver.Open(ctx, terminal.Env{Dial: z.dial, Link: z.kind, Currency: z.o.Currency, Log: slog.New(slog.DiscardHandler)}, z.o.options(z.kind))
	if err != nil {
		z.blame("no session with a terminal in good order: %v", err)
		return nil
	}
	return s
}

func (z *fuzzed) dial(context.Context) (terminal.Port, error) {
	near, far := simulate.Pipe()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.far = far
	return simulate.Tap(near, func(e simulate.TapEvent) error {
		if e.Op == simulate.WriteOp && !e.After {
			z.hear(far, e.Data)
		}
		return nil
	}), nil
}

// hear takes what the driver writes, and answers it.
func (z *fuzzed) hear(far *simulate.PipeEnd, b []byte) {
	z.mu.Lock()
	defer z.mu.Unlock()
	money := z.o.Money(z.kind, b)
	if money {
		z.sales++
	}
	if z.stage == paying {
		z.written = append(z.written, b...)
	}
	var answer []byte
	switch pieces := z.o.Pieces != nil; {
	case z.stage != idle && pieces:
		select {
		case z.spoke <- struct{}{}:
		default:
		}
		return
	case z.stage == paying && money:
		if !z.begun {
			answer = z.pay
			z.said[0] = answer
		}
		z.begun = true
	case z.stage == asking && (z.o.Asks == nil || z.o.Asks(z.kind, b)):
		answer = z.after
		z.said[1] = append(z.said[1], answer...)
	case z.stage == paying && z.begun, z.o.Orderly == nil:
	default:
		answer = z.o.Orderly(z.kind, b)
	}
	if z.stage != idle {
		z.turns++
	}
	if len(answer) > 0 && z.turns <= fuzzTurns {
		_, _ = far.Write(answer)
	}
}

// naks counts the NAKs of the payment.
func (z *fuzzed) naks() int {
	switch said := z.said[0]; {
	case z.o.NAKs != nil:
		return z.o.NAKs(z.kind, said)
	case z.o.asksAgain(z.kind, said):
		return max(1, bytes.Count(said, []byte{0x15}))
	}
	return 0
}

// enter begins a stage.
func (z *fuzzed) enter(s stage, say []byte) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.stage, z.spoke, z.over = s, make(chan struct{}, 1), make(chan struct{})
	if z.o.Pieces == nil {
		return
	}
	at := 0
	if s == asking {
		at = 1
	}
	pieces, spoke, over := z.o.Pieces(z.kind, say), z.spoke, z.over
	z.tasks.Go(func() { z.say(at, pieces, spoke, over) })
}

// leave ends it.
func (z *fuzzed) leave() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.stage, z.turns = idle, 0
	close(z.over)
}

// say says one piece after the other.
func (z *fuzzed) say(at int, pieces [][]byte, spoke, over chan struct{}) {
	line := func() *simulate.PipeEnd {
		z.mu.Lock()
		defer z.mu.Unlock()
		return z.far
	}
	for _, p := range pieces {
		pause := time.NewTimer(z.o.Pause)
		select {
		case <-spoke: // and all that it writes without waiting for us
			turn := time.NewTimer(fuzzTurn)
			<-turn.C
			select {
			case <-spoke:
			default:
			}
		case <-pause.C:
		case <-over:
		}
		pause.Stop()
		select {
		case <-over:
			return
		default:
		}
		_, _ = line().Write(p)
		z.mu.Lock()
		z.said[at] = append(z.said[at], p...)
		z.mu.Unlock()
	}
	if z.o.HangsUp && z.kind == terminal.TCP {
		_ = line().Close()
	}
}

// judge judges the payment.
func (z *fuzzed) judge(got terminal.Result, err error, b *Book) {
	most, unsent := z.o.Sends, errors.Is(err, terminal.ErrNotSent)
	if most == 0 {
		most = 3
	}
	z.common(got, err, "")
	switch naks := z.naks(); {
	case unsent && z.sales > 0:
		z.blame("the money command was written, and is called not sent: %v", err)
	case z.sales > 1+naks, z.sales > most:
		z.blame("the money command was written %d times, with %d NAKs", z.sales, naks)
	case got.Outcome == terminal.Unknown:
	case !z.o.States(z.kind, got.Outcome, z.said[0], nil):
		z.blame("%s (%s), and the terminal did not say so", got.Outcome, got.Text)
	case z.o.Lacks[Recorded] != "":
	case got.Outcome == terminal.Approved && b.last() != terminal.Approved:
		z.blame("approved, and %s was recorded", b.last())
	case got.Outcome == terminal.Declined && b.other(terminal.Declined):
		z.blame("declined after a result that may be an approval was recorded: %+v", b.Results)
	}
	if z.o.More != nil {
		for _, w := range z.o.More(z.kind, z.said[0], z.written) {
			z.blame("%s", w)
		}
	}
}

// found judges what Recover told.
func (z *fuzzed) found(got terminal.Result, err error) {
	z.common(got, err, "when asked ")
	if got.Outcome != terminal.Unknown && !z.o.States(z.kind, got.Outcome, z.said[0], append([]byte{}, z.said[1]...)) {
		z.blame("when asked: %s by %s (%s), and nothing says so", got.Outcome, got.Proof, got.Text)
	}
}

func (z *fuzzed) common(got terminal.Result, err error, when string) {
	if err == nil && got.Outcome != terminal.Unknown {
		z.ends = append(z.ends, when+got.Outcome.String())
	}
	switch {
	case err != nil && got.Outcome != terminal.Unknown:
		z.blame("%s beside an error: %v", got.Outcome, err)
	case strings.Contains(got.Text, "\n"):
		z.blame("the sentence has more than one line: %q", got.Text)
	case len(got.CardLast4) > 4:
		z.blame("more than four digits of a card: %q", got.CardLast4)
	}
}

// lasted bounds what a terminal can make a till wait.
func (z *fuzzed) lasted(begin time.Time) {
	if took := time.Since(begin); took > time.Duration(2+fuzzAsks+len(z.pay)+len(z.after))*2*time.Hour {
		z.blame("it took %s", took)
	}
}
