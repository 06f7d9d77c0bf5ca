package pax

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/pax/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// scene is a session with a simulated terminal.
type scene struct {
	*drivertest.Rig
	s *session
	k terminal.LinkKind
}

// at plays f, on both links, each in a bubble of its own.
func at(t *testing.T, o sim.Options, script string, f func(c scene)) {
	t.Helper()
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		t.Run(k.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := drivertest.NewRig(t, drivertest.RigOptions{
					Driver: Driver(), Link: k, Currency: dollar, Simulator: terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond, Options: o},
				})
				f(scene{r, r.Session.(*session), k})
			})
		})
	}
}

// lose pays while the line is lost as soon as the terminal has taken the command, and plugs it in again.
func (c scene) lose(r terminal.Request) *drivertest.Book {
	c.Helper()
	b := &drivertest.Book{}
	b.OnProgress = func(p terminal.Progress) {
		if p.Stage == terminal.Started {
			_ = c.Sim.Press(simulate.PressPullCable)
		}
	}
	if got, err := c.s.Pay(c.Context(), r, b); err == nil || errors.Is(err, terminal.ErrNotSent) {
		c.Fatalf("the line is lost: %+v, %v", got, err)
	}
	c.Press(simulate.PressPlugCable)
	return b
}

func sale(reference string, minor int64) terminal.Request {
	return terminal.Request{Reference: reference, Amount: terminal.Amount{Minor: minor, Currency: dollar}, Armed: time.Now()}
}

func TestServices(t *testing.T) {
	at(t, sim.Options{}, simulate.Approved, func(c scene) {
		ctx := c.Context()
		sold, err := c.s.Pay(ctx, sale("0000000001", 1250), &drivertest.Book{})
		if err != nil || sold.Outcome != terminal.Approved || sold.TxnRef != "30000052" || sold.CardLast4 != "0043" || c.s.TerminalID() != "53041234" {
			c.Fatalf("%+v, %v", sold, err)
		}
		if h, err := c.s.Probe(ctx); err != nil || !h.Ready || h.TerminalID != "53041234" || h.Software != "BroadPOS 3.2" {
			c.Errorf("probe: %+v, %v", h, err)
		}
		if got, err := c.s.Refund(ctx, sale("0000000002", 300), &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved || *got.CapturedMinor != 300 {
			c.Errorf("refund: %+v, %v", got, err)
		}
		if got, err := c.s.Void(ctx, sale("0000000003", 1250), sold, &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved || got.CapturedMinor != nil {
			c.Errorf("void: %+v, %v", got, err)
		}
		if ledger := c.Sim.Face().Ledger; len(ledger) != 3 || ledger[0].Captured || ledger[1].Kind != simulate.Refund || ledger[2].Kind != simulate.Void {
			c.Errorf("%+v", ledger)
		}
		// A sale that was voided is not told as one that stands.
		if got := c.Ask(terminal.Attempt{Request: sale("0000000001", 1250)}); got.Outcome != terminal.Unknown || !strings.Contains(got.Text, "voided") {
			c.Errorf("the voided sale: %+v", got)
		}
		if got, err := c.s.Void(ctx, sale("0000000004", 1), terminal.Result{}, &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
			c.Errorf("void of nothing: %+v, %v", got, err)
		}
		if _, err := c.s.Pay(ctx, sale("0000000005", 990), &drivertest.Book{}); err != nil {
			c.Error(err)
		}
		if sums, err := c.s.Settle(ctx, &drivertest.Book{}); err != nil || sums.TotalMinor != 690 || len(sums.Groups) != 1 || sums.Groups[0].Count != 2 {
			c.Errorf("settle: %+v, %v", sums, err)
		}
		if m, err := c.s.Mark(ctx); !errors.Is(err, terminal.ErrRefused) {
			c.Errorf("the mark of an empty list: %q, %v", m, err)
		}
		c.Press(simulate.PressCutPower)
		if h, err := c.s.Probe(ctx); c.k == terminal.Serial && (err != nil || h.Ready || !h.Busy) {
			c.Errorf("probe without power: %+v, %v", h, err)
		}
	})
}

func TestCancel(t *testing.T) {
	at(t, sim.Options{}, "", func(c scene) {
		b := &drivertest.Book{}
		b.OnProgress = func(p terminal.Progress) {
			if p.Stage == terminal.Started {
				time.AfterFunc(5*time.Second, c.s.Cancel)
			}
		}
		got, err := c.s.Pay(c.Context(), sale("0000000001", 1250), b)
		if err != nil || got.Outcome != terminal.Declined || got.Code != codeAborted || len(c.Sim.Face().Ledger) != 0 {
			c.Errorf("%+v, %v, %+v", got, err, c.Sim.Face().Ledger)
		}
		if got, err := c.s.Pay(c.Context(), sale("000\x1c000002", 1250), b); !errors.Is(err, terminal.ErrNotSent) {
			c.Errorf("a reference that would break the message: %+v, %v", got, err)
		}
	})
}

// What "not found" proves (docs/decisions/0013).
func TestNotFound(t *testing.T) {
	lost := sale("0000000009", 1250)
	prior := func(c scene) {
		if _, err := c.s.Pay(c.Context(), sale("0000000001", 500), &drivertest.Book{}); err != nil {
			c.Fatal(err)
		}
	}
	byHand := func(c scene) { c.Press(simulate.PressManualSale + ":500") }
	for name, c := range map[string]struct {
		o      sim.Options
		before func(scene)
		script string
		after  func(scene, *terminal.Attempt)
		want   terminal.Outcome
		says   string
	}{
		"after a sale of ours":             {before: prior, script: simulate.Declined, want: terminal.Declined},
		"after a sale of ours, approved":   {before: prior, script: simulate.Approved, want: terminal.Approved},
		"as no records":                    {o: sim.Options{EmptyIsZero: true, HostFirst: true, ZeroIsFirst: true}, before: prior, script: simulate.Declined, want: terminal.Declined},
		"after a sale by hand":             {before: byHand, script: simulate.Declined, want: terminal.Declined},
		"a sale by hand on either side":    {before: byHand, script: simulate.Declined, after: func(c scene, _ *terminal.Attempt) { byHand(c) }, want: terminal.Unknown, says: "without a reference"},
		"the list was empty":               {script: simulate.Declined, want: terminal.Unknown, says: "empty before"},
		"the list was empty, approved":     {script: simulate.Approved, want: terminal.Approved},
		"approved, then the batch closed":  {before: prior, script: simulate.Approved, after: func(c scene, _ *terminal.Attempt) { c.Press(simulate.PressEndOfDay) }, want: terminal.Unknown, says: "batch"},
		"declined, then the batch closed":  {before: byHand, script: simulate.Declined, after: func(c scene, _ *terminal.Attempt) { c.Press(simulate.PressEndOfDay) }, want: terminal.Unknown, says: "batch"},
		"the batch closed by the till":     {before: prior, script: simulate.Approved, after: func(c scene, _ *terminal.Attempt) { _, _ = c.s.Settle(c.Context(), &drivertest.Book{}) }, want: terminal.Unknown, says: "batch"},
		"closed, and sold in the next one": {before: prior, script: simulate.Approved, after: func(c scene, _ *terminal.Attempt) { c.Press(simulate.PressEndOfDay); byHand(c) }, want: terminal.Unknown, says: "batch"},
		"an approval was recorded": {before: prior, script: simulate.Declined, after: func(_ scene, a *terminal.Attempt) {
			a.Seen = &terminal.Result{Code: codeOffline}
		}, want: terminal.Unknown, says: "approved"},
		"store and forward": {before: prior, script: simulate.Declined, after: func(c scene, _ *terminal.Attempt) { c.s.o.StoreAndForward = true }, want: terminal.Unknown, says: "off-line"},
	} {
		t.Run(name, func(t *testing.T) {
			at(t, c.o, simulate.Approved, func(x scene) {
				if c.before != nil {
					c.before(x)
				}
				x.Press(c.script)
				known := x.s.last // what the engine has of the result before
				b := x.lose(lost)
				<-time.After(5 * time.Second)
				a := b.Attempt(lost, known)
				if c.after != nil {
					c.after(x, &a)
				}
				got := x.Ask(a)
				if got.Outcome != c.want || !strings.Contains(got.Text, c.says) {
					x.Errorf("%+v, want %s", got, c.want)
				}
				if got.Outcome == terminal.Declined && got.Proof != terminal.NotFound || got.Outcome == terminal.Approved && got.Proof != terminal.Query {
					x.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestIdentify(t *testing.T) {
	at(t, sim.Options{Packet: 200}, simulate.Approved, func(c scene) {
		env := c.s.env
		c.s.drop()
		var wrote []string
		dial := env.Dial
		env.Dial = func(ctx context.Context) (terminal.Port, error) {
			p, err := dial(ctx)
			return simulate.Tap(p, func(e simulate.TapEvent) error {
				if e.Op == simulate.WriteOp && !e.After {
					for _, m := range asks() {
						if m.Link == c.k && m.Matches(e.Data) {
							wrote = append(wrote, m.Hex)
							return nil
						}
					}
					c.Errorf("wrote % x", e.Data)
				}
				return nil
			}), err
		}
		id, err := identify(c.Context(), env)
		if err != nil || id.Serial != "53041234" || id.Device != "A920" || len(wrote) != 2 || len(c.Sim.Face().Ledger) != 0 {
			c.Errorf("%+v, %v, wrote %v", id, err, wrote)
		}
	})
}

func TestDescribe(t *testing.T) {
	for want, c := range map[string]struct {
		sent bool
		b    string
	}{
		"[T00 type=01 amount=1250 ref=REF]": {true, framed(string(money("1.35", typeSale, 1250, "REF", "", "")))},
		"[R02 record= number= ref=REF]":     {true, framed(string(query{ref: "REF"}.encode("1.35")))},
		"[A14(9)]":                          {true, framed(string(command("1.35", "A14", "")))},
		`ACK [T01 code=000100 text="NO" type= amount= auth= host= number= ref=] EOT`: {false, "\x06" + framed(body("0/T01/1.43/000100/NO")) + "\x04"},
		"noise(2) NAK damaged(bad check byte, 4) unfinished(2)":                      {false, "zz\x15\x02A\x03A\x02A"},
	} {
		if got := describe(terminal.Serial, c.sent, []byte(c.b)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
