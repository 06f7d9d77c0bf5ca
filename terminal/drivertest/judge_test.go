package drivertest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// core plays a payment through the real core to the state before its end.
func core(t *testing.T, p payment) bridge.Payment {
	t.Helper()
	order := bridge.Order{UUID: "u", Customer: "c", Terminal: "t", Amount: p.req.Amount}
	events := []bridge.Event{
		{Kind: bridge.Accept, Order: &order, Reference: "R"},
		{Kind: bridge.Arm, Driver: "toy", Evidence: p.evidence, Mark: p.mark},
	}
	if p.seen != nil {
		events = append(events, bridge.Event{Kind: bridge.See, Result: p.seen})
	}
	out, err := bridge.Replay(events)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ends are what the core's states are here.
var ends = map[bridge.State]end{
	bridge.Uncertain: open, bridge.Held: held, bridge.Approved: approved, bridge.Declined: declined, bridge.NotSent: notSent,
}

// TestJudgeIsTheCore compares the battery's judge with bridge.Step on every combination of outcome, proof, evidence, sum, mark and
// recorded result.
func TestJudgeIsTheCore(t *testing.T) {
	compared := 0
	each(func(p payment, r terminal.Result) {
		name := fmt.Sprintf("%s, mark %q, seen %v, %s by %s, %d+%d in %d", p.evidence, p.mark, p.seen, r.Outcome, r.Proof, deref(r.CapturedMinor), r.ExtraMinor, r.CurrencyNumeric)
		start := core(t, p)
		for _, c := range []struct {
			err  error
			kind bridge.EventKind
		}{{nil, bridge.Conclude}, {errors.New("broken"), bridge.Lose}, {terminal.ErrNotSent, bridge.GiveUp}} {
			mine := p
			mine.conclude(r, c.err)
			step, err := bridge.Step(start, bridge.Event{Kind: c.kind, At: time.Unix(1, 0), Result: &r, Reason: "x"})
			if err != nil {
				t.Fatal(err)
			}
			// A result was recorded, so something was sent: the core does not believe otherwise, and the battery blames it.
			if want := ends[step.After.State]; mine.end != want && (c.kind != bridge.GiveUp || p.seen == nil) {
				t.Errorf("%s, %s: judged %s, the core says %s", name, c.kind, mine.end, want)
			}
			compared++
		}
		mine := p
		mine.find(r)
		lost, err := bridge.Step(start, bridge.Event{Kind: bridge.Lose, At: time.Unix(1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		found, err := bridge.Step(lost.After, bridge.Event{Kind: bridge.Find, At: time.Unix(2, 0), Result: &r})
		if err != nil {
			t.Fatal(err)
		}
		if want := ends[found.After.State]; mine.end != want {
			t.Errorf("%s, found: judged %s, the core says %s", name, mine.end, want)
		}
		compared++
	})
	t.Logf("note: %d judgements are those of bridge.Step", compared)
}

func deref(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// each makes all combinations.
func each(f func(payment, terminal.Result)) {
	amount := terminal.Amount{Minor: minor, Currency: euro}
	seens := []*terminal.Result{nil, {Outcome: terminal.Approved, Mark: "2"}, {Outcome: terminal.Declined}, {Outcome: terminal.Approved}}
	const c0, c1, c2, c3, c4 = terminal.C0, terminal.C1, terminal.C2, terminal.C3, terminal.C4
	for _, e := range []terminal.Evidence{c0, c1, c2, c3, c1 | c4, c2 | c4, c3 | c4, c2 | c3, c1 | c2 | c3 | c4} {
		for _, mark := range []terminal.Mark{"", "1"} {
			for _, seen := range seens {
				for o := terminal.Unknown; o <= terminal.Declined; o++ {
					for proof := terminal.NoProof; proof <= terminal.Person; proof++ {
						for _, sum := range []int64{-1, minor, minor + 100, minor - 1} {
							for _, extra := range []int64{0, 100} {
								r := terminal.Result{Outcome: o, Proof: proof, ExtraMinor: extra, Mark: "2", CurrencyNumeric: 978}
								if r.CapturedMinor = &sum; sum < 0 {
									r.CapturedMinor, r.CurrencyNumeric = nil, 756*int(extra/100)
								}
								if sum != minor-1 {
									r.Person = "Anna"
								}
								if mark.Known() {
									r.AuthCode = "651200"
								}
								f(payment{req: terminal.Request{Amount: amount}, evidence: e, mark: mark, seen: seen}, r)
							}
						}
					}
				}
			}
		}
	}
}
