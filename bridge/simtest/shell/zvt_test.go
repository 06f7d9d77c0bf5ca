package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// zvtScripts are the scripts of the simulated terminal in which the bridge is killed at every operation.
var zvtScripts = []string{
	simulate.Approved, simulate.Declined, simulate.LostAck, simulate.KeepOnLoss, simulate.LostReply, simulate.Tip, simulate.Partial,
	simulate.NoStatus,
}

// zvtRun is one run against the ZVT driver and its simulator.
type zvtRun struct {
	link   terminal.LinkKind
	script string
	at     int
	after  bool
	again  int
	repeat bool
}

func (r zvtRun) String() string {
	s := fmt.Sprintf("zvt %s %s, dies at operation %d", r.link, r.script, r.at)
	if r.after {
		s += " (after it)"
	}
	if r.again >= 0 {
		s += fmt.Sprintf(", and in recovery at %d", r.again)
	}
	return s
}

// observer sees what passes over the line: the sale command and the answer to a stated approval, by their
// bytes (PA00P015 ch. 2.2 and 3.2), not by the driver's codec.
type observer struct {
	mu              sync.Mutex
	selling, stated bool
	sales           int
}

// hears is what the terminal says.
func (o *observer) hears(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := bytes.Index(b, []byte{0x04, 0x0F}); i >= 0 && bytes.Contains(b[i:min(len(b), i+12)], []byte{0x27, 0x00}) {
		o.stated = true
	}
}

// watch is what the till is about to say.
func (o *observer) watch(b *Bridge, line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	head := bytes.TrimPrefix(line, []byte{0x10, 0x02})
	if len(head) < 3 {
		return
	}
	newest := func() (bridge.Payment, bool) {
		all, err := b.Journal.Unsettled(context.Background())
		if err != nil || len(all) == 0 {
			return bridge.Payment{}, false
		}
		return all[len(all)-1], true
	}
	switch {
	case head[0] == 0x06 && head[1] == 0x01:
		o.selling, o.stated = true, false
		o.sales++
		if p, ok := newest(); !ok || !p.State.InFlight() {
			b.world.violate("I8: the sale was sent while the journal says %s", p.State)
		}
	case head[0] == 0x80 && o.selling && o.stated:
		o.stated = false
		if p, ok := newest(); !ok || p.Seen == nil || p.Seen.Outcome != terminal.Approved {
			b.world.violate("I8: an approval was acknowledged before it was durable")
		}
	case head[0] == 0x05 || head[0] == 0x06:
		o.selling = false
	}
}

type observedPort struct {
	terminal.Port
	o *observer
}

func (p observedPort) Write(b []byte) (int, error) {
	p.o.hears(b)
	return p.Port.Write(b)
}

func playZVT(t *testing.T, dir string, r zvtRun) (first, second bool) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := zvt.Driver().Simulate(terminal.SimulatorOptions{Currency: eur, Outcome: r.script, Think: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Press(simulate.PressManualSale + ":990"); err != nil {
			t.Fatal(err)
		}
		o := &observer{}
		w := NewWorld(dir, eur, Till{
			Driver: zvt.Driver(), Options: zvt.NewOptions(), Link: r.link, Watch: o.watch,
			Serve: func(ctx context.Context, p terminal.Port) { _ = sim.Serve(ctx, observedPort{p, o}, r.link) },
		})
		order := bridge.Order{UUID: "pay-1", Customer: "cust-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
		var log Story
		got202 := false
		life := func(f *Fuse, asks bool) *Bridge {
			b, err := w.Start(context.Background(), f, &log)
			if err != nil {
				if dead, _ := f.Blown(); !dead {
					t.Fatalf("%s: start: %v\n%s", r, err, log.String())
				}
				return nil
			}
			untilIdle(b)
			if asks {
				err := b.Charge(context.Background(), order)
				got202 = got202 || err == nil
				var refused *bridge.Refusal
				if dead, _ := f.Blown(); err != nil && !dead && !errors.As(err, &refused) {
					t.Fatalf("%s: charge: %v\n%s", r, err, log.String())
				}
			}
			untilSettled(b, order.UUID)
			return b
		}
		f := NewFuse(r.at, r.after)
		b := life(f, true)
		if first, _ = f.Blown(); first {
			stop(b)
			wait(time.Second)
			f = NewFuse(r.again, r.after)
			b = life(f, r.repeat && !got202)
			if second, _ = f.Blown(); second {
				stop(b)
				wait(time.Second)
				b = life(NewFuse(-1, false), r.repeat && !got202)
			}
		}
		checkZVT(t, r, w, sim, o, b, order, got202, log.String())
		stop(b)
		w.Settle()
		synctest.Wait()
	})
	return first, second
}

func checkZVT(t *testing.T, r zvtRun, w *World, sim terminal.Simulator, o *observer, b *Bridge, order bridge.Order, got202 bool, log string) {
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s\nledger %+v\nMGR %+v\n%s", r, fmt.Sprintf(format, args...), sim.Face().Ledger, w.Told(order.UUID), log)
	}
	for _, v := range w.Violations() {
		wrong("%s", v)
	}
	var ours, captured []terminal.Entry
	for _, e := range sim.Face().Ledger {
		if !e.Manual {
			ours = append(ours, e)
			if e.Captured {
				captured = append(captured, e)
			}
		}
	}
	pay, known, err := b.Journal.Payment(context.Background(), order.UUID)
	told := w.Told(order.UUID)
	switch {
	case err != nil:
		wrong("read payment: %v", err)
		return
	case !known && (got202 || len(told) > 0 || len(ours) > 0):
		wrong("I4: the payment is not in the journal (202: %v)", got202)
		return
	case !known:
		return
	}
	if len(captured) > 1 || len(ours) > 1 {
		wrong("I1: %d sales, %d captured", len(ours), len(captured))
	}
	if o.sales > 1 {
		wrong("I9: the sale was sent %d times", o.sales)
	}
	for _, x := range told {
		switch {
		case x.Status != told[0].Status || x.AuthCode != told[0].AuthCode || x.TxnRef != told[0].TxnRef:
			wrong("I5: MGR was told two things")
		case x.Status == "DENIED" && len(captured) > 0:
			wrong("I2: MGR was told DENIED and the money moved")
		case x.Status == "APPROVED" && len(captured) == 0:
			wrong("I3: MGR was told APPROVED and no money moved")
		case x.Status == "APPROVED" && x.AuthCode != captured[0].AuthCode:
			wrong("I3: MGR was told code %q", x.AuthCode)
		}
	}
	if len(captured) > 0 && pay.Outcome == terminal.Approved && pay.Result.Captured(pay.Amount).Minor != captured[0].Minor {
		wrong("I6: the journal says %s", pay.Result.Captured(pay.Amount))
	}
	odd := r.script == simulate.Partial || r.script == simulate.Tip && pay.Seen == nil
	switch {
	case pay.State == bridge.Reported && len(told) == 0:
		wrong("I4: the journal says reported and MGR was told nothing")
	case pay.State == bridge.Held && len(told) > 0:
		wrong("I4: on hold, and MGR was told")
	case pay.State != bridge.Reported && pay.State != bridge.Held:
		wrong("I16: %s five minutes after the faults stopped (%s)", pay.State, pay.Reason)
	case pay.State == bridge.Held && !odd:
		wrong("I16: on hold although the terminal's evidence decides it (%s)", pay.Reason)
	}
	if problems, err := b.Journal.Verify(context.Background()); err != nil || len(problems) > 0 {
		wrong("the journal does not verify: %v %v", problems, err)
	}
}

// TestCrashAtEveryOperationZVT is TestCrashAtEveryOperation with the real driver, on real bytes.
func TestCrashAtEveryOperationZVT(t *testing.T) {
	thorough := os.Getenv("TILLBRIDGE_THOROUGH") != ""
	var mu sync.Mutex
	points, runs := 0, 0
	t.Run("scripts", func(t *testing.T) {
		for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
			for _, script := range zvtScripts {
				t.Run(k.String()+" "+script, func(t *testing.T) {
					t.Parallel()
					n, all := everyPointZVT(t, scratch(t), zvtRun{link: k, script: script, again: -1}, thorough)
					mu.Lock()
					defer mu.Unlock()
					points, runs = points+n, runs+all
				})
			}
		}
	})
	t.Logf("note: zvt crash points: %d single, %d runs with those in recovery, %d scripts over TCP and serial framing", points, runs, len(zvtScripts))
	sampled(t)
}

func everyPointZVT(t *testing.T, dir string, base zvtRun, thorough bool) (points, runs int) {
	play := func(r zvtRun) (bool, bool) {
		runs++
		folder, err := os.MkdirTemp(dir, "run-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		return playZVT(t, folder, r)
	}
	step := 61
	if thorough {
		step = 3
	}
	for at := 0; ; at += stride() {
		blew := false
		for _, after := range []bool{false, true} {
			r := base
			r.at, r.after, r.repeat = at, after, at%2 == 0
			first, _ := play(r)
			blew = blew || first
			if !first || t.Failed() {
				continue
			}
			points++
			if !thorough && at%4 > 0 {
				continue
			}
			for again := at % step; ; again += step {
				q := r
				q.again = again
				if _, second := play(q); !second || t.Failed() {
					break
				}
			}
		}
		if !blew || t.Failed() {
			return points, runs
		}
	}
}
