package telium

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/telium/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// at plays f with a session and a simulated terminal, in a bubble of its own.
func at(t *testing.T, k terminal.LinkKind, o sim.Options, with func(*Options), script string, f func(t *drivertest.Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts := NewOptions()
		opts.Dialect = map[string]Dialect{"fr": France, "uk": Britain}[o.Dialect]
		if with != nil {
			with(opts)
		}
		f(drivertest.NewRig(t, drivertest.RigOptions{
			Driver: Driver(), Link: k, Options: opts, Currency: map[string]terminal.Currency{"fr": euro, "uk": pound}[o.Dialect],
			Simulator: terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond, Options: o},
		}))
	})
}

func request1(minor int64, c terminal.Currency) terminal.Request {
	return terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: minor, Currency: c}, Armed: time.Now()}
}

// ledger is what the ledger has, newest last.
func ledger(t *drivertest.Rig) string {
	var all []string
	for _, e := range t.Sim.Face().Ledger {
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
			at(t, k, sim.Options{Dialect: dialect}, nil, simulate.Approved, func(t *drivertest.Rig) {
				b := &drivertest.Book{}
				got, err := t.Session.(terminal.Refunder).Refund(t.Context(), request1(500, c), b)
				if err != nil || got.Outcome != terminal.Approved || len(b.Results) != 1 || ledger(t) != "refund" {
					t.Errorf("%s: %+v, %v; the ledger has %s", dialect, got, err, ledger(t))
				}
			})
		}
	}
}

func TestVoid(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		at(t, k, sim.Options{Dialect: "uk"}, nil, simulate.Approved, func(t *drivertest.Rig) {
			v := t.Session.(terminal.Voider)
			r := request1(500, pound)
			sale, err := t.Session.Pay(t.Context(), r, &drivertest.Book{})
			if err != nil || sale.Outcome != terminal.Approved {
				t.Fatalf("sale: %+v, %v", sale, err)
			}
			r.Reference = "0000000002"
			got, err := v.Void(t.Context(), r, sale, &drivertest.Book{})
			if err != nil || got.Outcome != terminal.Approved || ledger(t) != "sale back, void back" {
				t.Errorf("void: %+v, %v; the ledger has %s", got, err, ledger(t))
			}
			r.Reference = "0000000003"
			if got, err = v.Void(t.Context(), r, sale, &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("the sale is not the last one any more: %+v, %v", got, err)
			}
			last := t.Session.(*british).last
			if got, err = v.Void(t.Context(), r, terminal.Result{Mark: last}, &drivertest.Book{}); err != nil || got.Outcome != terminal.Declined {
				t.Errorf("there is nothing to reverse: %+v, %v", got, err)
			}
		})
	}
}

func TestSettleAndProbe(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		at(t, k, sim.Options{Dialect: "uk"}, nil, simulate.Approved, func(t *drivertest.Rig) {
			b := &drivertest.Book{}
			if totals, err := t.Session.(terminal.Settler).Settle(t.Context(), b); err != nil || totals.Text == "" || len(b.Receipts) != 1 {
				t.Errorf("settle: %+v, %v, receipts %+v", totals, err, b.Receipts)
			}
			h, err := t.Session.(terminal.Prober).Probe(t.Context())
			if err != nil || !h.Ready || h.TerminalID != "52500001" || h.Software != "01.02" || t.Session.(terminal.Identifier).TerminalID() != "52500001" {
				t.Errorf("probe: %+v, %v", h, err)
			}
		})
	}
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, nil, simulate.Approved, func(t *drivertest.Rig) {
		if h, err := t.Session.(terminal.Prober).Probe(t.Context()); err != nil || !h.Ready {
			t.Errorf("probe: %+v, %v", h, err)
		}
		_ = t.Sim.Press(simulate.PressCutPower)
		if h, err := t.Session.(terminal.Prober).Probe(t.Context()); err != nil || h.Ready || !h.Busy {
			t.Errorf("probe without power: %+v, %v", h, err)
		}
	})
}

// A French session has no ability that its protocol lacks.
func TestFrenchAbilities(t *testing.T) {
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, nil, "", func(t *drivertest.Rig) {
		_, marks := t.Session.(terminal.Marker)
		_, cancels := t.Session.(terminal.Canceller)
		_, voids := t.Session.(terminal.Voider)
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
		at(t, terminal.Serial, sim.Options{Dialect: "fr"}, c.with, simulate.Approved, func(t *drivertest.Rig) {
			var wrote bytes.Buffer
			s := t.Session.(*french)
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
			got, err := s.Pay(t.Context(), r, &drivertest.Book{})
			if err != nil || got.Outcome != terminal.Approved || !strings.Contains(wrote.String(), c.want) {
				t.Errorf("%s: %+v, %v; wrote %q", name, got, err, wrote.String())
			}
		})
	}
}

// A result that comes late is taken for the payment whose number it has, and for no other.
func TestFrenchLate(t *testing.T) {
	long := sim.Options{Dialect: "fr", Offers: 60}
	cut := func(t *drivertest.Rig) {
		time.AfterFunc(200*time.Millisecond, func() {
			_ = t.Sim.Press(simulate.PressPullCable)
			time.AfterFunc(20*time.Second, func() { _ = t.Sim.Press(simulate.PressPlugCable) })
		})
	}
	at(t, terminal.Serial, long, nil, simulate.Approved, func(t *drivertest.Rig) {
		cut(t)
		b := &drivertest.Book{}
		got, err := t.Session.Pay(t.Context(), request1(1250, euro), b)
		if err != nil || got.Outcome != terminal.Approved || len(b.Results) != 1 || b.Told(terminal.Sent) != 1 || ledger(t) != "sale" {
			t.Errorf("in the payment: %+v, %v; the ledger has %s", got, err, ledger(t))
		}
	})
	at(t, terminal.Serial, long, nil, simulate.Approved, func(t *drivertest.Rig) {
		cut(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := request1(1250, euro)
		got, err := t.Session.Pay(ctx, r, &drivertest.Book{})
		if err == nil || got.Outcome != terminal.Unknown {
			t.Fatalf("the till that stops: %+v, %v", got, err)
		}
		for range 30 {
			if got, err = t.Session.Recover(t.Context(), terminal.Attempt{Request: r}); err == nil {
				break
			}
			pass(time.Second)
		}
		if err != nil || got.Outcome != terminal.Approved || got.Proof != terminal.Dialogue {
			t.Errorf("asked afterwards: %+v, %v", got, err)
		}
		other := r
		other.Reference = "0000000002"
		if got, err = t.Session.Recover(t.Context(), terminal.Attempt{Request: other}); err != nil || got.Outcome != terminal.Unknown || !strings.Contains(got.Text, "duplicata") {
			t.Errorf("another payment: %+v, %v", got, err)
		}
	})
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.NewTimer(d).C }

// What was told before the bridge was interrupted is told again.
func TestFrenchSeen(t *testing.T) {
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, nil, simulate.Approved, func(t *drivertest.Rig) {
		for _, o := range []terminal.Outcome{terminal.Approved, terminal.Declined} {
			seen := terminal.Result{Outcome: o, Proof: terminal.Dialogue, Text: "Said."}
			got, err := t.Session.Recover(t.Context(), terminal.Attempt{Request: request1(1250, euro), Seen: &seen})
			if err != nil || got.Outcome != o || !strings.Contains(got.Text, "Said.") {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
}

// With a fixed number a result of another sum may be another payment's, and is not taken for this one's.
func TestFrenchFixedNumber(t *testing.T) {
	fixed := func(o *Options) { o.POSNumber = 7 }
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, fixed, simulate.WrongAmount, func(t *drivertest.Rig) {
		got, err := t.Session.Pay(t.Context(), request1(1250, euro), &drivertest.Book{})
		if err == nil || errors.Is(err, terminal.ErrNotSent) || !strings.Contains(err.Error(), "another sum") {
			t.Errorf("%+v, %v", got, err)
		}
	})
	at(t, terminal.Serial, sim.Options{Dialect: "fr"}, fixed, simulate.Approved, func(t *drivertest.Rig) {
		first := request1(990, euro)
		if got, err := t.Session.Pay(t.Context(), first, &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved {
			t.Fatalf("%+v, %v", got, err)
		}
		_ = t.Sim.Press(simulate.LateThenDeclined)
		second := request1(990, euro) // the same sum: only that it was told before speaks against the late result
		second.Reference = "0000000002"
		if got, err := t.Session.Pay(t.Context(), second, &drivertest.Book{}); err != nil || got.Outcome != terminal.Declined {
			t.Errorf("the result of the payment before was taken: %+v, %v", got, err)
		}
	})
}

// A result that cannot be recorded is not acknowledged.
func TestSeenFails(t *testing.T) {
	for dialect, c := range map[string]terminal.Currency{"fr": euro, "uk": pound} {
		at(t, terminal.Serial, sim.Options{Dialect: dialect}, nil, simulate.Approved, func(t *drivertest.Rig) {
			b := &drivertest.Book{SeenFails: errors.New("the disk is full")}
			got, err := t.Session.Pay(t.Context(), request1(1250, c), b)
			if !errors.Is(err, b.SeenFails) || got.Outcome != terminal.Unknown || len(b.Results) != 1 || b.Told(terminal.Acknowledged) != 0 {
				t.Errorf("%s: %+v, %v, seen %d times", dialect, got, err, len(b.Results))
			}
		})
	}
}

// The session answers keep-alives and ENQ between payments.
func TestWatch(t *testing.T) {
	at(t, terminal.TCP, sim.Options{Dialect: "uk"}, nil, simulate.Approved, func(t *drivertest.Rig) {
		s := t.Session.(*british)
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
