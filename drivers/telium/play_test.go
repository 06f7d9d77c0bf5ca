package telium

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/telium/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// book is a till that writes everything down.
type book struct {
	mu       sync.Mutex
	seen     []terminal.Result
	marks    []terminal.Mark
	progress []terminal.Progress
	receipts []terminal.Receipt
	full     error
}

func (b *book) Seen(r terminal.Result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, r)
	return b.full
}

func (b *book) Mark(m terminal.Mark) error    { b.marks = append(b.marks, m); return nil }
func (b *book) Progress(p terminal.Progress)  { b.progress = append(b.progress, p) }
func (b *book) Receipt(r terminal.Receipt)    { b.receipts = append(b.receipts, r) }
func (b *book) told(stage terminal.Stage) int { return strings.Count(b.stages(), stage.String()) }

func (b *book) stages() string {
	var all []string
	for _, p := range b.progress {
		all = append(all, p.Stage.String())
	}
	return strings.Join(all, " ")
}

// table is a till, a line and a simulated terminal.
type table struct {
	sim     terminal.Simulator
	session terminal.Session
	dials   int
	near    *simulate.PipeEnd
}

// at plays f at a table, in a bubble of its own.
func at(t *testing.T, k terminal.LinkKind, o sim.Options, with func(*Options), script string, f func(t *testing.T, x *table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		simulator, err := sim.New(terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond, Options: o})
		if err != nil {
			t.Fatal(err)
		}
		x := &table{sim: simulator}
		ctx, cancel := context.WithCancel(context.Background())
		var serving sync.WaitGroup
		defer serving.Wait()
		defer cancel()
		opts := NewOptions()
		opts.Dialect = map[string]Dialect{"fr": France, "uk": Britain}[o.Dialect]
		if with != nil {
			with(opts)
		}
		x.session, err = open(ctx, terminal.Env{
			Link: k, Log: slog.New(slog.DiscardHandler),
			Dial: func(context.Context) (terminal.Port, error) {
				near, far := simulate.Pipe()
				x.dials++
				x.near = near
				serving.Go(func() { _ = simulator.Serve(ctx, far, k) })
				synctest.Wait()
				return near, nil
			},
		}, opts)
		if err != nil {
			t.Fatal(err)
		}
		defer x.session.Close()
		f(t, x)
	})
}

func request1(minor int64, c terminal.Currency) terminal.Request {
	return terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: minor, Currency: c}, Armed: time.Now()}
}

// money is what the ledger has, newest last.
func (x *table) money() string {
	var all []string
	for _, e := range x.sim.Face().Ledger {
		text := e.Kind
		if !e.Captured {
			text += " back"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func TestRefund(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		for dialect, c := range map[string]terminal.Currency{"fr": euro, "uk": pound} {
			if dialect == "fr" && k == terminal.TCP {
				continue
			}
			at(t, k, sim.Options{Dialect: dialect}, nil, simulate.Approved, func(t *testing.T, x *table) {
				b := &book{}
				got, err := x.session.(terminal.Refunder).Refund(t.Context(), request1(500, c), b)
				if err != nil || got.Outcome != terminal.Approved || len(b.seen) != 1 || x.money() != "refund" {
					t.Errorf("%s: %+v, %v; the ledger has %s", dialect, got, err, x.money())
				}
			})
		}
	}
}

func TestVoid(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		at(t, k, sim.Options{Dialect: "uk"}, nil, simulate.Approved, func(t *testing.T, x *table) {
			v := x.session.(terminal.Voider)
			r := request1(500, pound)
			sale, err := x.session.Pay(t.Context(), r, &book{})
			if err != nil || sale.Outcome != terminal.Approved {
				t.Fatalf("sale: %+v, %v", sale, err)
			}
			r.Reference = "0000000002"
			got, err := v.Void(t.Context(), r, sale, &book{})
			if err != nil || got.Outcome != terminal.Approved || x.money() != "sale back, void back" {
				t.Errorf("void: %+v, %v; the ledger has %s", got, err, x.money())
			}
			r.Reference = "0000000003"
			if got, err = v.Void(t.Context(), r, sale, &book{}); !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("the sale is not the last one any more: %+v, %v", got, err)
			}
			last := x.session.(*british).last
			if got, err = v.Void(t.Context(), r, terminal.Result{Mark: last}, &book{}); err != nil || got.Outcome != terminal.Declined {
				t.Errorf("there is nothing to reverse: %+v, %v", got, err)
			}
		})
	}
}

func TestSettleAndProbe(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		at(t, k, sim.Options{Dialect: "uk"}, nil, simulate.Approved, func(t *testing.T, x *table) {
			b := &book{}
			if totals, err := x.session.(terminal.Settler).Settle(t.Context(), b); err != nil || totals.Text == "" || len(b.receipts) != 1 {
				t.Errorf("settle: %+v, %v, receipts %+v", totals, err, b.receipts)
			}
			h, err := x.session.(terminal.Prober).Probe(t.Context())
			if err != nil || !h.Ready || h.TerminalID != "52500001" || h.Software != "01.02" || x.session.(terminal.Identifier).TerminalID() != "52500001" {
				t.Errorf("probe: %+v, %v", h, err)
			}
		})
	}
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, nil, simulate.Approved, func(t *testing.T, x *table) {
		if h, err := x.session.(terminal.Prober).Probe(t.Context()); err != nil || !h.Ready {
			t.Errorf("probe: %+v, %v", h, err)
		}
		_ = x.sim.Press(simulate.PressCutPower)
		if h, err := x.session.(terminal.Prober).Probe(t.Context()); err != nil || h.Ready || !h.Busy {
			t.Errorf("probe without power: %+v, %v", h, err)
		}
	})
}

// A French session has no ability that its protocol lacks.
func TestFrenchAbilities(t *testing.T) {
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, nil, "", func(t *testing.T, x *table) {
		_, marks := x.session.(terminal.Marker)
		_, cancels := x.session.(terminal.Canceller)
		_, voids := x.session.(terminal.Voider)
		if marks || cancels || voids {
			t.Errorf("marks %t, cancels %t, voids %t", marks, cancels, voids)
		}
	})
	if _, err := open(t.Context(), terminal.Env{Link: terminal.TCP}, &Options{Dialect: France, PaymentTimeout: resultWait}); err == nil {
		t.Error("France on TCP")
	}
	if _, err := open(t.Context(), terminal.Env{}, NewOptions()); err == nil || !strings.Contains(err.Error(), "mail order") {
		t.Errorf("no dialect: %v", err)
	}
}

// What a French terminal is asked for follows the settings.
func TestFrenchSettings(t *testing.T) {
	for name, c := range map[string]struct {
		with func(*Options)
		want string
	}{
		"plain":           {nil, "\x0239" + "00001250" + "110978          A010B010"},
		"a number":        {func(o *Options) { o.POSNumber = 5 }, "\x0205" + "00001250" + "110978          A010B010"},
		"short, online":   {func(o *Options) { o.Answer, o.ForceAuthorisation = ShortAnswer, true }, "\x0239" + "00001250" + "010978          A010B011"},
		"E":               {func(o *Options) { o.Variant = E }, "\x0239" + "00001250" + "110978          \x03"},
		"E, short answer": {func(o *Options) { o.Variant, o.Answer = E, ShortAnswer }, "\x0239" + "00001250" + "010978          \x03"},
	} {
		at(t, terminal.Serial, sim.Options{Dialect: "fr"}, c.with, simulate.Approved, func(t *testing.T, x *table) {
			var wrote bytes.Buffer
			s := x.session.(*french)
			s.idle.Stop()
			s.drop()
			dial := s.env.Dial
			s.env.Dial = func(ctx context.Context) (terminal.Port, error) {
				p, err := dial(ctx)
				return simulate.Tap(p, func(e simulate.TapEvent) error {
					if e.Op == simulate.WriteOp && !e.After {
						wrote.Write(e.Data)
					}
					return nil
				}), err
			}
			r := request1(1250, euro)
			r.Reference = "0000000012" // 38 in base 36
			got, err := s.Pay(t.Context(), r, &book{})
			if err != nil || got.Outcome != terminal.Approved || !strings.Contains(wrote.String(), c.want) {
				t.Errorf("%s: %+v, %v; wrote %q", name, got, err, wrote.String())
			}
		})
	}
}

// A result that comes late is taken for the payment whose number it has, and for no other.
func TestFrenchLate(t *testing.T) {
	long := sim.Options{Dialect: "fr", Offers: 60}
	cut := func(t *testing.T, x *table) {
		time.AfterFunc(200*time.Millisecond, func() {
			_ = x.sim.Press(simulate.PressPullCable)
			time.AfterFunc(20*time.Second, func() { _ = x.sim.Press(simulate.PressPlugCable) })
		})
	}
	at(t, terminal.Serial, long, nil, simulate.Approved, func(t *testing.T, x *table) {
		cut(t, x)
		b := &book{}
		got, err := x.session.Pay(t.Context(), request1(1250, euro), b)
		if err != nil || got.Outcome != terminal.Approved || len(b.seen) != 1 || b.told(terminal.Sent) != 1 || x.money() != "sale" {
			t.Errorf("in the payment: %+v, %v; the ledger has %s", got, err, x.money())
		}
	})
	at(t, terminal.Serial, long, nil, simulate.Approved, func(t *testing.T, x *table) {
		cut(t, x)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := request1(1250, euro)
		got, err := x.session.Pay(ctx, r, &book{})
		if err == nil || got.Outcome != terminal.Unknown {
			t.Fatalf("the till that stops: %+v, %v", got, err)
		}
		for range 30 {
			if got, err = x.session.Recover(t.Context(), terminal.Attempt{Request: r}); err == nil {
				break
			}
			pass(time.Second)
		}
		if err != nil || got.Outcome != terminal.Approved || got.Proof != terminal.Dialogue {
			t.Errorf("asked afterwards: %+v, %v", got, err)
		}
		other := r
		other.Reference = "0000000002"
		if got, err = x.session.Recover(t.Context(), terminal.Attempt{Request: other}); err != nil || got.Outcome != terminal.Unknown || !strings.Contains(got.Text, "duplicata") {
			t.Errorf("another payment: %+v, %v", got, err)
		}
	})
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.NewTimer(d).C }

// What was told before the bridge was interrupted is told again.
func TestFrenchSeen(t *testing.T) {
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, nil, simulate.Approved, func(t *testing.T, x *table) {
		for _, o := range []terminal.Outcome{terminal.Approved, terminal.Declined} {
			seen := terminal.Result{Outcome: o, Proof: terminal.Dialogue, Text: "Said."}
			got, err := x.session.Recover(t.Context(), terminal.Attempt{Request: request1(1250, euro), Seen: &seen})
			if err != nil || got.Outcome != o || !strings.Contains(got.Text, "Said.") {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
}

// With a fixed number a result of another sum may be another payment's, and is not taken for this one's.
func TestFrenchFixedNumber(t *testing.T) {
	fixed := func(o *Options) { o.POSNumber = 7 }
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, fixed, simulate.WrongAmount, func(t *testing.T, x *table) {
		got, err := x.session.Pay(t.Context(), request1(1250, euro), &book{})
		if err == nil || errors.Is(err, terminal.ErrNotSent) || !strings.Contains(err.Error(), "another sum") {
			t.Errorf("%+v, %v", got, err)
		}
	})
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, fixed, simulate.Approved, func(t *testing.T, x *table) {
		first := request1(990, euro)
		if got, err := x.session.Pay(t.Context(), first, &book{}); err != nil || got.Outcome != terminal.Approved {
			t.Fatalf("%+v, %v", got, err)
		}
		_ = x.sim.Press(simulate.LateThenDeclined)
		second := request1(990, euro) // the same sum: only that it was told before speaks against the late result
		second.Reference = "0000000002"
		if got, err := x.session.Pay(t.Context(), second, &book{}); err != nil || got.Outcome != terminal.Declined {
			t.Errorf("the result of the payment before was taken: %+v, %v", got, err)
		}
	})
}

// A result that cannot be recorded is not acknowledged.
func TestSeenFails(t *testing.T) {
	for dialect, c := range map[string]terminal.Currency{"fr": euro, "uk": pound} {
		at(t, terminal.Serial, sim.Options{Dialect: dialect}, nil, simulate.Approved, func(t *testing.T, x *table) {
			b := &book{full: errors.New("the disk is full")}
			got, err := x.session.Pay(t.Context(), request1(1250, c), b)
			if !errors.Is(err, b.full) || got.Outcome != terminal.Unknown || len(b.seen) != 1 || b.told(terminal.Acknowledged) != 0 {
				t.Errorf("%s: %+v, %v, seen %d times", dialect, got, err, len(b.seen))
			}
		})
	}
}

// The session answers keep-alives and ENQ between payments.
func TestWatch(t *testing.T) {
	at(t, terminal.TCP, sim.Options{Dialect: "uk"}, nil, simulate.Approved, func(t *testing.T, x *table) {
		s := x.session.(*british)
		synctest.Wait()
		if !s.idle.Watching() {
			t.Error("nobody watches")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		near, far := simulate.Pipe()
		s, err := open(t.Context(), terminal.Env{
			Link: terminal.Serial, Log: slog.New(slog.DiscardHandler),
			Dial: func(context.Context) (terminal.Port, error) { return near, nil },
		}, &Options{Dialect: France, PaymentTimeout: resultWait})
		if err != nil {
			t.Fatal(err)
		}
		far.Write([]byte{wire.ENQ})
		frame := wire.STXFormat{Covers: wire.CoverBodyETX}.Append(nil, []byte(shortAnswer))
		got := make([]byte, 2)
		if _, err := far.Read(got[:1]); err != nil || got[0] != wire.ACK {
			t.Fatalf("to ENQ: %x, %v", got, err)
		}
		far.Write(frame)
		if _, err := far.Read(got[:1]); err != nil || got[0] != wire.ACK {
			t.Fatalf("to the frame: %x, %v", got, err)
		}
		far.Write([]byte{wire.EOT})
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if late := s.(*french).late; len(late) != 1 || late[0].Minor != 1250 {
			t.Errorf("kept %+v", late)
		}
	})
}
