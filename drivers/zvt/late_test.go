package zvt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// latePort is a port whose reader comes late, as on a machine that is busy with something else.
type latePort struct {
	terminal.Port
	late func(read int) time.Duration

	reads int
}

func (p *latePort) Read(b []byte) (int, error) {
	p.reads++
	if d := p.late(p.reads); d > 0 {
		t := time.NewTimer(d)
		<-t.C
	}
	return p.Port.Read(b)
}

// TestRepeatedMessagesAreAnsweredOnce plays a terminal that soon repeats what is not acknowledged, against a
// till that is late. An answer more than there are messages would be taken by the terminal for the answer to its
// next one, which may be its result: a sale booked that nobody recorded.
func TestRepeatedMessagesAreAnsweredOnce(t *testing.T) {
	outcomes := map[string]int{}
	for _, script := range []string{simulate.Approved, simulate.Declined, simulate.WrongPIN, simulate.RepeatStatus, simulate.BadCRCOnce} {
		for every := 1; every <= 4; every++ {
			for late := 0 * time.Millisecond; late <= 900*time.Millisecond; late += 30 * time.Millisecond {
				name := fmt.Sprintf("%s, every %d. read %s late", script, every, late)
				synctest.Test(t, func(t *testing.T) { outcomes[playLate(t, name, script, every, late)]++ })
			}
		}
	}
	t.Logf("note: late till against a terminal with a T2 of 150 ms: %v", outcomes)
}

func playLate(t *testing.T, name, script string, every int, late time.Duration) string {
	sim, err := sim.New(terminal.SimulatorOptions{
		Currency: euro, Outcome: script, Think: 100 * time.Millisecond,
		Options: sim.Options{T2: 150 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Press(simulate.PressManualSale + ":990"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	paying := false
	s, err := open(ctx, terminal.Env{
		Link: terminal.Serial, Currency: euro, Log: slog.New(slog.DiscardHandler),
		Dial: func(context.Context) (terminal.Port, error) {
			a, b := simulate.Pipe()
			go func() { _ = sim.Serve(ctx, b, terminal.Serial) }()
			return &latePort{Port: a, late: func(read int) time.Duration {
				if !paying || read%every != 0 {
					return 0
				}
				return late
			}}, nil
		},
	}, NewOptions())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer s.Close()
	before, err := s.(terminal.Marker).Mark(ctx)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
	b := &drivertest.Book{OnSeen: func(r terminal.Result) {
		if e := saleOf(sim); e != nil && e.Captured {
			t.Errorf("%s: the terminal booked before its result was recorded", name)
		}
	}}
	paying = true
	got, err := s.Pay(ctx, r, b)
	paying = false
	by := "dialogue"
	if e := saleOf(sim); e != nil && e.Captured && len(b.Results) == 0 {
		t.Errorf("%s: booked, and nothing was recorded (%v, %v)", name, got.Outcome, err)
	}
	if err != nil || got.Outcome == terminal.Unknown {
		by = "recovery"
		a := terminal.Attempt{Request: r, Mark: before}
		if n := len(b.Results); n > 0 {
			a.Seen = &b.Results[n-1]
		}
		if errors.Is(err, terminal.ErrNotSent) {
			t.Fatalf("%s: %v", name, err)
		}
		got = askUntilAnswered(ctx, t, s, a)
	}
	e := saleOf(sim)
	switch captured := e != nil && e.Captured; {
	case got.Outcome == terminal.Approved && !captured, got.Outcome == terminal.Declined && captured:
		t.Errorf("%s: %s by %s, and the ledger says %+v", name, got.Outcome, got.Proof, e)
	}
	return got.Outcome.String() + " by " + by
}
