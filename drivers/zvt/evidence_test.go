package zvt

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// onSimulator opens a session with a simulated terminal that has booked 9.90 by hand.
func onSimulator(t *testing.T, k terminal.LinkKind, o *Options, script string) (terminal.Simulator, terminal.Session) {
	t.Helper()
	r := drivertest.NewRig(t, drivertest.RigOptions{
		Driver: Driver(), Link: k, Currency: euro, Options: o, Simulator: terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond}, Earlier: 990,
	})
	return r.Sim, r.Session
}

func pass(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
}

// askUntilAnswered asks what became of a payment as the engine does: again while the terminal is busy or away.
func askUntilAnswered(ctx context.Context, t *testing.T, s terminal.Session, a terminal.Attempt) terminal.Result {
	t.Helper()
	var err error
	for range 20 {
		wait := time.NewTimer(5 * time.Second)
		<-wait.C
		var r terminal.Result
		if r, err = s.Recover(ctx, a); err == nil {
			return r
		}
	}
	t.Fatalf("could not be asked: %v", err)
	return terminal.Result{}
}

// saleOf is the simulated terminal's entry of our payment, nil where there is none.
func saleOf(sim terminal.Simulator) *terminal.Entry {
	for _, e := range sim.Face().Ledger {
		if !e.Manual {
			return &e
		}
	}
	return nil
}

// TestSaleByHandIsNotOurs: between the reading of the mark and our payment somebody sold the same amount at the
// terminal's own keys, and the till PC's clock does not tell the difference. Our payment came to nothing.
func TestSaleByHandIsNotOurs(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
		for _, slow := range []time.Duration{0, time.Minute, 5 * time.Minute, 14 * time.Minute} {
			for _, locked := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					o := NewOptions()
					o.LockKeyboard = locked
					sim, s := onSimulator(t, k, o, simulate.RebootBefore)
					ctx := t.Context()
					before, err := s.(terminal.Marker).Mark(ctx)
					if err != nil {
						t.Fatal(err)
					}
					pass(time.Minute)
					if err := sim.Press(simulate.PressManualSale + ":1250"); err != nil {
						t.Fatal(err)
					}
					pass(time.Minute)
					r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now().Add(-slow)}
					b := &drivertest.Book{}
					got, err := s.Pay(ctx, r, b)
					if err == nil && got.Outcome != terminal.Unknown || errors.Is(err, terminal.ErrNotSent) {
						t.Fatalf("%s: the payment was not broken: %s, %v", k, got.Outcome, err)
					}
					if len(b.Marks) != 1 || !b.Marks[0].Known() || b.Marks[0] == before {
						t.Fatalf("%s: the new mark was not recorded before the payment: %+v", k, b.Marks)
					}
					got = askUntilAnswered(ctx, t, s, terminal.Attempt{Request: r, Mark: b.Marks[0]})
					if got.Outcome != terminal.Declined || got.Proof != terminal.UnchangedMark || got.Mark != b.Marks[0] {
						t.Errorf("%s, clock %s slow, locked %t: %s by %q: %s", k, slow, locked, got.Outcome, got.Proof, got.Text)
					}
				})
			}
		}
	}
}

// A payment that goes on after the mark was read anew ends as any other, and its refusal tells the new mark.
func TestFreshMark(t *testing.T) {
	for script, want := range map[string]terminal.Outcome{simulate.Approved: terminal.Approved, simulate.WrongPIN: terminal.Approved, simulate.Declined: terminal.Declined} {
		synctest.Test(t, func(t *testing.T) {
			sim, s := onSimulator(t, terminal.Serial, NewOptions(), script)
			before, err := s.(terminal.Marker).Mark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pass(time.Minute)
			if err := sim.Press(simulate.PressManualSale + ":1250"); err != nil {
				t.Fatal(err)
			}
			b := &drivertest.Book{}
			r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
			got, err := s.Pay(t.Context(), r, b)
			if err != nil || got.Outcome != want || got.Mark == before || got.Mark.Known() != (want == terminal.Approved) {
				t.Errorf("%s: %s with mark %q (%v)", script, got.Outcome, got.Mark, err)
			}
			if len(b.Marks) != 1 || !b.Marks[0].Known() || b.Marks[0] == before {
				t.Errorf("%s: the marks %q were recorded", script, b.Marks)
			}
			// Right after a payment nothing is asked, and nothing is recorded that has not changed.
			b = &drivertest.Book{}
			if _, err := s.Pay(t.Context(), r, b); err != nil || len(b.Results) == 0 || len(b.Marks) > 0 {
				t.Errorf("%s: the next payment recorded %+v and %q (%v)", script, b.Results, b.Marks, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		sim, s := onSimulator(t, terminal.TCP, NewOptions(), simulate.Approved)
		if _, err := s.(terminal.Marker).Mark(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if err := sim.Press(simulate.PressManualSale); err != nil {
			t.Fatal(err)
		}
		_, err := s.Pay(t.Context(), terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}}, &drivertest.Book{MarkFails: errors.New("disk full")})
		if e := saleOf(sim); !errors.Is(err, terminal.ErrNotSent) || e != nil {
			t.Errorf("the new mark could not be recorded: %v, and the ledger has %+v", err, e)
		}
	})
}

// record reads a status information whose last fields are given in hex.
func record(t *testing.T, more string) (StatusInformation, []byte) {
	t.Helper()
	data, err := hex.DecodeString("2700" + "04000000001250" + "0b000162" + "0c100005" + "0d0101" + "2952500001" + more)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := APDU{Command: CmdStatusInformation, Data: data}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return ReadStatusInformation(data, CharsetAuto), raw
}

// TestRecordsOfAnotherKind: only a sale's record may be taken for our sale.
func TestRecordsOfAnotherKind(t *testing.T) {
	const mark = "zvt1/0052/000161/000052/0101/095500/990/52500001"
	const card = "8a2e" + "3b3132333435360000"
	armed := time.Date(2026, 1, 1, 10, 0, 0, 0, time.Local)
	sums := "60f0f5f3" + "00010053" + "0200000000125000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"[:98]
	for name, c := range map[string]struct {
		more string
		mark terminal.Mark
		want terminal.Outcome
	}{
		"a sale":                         {"870053" + "88000053" + card, mark, terminal.Approved},
		"a sale, original trace of zero": {"870053" + "88000053" + "37000000" + card, mark, terminal.Approved},
		"a reversal":                     {"870053" + "88000053" + "37000161" + card, mark, terminal.Unknown},
		"an end of day":                  {"870053" + sums, mark, terminal.Unknown},
		"an end of day without sums":     {"870053", mark, terminal.Unknown},
		"no receipt number":              {card, mark, terminal.Unknown},
		"a receipt too far":              {"870054" + card, mark, terminal.Unknown},
		"the mark was read again":        {"870053" + card, "zvt1/0053/000162//0101/100005/1250/52500001", terminal.Declined},
		"the mark is gone":               {"870053" + card, "", terminal.Unknown},
	} {
		r, raw := record(t, c.more)
		if name == "an end of day" && r.Totals == nil {
			t.Fatal("the sums are not read")
		}
		s := &session{o: NewOptions(), log: slog.New(slog.DiscardHandler)}
		a := terminal.Attempt{Request: terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: armed}, Mark: c.mark}
		got, why := s.judge(a, r, raw, true)
		if why != "" {
			got.Outcome = terminal.Unknown
		}
		if got.Outcome != c.want {
			t.Errorf("%s: %s %q, want %s", name, got.Outcome, why, c.want)
		}
	}
}

// A code of no list decides nothing, in a dialogue that ends well and in a record: CD is that of an approved payment whose cashback was refused.
func TestCodeOfNoList(t *testing.T) {
	unlisted := 0
	for code := 1; code <= 0xFF; code++ {
		r, raw := record(t, "870053"+"8a2e"+"3b3132333435360000")
		r.Result = byte(code)
		s := &session{o: NewOptions(), log: slog.New(slog.DiscardHandler)}
		want, listed := terminal.Declined, !undecided(r.Result)
		if !listed {
			want, unlisted = terminal.Unknown, unlisted+1
		}
		a := terminal.Attempt{
			Request: terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Date(2026, 1, 1, 10, 0, 0, 0, time.Local)},
			Mark:    "zvt1/0052/000161/000052/0101/095500/990/52500001",
		}
		out, why := s.judge(a, r, raw, true)
		if out.Outcome != want || (why == "") != listed {
			t.Errorf("a record with %s: %s, %q; want %s", CodeText(r.Result), out.Outcome, why, want)
		}
		if out := s.outcome(ending{result: &r, raw: raw}); out.Outcome != terminal.Unknown {
			t.Errorf("%s and a good end: %s", CodeText(r.Result), out.Outcome)
		}
		maybe := mayBeApproval(r)
		if out := s.outcome(ending{aborted: true, code: 0x6C, hasCode: true, result: &r, raw: raw, maybe: maybe}); (out.Outcome == terminal.Declined) != listed {
			t.Errorf("%s and an abort: %s", CodeText(r.Result), out.Outcome)
		}
	}
	for code, want := range map[byte]bool{0: false, 0x33: false, 0x63: false, 0x66: false, 0x6C: false, 0xB4: false, 0xFF: false, 0xCD: true, 0x9D: true, 0xFB: true, 0xD9: true} {
		if undecided(code) != want {
			t.Errorf("%s decides nothing: %t, want %t", CodeText(code), undecided(code), want)
		}
	}
	t.Logf("note: %d of 255 codes are of no list, or beside an approval, and decide nothing", unlisted)
}

// abortedPort counts how it was closed.
type abortedPort struct {
	terminal.Port
	closes, aborts *atomic.Int32
}

func (p abortedPort) Close() error {
	p.closes.Add(1)
	return p.Port.Close()
}

func (p abortedPort) Abort() error {
	p.aborts.Add(1)
	return p.Port.Close()
}

// A line with an undecided money command on it is aborted before anything else is done; others are closed.
func TestUndecidedLineIsAborted(t *testing.T) {
	const registered = "hear " + hexAccepted + " 060f0a19002952500001490978 hear "
	for script, aborts := range map[string]int32{
		registered + "hear": 1, // no answer to the sale
		registered + "hear " + hexAccepted + " " + hexWaiting + " hear":                                                  1,
		registered + "hear " + hexAccepted + " " + hexApproved + " hear":                                                 1,
		registered + "hear " + hexAccepted + " " + hexDeclined + " hear " + hexAborted + " hear":                         0,
		registered + "hear " + hexAccepted + " " + hexApproved + " hear " + hexDone + " hear":                            0,
		registered + "hear " + hexAccepted + " " + hexWaiting + " hear " + hexApproved + " hear " + hexAborted + " hear": 0,
	} {
		for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
			synctest.Test(t, func(t *testing.T) {
				var closes, aborted atomic.Int32
				till, far := simulate.Pipe()
				played := make(chan error, 1)
				go func() {
					played <- playScript(newPuppet(far, k), script)
				}()
				s := scripted(t, abortedPort{till, &closes, &aborted}, k, true)
				_, err := s.Pay(t.Context(), terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}, &drivertest.Book{})
				if (err != nil) != (aborts > 0) || aborted.Load() != aborts || closes.Load() != 0 {
					t.Errorf("%s %s: %v; aborted %d times, closed %d times", k, script, err, aborted.Load(), closes.Load())
				}
				_ = s.Close()
				if aborted.Load() != aborts || closes.Load() != 1-aborts {
					t.Errorf("%s %s: aborted %d times, closed %d times in the end", k, script, aborted.Load(), closes.Load())
				}
				if err := <-played; err != nil {
					t.Errorf("%s %s: the script was not played to its end: %v", k, script, err)
				}
			})
		}
	}
}

// Closing a session from outside while a payment is undecided aborts its line too.
func TestCloseDuringAPaymentAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closes, aborted atomic.Int32
		till, far := simulate.Pipe()
		s := scripted(t, abortedPort{till, &closes, &aborted}, terminal.TCP, false)
		ended := make(chan error, 1)
		go func() {
			_, err := s.Pay(context.Background(), terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}}, &drivertest.Book{})
			ended <- err
		}()
		if _, err := newPuppet(far, terminal.TCP).hear(); err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		if err := <-ended; err == nil || errors.Is(err, terminal.ErrNotSent) || aborted.Load() == 0 || closes.Load() != 0 {
			t.Errorf("%v; aborted %d times, closed %d times", err, aborted.Load(), closes.Load())
		}
		if _, err := s.(terminal.Prober).Probe(t.Context()); err == nil || closes.Load() != 0 {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Over a network an unbooked payment is believed only once the command cannot arrive any more.
func TestUnchangedMarkWaitsForTheNetwork(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		synctest.Test(t, func(t *testing.T) {
			_, s := onSimulator(t, k, NewOptions(), simulate.RebootBefore)
			mark, err := s.(terminal.Marker).Mark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
			if got, err := s.Pay(t.Context(), r, &drivertest.Book{}); err == nil && got.Outcome != terminal.Unknown || errors.Is(err, terminal.ErrNotSent) {
				t.Fatalf("%s: the payment was not broken: %s, %v", k, got.Outcome, err)
			}
			broke := time.Now()
			got := askUntilAnswered(t.Context(), t, s, terminal.Attempt{Request: r, Mark: mark})
			waited := time.Since(broke)
			if got.Proof != terminal.UnchangedMark || k == terminal.TCP && waited < travel || k == terminal.Serial && waited > travel {
				t.Errorf("%s: %s by %s after %s", k, got.Outcome, got.Proof, waited)
			}
		})
	}
}
