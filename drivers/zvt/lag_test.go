package zvt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// lag joins two ends of a line so that bytes are late at random in both directions, and in order, as behind a
// network or a converter that holds them back.
func lag(pumps *sync.WaitGroup, seed uint64, p, q terminal.Port, most time.Duration) {
	pump := func(random *rand.Rand, from, to terminal.Port) {
		for buf := make([]byte, 4096); ; {
			n, err := from.Read(buf)
			switch random.IntN(20) {
			case 0:
				pass(time.Duration(random.Int64N(int64(most))))
			case 1, 2, 3:
				pass(time.Duration(random.Int64N(int64(most / 20))))
			}
			if _, e := to.Write(buf[:n]); err != nil || e != nil {
				_, _ = from.Close(), to.Close()
				return
			}
		}
	}
	pumps.Go(func() { pump(rand.New(rand.NewPCG(seed, 1)), p, q) })
	pumps.Go(func() { pump(rand.New(rand.NewPCG(seed, 2)), q, p) })
}

// lagDay is a day at a terminal behind a lagging line. Each payment has an amount of its own, so that the ledger
// tells which was booked.
type lagDay struct {
	env     terminal.Env
	o       *Options
	sim     terminal.Simulator
	session terminal.Session
	mark    terminal.Mark
	told    map[int64]terminal.Outcome
	seen    map[int64]bool // an approval was recorded
	silent  map[int64]bool // the terminal may book without having its result answered
	counts  map[string]int
}

// ready makes sure of a session and a mark, as the engine does.
func (d *lagDay) ready(ctx context.Context) bool {
	var err error
	for range 40 {
		if d.session == nil {
			if d.session, err = open(ctx, d.env, d.o); err != nil {
				d.session = nil
				pass(3 * time.Second)
				continue
			}
		}
		if d.mark.Known() {
			return true
		}
		if d.mark, err = d.session.(terminal.Marker).Mark(ctx); err == nil {
			return true
		}
		d.drop()
		pass(3 * time.Second)
	}
	return false
}

func (d *lagDay) drop() {
	if d.session != nil {
		_ = d.session.Close()
	}
	d.session, d.mark = nil, ""
}

// pay makes a payment and asks until it is answered.
func (d *lagDay) pay(ctx context.Context, minor int64) {
	r := terminal.Request{Reference: fmt.Sprintf("%010d", minor), Amount: terminal.Amount{Minor: minor, Currency: euro}, Armed: time.Now()}
	a := terminal.Attempt{Request: r, Mark: d.mark}
	b := &drivertest.Book{}
	got, err := d.session.Pay(ctx, r, b)
	by := "in its dialogue"
	if errors.Is(err, terminal.ErrNotSent) {
		d.counts["never sent"]++
		d.told[minor] = terminal.Declined
		d.drop()
		return
	}
	if n := len(b.Results); n > 0 {
		a.Seen = &b.Results[n-1]
		d.seen[minor] = a.Seen.Outcome == terminal.Approved
	}
	for tries := 0; tries < 60 && (err != nil || got.Outcome == terminal.Unknown); tries++ {
		d.drop()
		pass(5 * time.Second)
		by = "by asking"
		if d.session, err = open(ctx, d.env, d.o); err != nil {
			d.session = nil
			continue
		}
		if got, err = d.session.Recover(ctx, a); err == nil && got.Outcome == terminal.Unknown {
			by = "held: " + got.Text
			break
		}
	}
	if err != nil {
		by = "could not be asked"
	} else {
		d.told[minor] = got.Outcome
	}
	switch {
	case got.Mark.Known():
		d.mark = got.Mark
	case got.Outcome != terminal.Declined:
		d.mark = ""
	}
	d.counts[got.Outcome.String()+" "+by]++
}

func (d *lagDay) check(t *testing.T, name string) {
	captured := map[int64]int{}
	for _, e := range d.sim.Face().Ledger {
		if e.Captured && !e.Manual {
			captured[e.Minor]++
		}
	}
	for minor, told := range d.told {
		switch n := captured[minor]; {
		case n > 1, told == terminal.Approved && n == 0, told == terminal.Declined && n > 0:
			t.Errorf("%s: payment %d is called %s and was booked %d times", name, minor, told, n)
		case n > 0 && !d.seen[minor] && !d.silent[minor]:
			t.Errorf("%s: payment %d was booked before its result was recorded", name, minor)
		}
	}
}

func playLag(t *testing.T, k terminal.LinkKind, seed uint64, most time.Duration, counts map[string]int) {
	random := rand.New(rand.NewPCG(seed, uint64(k)))
	sim, err := Driver().Simulate(terminal.SimulatorOptions{Currency: euro, Think: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Press(simulate.PressManualSale + ":990"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var pumps sync.WaitGroup
	defer pumps.Wait()
	defer cancel()
	o := NewOptions()
	o.CloseAfterCommand = seed%4 == 1
	o.Register = seed%4 != 2
	if seed%4 == 3 {
		o.Receipts = RegisterPrints
	}
	d := &lagDay{o: o, sim: sim, told: map[int64]terminal.Outcome{}, seen: map[int64]bool{}, silent: map[int64]bool{}, counts: counts}
	d.env = terminal.Env{
		Link: k, Currency: euro, Log: slog.New(slog.DiscardHandler),
		Dial: func(context.Context) (terminal.Port, error) {
			till, a := simulate.Pipe()
			b, far := simulate.Pipe()
			lag(&pumps, random.Uint64(), a, b, most)
			go func() { _ = sim.Serve(ctx, far, k) }()
			return till, nil
		},
	}
	defer d.drop()
	scripts := []string{
		simulate.Approved, simulate.Approved, simulate.Declined, simulate.Busy, simulate.EndOfDayPending, simulate.PrinterOut,
		simulate.WrongPIN, simulate.LateFrame, simulate.NoStatus, simulate.KeepOnLoss, simulate.LostAck, simulate.Cancelled, simulate.Contradiction,
	}
	for minor := int64(1000); minor < 1006 && d.ready(ctx); minor++ {
		script := scripts[random.IntN(len(scripts))]
		if err := sim.Press(script); err != nil {
			t.Fatalf("press %s: %v", script, err)
		}
		d.silent[minor] = script == simulate.NoStatus || script == simulate.KeepOnLoss
		d.pay(ctx, minor)
		if random.IntN(3) == 0 {
			pass(time.Minute)
		}
	}
	pass(10 * time.Minute) // what is still under way comes to its end
	d.check(t, fmt.Sprintf("%s, seed %d, up to %s late", k, seed, most))
}

// TestLaggingLine makes payments one after another over lines whose bytes are late, so that answers come after
// they were given up and repetitions cross with answers. No message may close another payment than its own.
func TestLaggingLine(t *testing.T) {
	days := uint64(80)
	if os.Getenv("TILLBRIDGE_THOROUGH") != "" {
		days = 5000
	}
	for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
		// On a serial line nothing may be under way for longer than the frame's sender waits for its ACK (T2, 5 s,
		// there and back); over TCP there is no such limit.
		late := []time.Duration{2 * time.Second, 8 * time.Second}
		if k == terminal.Serial {
			late[1] = 2400 * time.Millisecond
		}
		for _, most := range late {
			counts := map[string]int{}
			for seed := range days {
				synctest.Test(t, func(t *testing.T) { playLag(t, k, seed, most, counts) })
				if t.Failed() {
					t.FailNow()
				}
			}
			t.Logf("note: payments over a lagging %s line, up to %s late, 0 wrong: %v", k, most, counts)
		}
	}
}
