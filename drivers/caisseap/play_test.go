package caisseap

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/caisseap/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// at plays f with a session and a simulated terminal, in a bubble of its own.
func at(t *testing.T, k terminal.LinkKind, o sim.Options, with func(*Options), script string, f func(t *drivertest.Rig, s *session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts := NewOptions()
		if with != nil {
			with(opts)
		}
		r := drivertest.NewRig(t, drivertest.RigOptions{
			Driver: Driver(), Link: k, Options: opts, Currency: euro, Simulator: terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond, Options: o},
		})
		f(r, r.Session.(*session))
	})
}

func sale(reference string, minor int64) terminal.Request {
	return terminal.Request{Reference: reference, Amount: terminal.Amount{Minor: minor, Currency: euro}, Armed: time.Now()}
}

func TestRefundAndProbe(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		at(t, k, sim.Options{}, nil, simulate.Approved, func(t *drivertest.Rig, s *session) {
			b := &drivertest.Book{}
			got, err := s.Refund(t.Context(), sale("0000000001", 500), b)
			if ledger := t.Sim.Face().Ledger; err != nil || got.Outcome != terminal.Approved || len(b.Results) != 1 || len(ledger) != 1 || ledger[0].Kind != simulate.Refund {
				t.Errorf("%s: %+v, %v; the ledger has %+v", k, got, err, t.Sim.Face().Ledger)
			}
			if h, err := s.Probe(t.Context()); err != nil || !h.Ready {
				t.Errorf("%s: probe: %+v, %v", k, h, err)
			}
			_ = t.Sim.Press(simulate.PressCutPower)
			if h, err := s.Probe(t.Context()); k == terminal.Serial && (err != nil || h.Ready || !h.Busy) {
				t.Errorf("%s: probe without power: %+v, %v", k, h, err)
			}
		})
	}
}

// A terminal that never names our reference is believed only where the settings say that it never does.
func TestReferenceNotEchoed(t *testing.T) {
	silent := sim.Options{Silent: true}
	trusting := func(o *Options) { o.ReferenceEchoed = false }
	for _, c := range []struct {
		with   func(*Options)
		script string
		k      terminal.LinkKind
		want   terminal.Outcome
	}{
		{nil, simulate.Approved, terminal.TCP, terminal.Unknown},
		{nil, simulate.Declined, terminal.TCP, terminal.Declined}, // the connection is the payment's own
		{trusting, simulate.Approved, terminal.TCP, terminal.Approved},
		{trusting, simulate.Approved, terminal.Serial, terminal.Approved},
		{trusting, simulate.Declined, terminal.Serial, terminal.Declined},
		{trusting, simulate.WrongAmount, terminal.TCP, terminal.Unknown},
	} {
		at(t, c.k, silent, c.with, c.script, func(t *drivertest.Rig, s *session) {
			got, err := s.Pay(t.Context(), sale("0000000001", 1250), &drivertest.Book{})
			if err != nil || got.Outcome != c.want {
				t.Errorf("%s over %s, trusting %t: %+v, %v; want %s", c.script, c.k, c.with != nil, got, err, c.want)
			}
		})
	}
	at(t, terminal.Serial, silent, nil, simulate.Declined, func(t *drivertest.Rig, s *session) {
		if got, err := s.Pay(t.Context(), sale("0000000001", 1250), &drivertest.Book{}); err == nil || errors.Is(err, terminal.ErrNotSent) {
			t.Errorf("a refusal that may be an earlier payment's: %+v, %v", got, err)
		}
	})
}

func TestTicket(t *testing.T) {
	at(t, terminal.TCP, sim.Options{Card: "4111111111110043"}, func(o *Options) { o.Ticket, o.AppendCRLF = true, true }, simulate.Approved, func(t *drivertest.Rig, s *session) {
		b := &drivertest.Book{}
		got, err := s.Pay(t.Context(), sale("0000000001", 1250), b)
		if err != nil || got.Outcome != terminal.Approved || got.CardLast4 != "0043" || got.TxnRef != "0000000001/1999403" || len(b.Receipts) != 1 {
			t.Fatalf("%+v, %v, %+v", got, err, b.Receipts)
		}
		if lines := b.Receipts[0].Lines; len(lines) != 4 || lines[2].Text != "************0043" {
			t.Errorf("%+v", lines)
		}
	})
}

// A result that a serial terminal brings late is taken for the payment that it names.
func TestLate(t *testing.T) {
	at(t, terminal.Serial, sim.Options{Offers: 60}, nil, simulate.Approved, func(t *drivertest.Rig, s *session) {
		time.AfterFunc(300*time.Millisecond, func() {
			_ = t.Sim.Press(simulate.PressPullCable)
			time.AfterFunc(20*time.Second, func() { _ = t.Sim.Press(simulate.PressPlugCable) })
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := sale("0000000001", 1250)
		if got, err := s.Pay(ctx, r, &drivertest.Book{}); err == nil || errors.Is(err, terminal.ErrNotSent) {
			t.Fatalf("the till that stops: %+v, %v", got, err)
		}
		var got terminal.Result
		var err error
		for range 40 {
			if got, err = s.Recover(t.Context(), terminal.Attempt{Request: r}); err == nil {
				break
			}
			<-time.After(time.Second)
		}
		if err != nil || got.Outcome != terminal.Approved || got.AuthCode == "" {
			t.Errorf("asked afterwards: %+v, %v", got, err)
		}
		got, err = s.Recover(t.Context(), terminal.Attempt{Request: sale("0000000002", 1250)})
		if err != nil || got.Outcome != terminal.Unknown || !strings.Contains(got.Text, "duplicata") {
			t.Errorf("another payment: %+v, %v", got, err)
		}
		seen := terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "Said."}
		if got, err = s.Recover(t.Context(), terminal.Attempt{Request: r, Seen: &seen}); err != nil || got.Outcome != terminal.Declined {
			t.Errorf("told before: %+v, %v", got, err)
		}
	})
}

// scripted is a till whose terminal says parts of an answer, each after a pause, and then hangs up or not.
func scripted(t *testing.T, parts []string, pause time.Duration, hangUp bool) (got terminal.Result, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := simulate.Pipe()
		first := true
		s, oerr := open(t.Context(), terminal.Env{
			Link: terminal.TCP, Log: slog.New(slog.DiscardHandler),
			Dial: func(context.Context) (terminal.Port, error) {
				if first { // opening connects and hangs up
					first = false
					a, _ := simulate.Pipe()
					return a, nil
				}
				return near, nil
			},
		}, NewOptions())
		if oerr != nil {
			t.Fatal(oerr)
		}
		var speaking sync.WaitGroup
		speaking.Go(func() {
			b := make([]byte, 512)
			_, _ = far.Read(b)
			for i, p := range parts {
				if i > 0 {
					<-time.After(pause)
				}
				_, _ = far.Write([]byte(p))
			}
			if hangUp {
				_ = far.Close()
			}
		})
		begin := time.Now()
		got, err = s.Pay(t.Context(), sale("REF", 1250), &drivertest.Book{})
		took = time.Since(begin)
		_ = s.Close()
		_ = far.Close()
		speaking.Wait()
	})
	return got, took, err
}

// An answer has ended when it has all that it needs and 0.3 s are quiet, or when the terminal hangs up.
func TestEndOfAnswer(t *testing.T) {
	whole := "CZ0040300CB0041250AE00210AC006123456CF003REF"
	for name, c := range map[string]struct {
		parts  []string
		pause  time.Duration
		hangUp bool
		want   terminal.Outcome
		within time.Duration
	}{
		"at once":                          {[]string{whole}, 0, true, terminal.Approved, 0},
		"left open":                        {[]string{whole}, 0, false, terminal.Approved, quiet},
		"a reason that comes late":         {[]string{"CZ0040300AE00201", "AF00207CF003REF"}, 2 * time.Second, false, terminal.Unknown, 12 * time.Second},
		"a sum that comes late":            {[]string{"CZ0040300AE00210", "CB0041250AC006123456CF003REF"}, 5 * time.Second, false, terminal.Approved, 6 * time.Second},
		"cut inside a field":               {[]string{"CZ0040300AE00210CB004", "1250AC006123456CF003REF"}, 20 * time.Second, false, terminal.Approved, 21 * time.Second},
		"no authorisation, left open":      {[]string{"CZ0040300CB0041250AE00210CF003REF"}, 0, false, terminal.Approved, patience},
		"an answer to another payment":     {[]string{"CZ0040300CB0041250AE00210AC006123456CF003OLD", whole}, time.Second, true, terminal.Approved, 2 * time.Second},
		"only an answer to another":        {[]string{"CZ0040300CB0041250AE00210AC006123456CF003OLD"}, 0, true, terminal.Unknown, 0},
		"a refusal of another, then ours":  {[]string{"CZ0040300AE00201AF00204CF003OLD", whole}, time.Second, true, terminal.Approved, 2 * time.Second},
		"a nameless refusal":               {[]string{"CZ0040300AE00201AF00206"}, 0, true, terminal.Declined, 0},
		"a nameless refusal among others":  {[]string{"CZ0040300AE00201AF00206CZ0040300AE00201AF00206"}, 0, true, terminal.Unknown, 0},
		"a nameless approval":              {[]string{"CZ0040300CB0041250AE00210AC006123456"}, 0, true, terminal.Unknown, 0},
		"taken into account, then nothing": {[]string{"CZ0040300AE00211CF003REF"}, 0, true, terminal.Unknown, 0},
	} {
		got, took, err := scripted(t, c.parts, c.pause, c.hangUp)
		if err != nil || got.Outcome != c.want || took > c.within {
			t.Errorf("%s: %+v, %v after %s; want %s within %s", name, got, err, took, c.want, c.within)
		}
	}
	for name, parts := range map[string][]string{
		"nothing": {}, "no result": {"CZ0040300CB0041250"}, "half": {"CZ0040300AE00210CB004"}, "something else": {"HTTP/1.1 400 Bad Request\r\n"},
	} {
		got, _, err := scripted(t, parts, 0, true)
		if err == nil || errors.Is(err, terminal.ErrNotSent) || got.Outcome != terminal.Unknown {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, took, err := scripted(t, nil, 0, false); err == nil || got.Outcome != terminal.Unknown || took != 5*time.Minute {
		t.Errorf("silence: %+v, %v after %s", got, err, took)
	}
}

// A result that cannot be recorded is no result.
func TestSeenFails(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		at(t, k, sim.Options{}, nil, simulate.Approved, func(t *drivertest.Rig, s *session) {
			b := &drivertest.Book{SeenFails: errors.New("the disk is full")}
			if got, err := s.Pay(t.Context(), sale("0000000001", 1250), b); !errors.Is(err, b.SeenFails) || got.Outcome != terminal.Unknown || len(b.Results) != 1 {
				t.Errorf("%s: %+v, %v", k, got, err)
			}
		})
	}
}
