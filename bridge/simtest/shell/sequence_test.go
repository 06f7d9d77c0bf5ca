package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// story is a world with a bridge in it, for tests that tell one sequence of happenings.
type story struct {
	t     *testing.T
	model *Model
	world *World
	b     *Bridge
	log   Story
}

// tell plays a story inside a bubble.
func tell(t *testing.T, class terminal.Evidence, f func(s *story)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &story{t: t, model: NewModel(class)}
		s.world = NewWorld(scratch(t), eur, Till{Driver: ModelDriver(class), Serve: s.model.Serve, Watch: WatchModel})
		s.start()
		f(s)
		s.model.Wait()
		s.b.Stop()
		s.world.Settle()
		s.model.Wait()
		for _, v := range s.world.Violations() {
			t.Error(v)
		}
		if t.Failed() {
			t.Logf("ledger %+v\n%s", s.model.Ledger(), s.log.String())
		}
	})
}

func (s *story) start() {
	s.t.Helper()
	b, err := s.world.Start(context.Background(), NewFuse(-1, false), &s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	s.b = b
}

// ready waits for a terminal that would take a payment.
func (s *story) ready() {
	synctest.Wait() // what is done of the payment before is out of hand
	untilIdle(s.b)
}

func (s *story) order(uuid string) bridge.Order {
	return bridge.Order{UUID: uuid, Customer: "c", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
}

func (s *story) charge(uuid string) error { return s.b.Charge(context.Background(), s.order(uuid)) }

func (s *story) mustCharge(uuid string) {
	s.t.Helper()
	if err := s.charge(uuid); err != nil {
		s.t.Fatalf("charge %s: %v", uuid, err)
	}
}

func (s *story) payment(uuid string) bridge.Payment {
	s.t.Helper()
	p, ok, err := s.b.Journal.Payment(context.Background(), uuid)
	if err != nil || !ok {
		s.t.Fatalf("payment %s: %v %v", uuid, ok, err)
	}
	return p
}

// is checks what MGR was told of a payment in the end: "APPROVED", "DENIED", or "" for a hold.
func (s *story) is(uuid, want string) {
	s.t.Helper()
	untilSettled(s.b, uuid)
	p := s.payment(uuid)
	told := s.world.Told(uuid)
	got := ""
	if len(told) > 0 {
		got = told[len(told)-1].Status
	}
	if got != want || want == "" && p.State != bridge.Held {
		s.t.Errorf("%s: MGR was told %q, want %q; the journal says %s: %s", uuid, got, want, p.State, p.Reason)
	}
}

// refused checks that an order is refused for a reason.
func (s *story) refused(uuid string, want bridge.RefusalKind) {
	s.t.Helper()
	var r *bridge.Refusal
	if err := s.charge(uuid); !errors.As(err, &r) || r.Kind != want {
		s.t.Errorf("%s: %v, want a refusal of kind %d", uuid, err, want)
	}
	if _, known, _ := s.b.Journal.Payment(context.Background(), uuid); known {
		s.t.Errorf("%s was refused and is in the journal", uuid)
	}
}

// unplugDuring pulls the cable while the customer is at the terminal.
func (s *story) unplugDuring() {
	wait(s.model.Think / 2)
	s.world.Unplug(true)
	s.world.Cut()
}

func TestOrdinaryDay(t *testing.T) {
	for _, class := range classes[1:] {
		t.Run(class.String(), func(t *testing.T) {
			tell(t, class, func(s *story) {
				s.model.Decide = func(n int) Decision { return []Decision{Approve, Decline, Tipped, Approve}[n%4] }
				for i, want := range []string{"APPROVED", "DENIED", "APPROVED", "APPROVED"} {
					s.ready()
					uuid := fmt.Sprintf("p%d", i)
					s.mustCharge(uuid)
					s.refused("another", bridge.Busy)
					s.is(uuid, want)
				}
				if n := len(s.model.Ledger()); n != 3 {
					t.Errorf("%d bookings, want 3", n)
				}
			})
		})
	}
}

// A late result of the payment before must not close this one.
func TestStaleResultClosesNothing(t *testing.T) {
	for _, class := range classes[1:] {
		t.Run(class.String(), func(t *testing.T) {
			tell(t, class, func(s *story) {
				s.model.Decide = func(n int) Decision { return []Decision{Approve, Decline}[n%2] }
				s.ready()
				s.mustCharge("p1")
				s.is("p1", "APPROVED")
				s.model.Replay()
				s.ready()
				s.mustCharge("p2")
				s.is("p2", "DENIED")
			})
		})
	}
}

func TestCablePulledDuringPayment(t *testing.T) {
	for _, class := range classes {
		t.Run(class.String(), func(t *testing.T) {
			tell(t, class, func(s *story) {
				s.ready()
				s.mustCharge("p1")
				s.unplugDuring()
				wait(3 * time.Minute)
				if p := s.payment("p1"); !p.State.NotKnown() {
					t.Errorf("with the cable out the payment is %s", p.State)
				}
				s.refused("p2", bridge.Frozen)
				s.world.Unplug(false)
				switch {
				case !class.Has(terminal.C2) && !class.Has(terminal.C3):
					s.is("p1", "")
				case class.Has(terminal.C4):
					s.is("p1", "DENIED") // it was never acknowledged, so the terminal reversed it
				default:
					s.is("p1", "APPROVED")
				}
			})
		})
	}
}

// Time alone decides nothing: a terminal that is away for days leaves the payment unknown.
func TestTimeDecidesNothing(t *testing.T) {
	for _, class := range classes {
		t.Run(class.String(), func(t *testing.T) {
			tell(t, class, func(s *story) {
				s.ready()
				s.mustCharge("p1")
				s.unplugDuring()
				for day := range 3 {
					wait(24 * time.Hour)
					if p := s.payment("p1"); !p.State.NotKnown() || len(s.world.Told("p1")) > 0 {
						t.Fatalf("after %d days the payment is %s, MGR was told %v", day+1, p.State, s.world.Told("p1"))
					}
				}
				s.b.Stop()
				wait(24 * time.Hour)
				s.start()
				wait(time.Hour)
				if p := s.payment("p1"); !p.State.NotKnown() {
					t.Errorf("after a restart the payment is %s", p.State)
				}
			})
		})
	}
}

// A sale at the terminal itself, of the same amount, must not be taken for ours that never arrived.
func TestManualSaleIsNotOurs(t *testing.T) {
	for _, before := range []bool{true, false} {
		for _, class := range []terminal.Evidence{terminal.C2, terminal.C2 | terminal.C4, terminal.C3} {
			t.Run(fmt.Sprintf("%s before=%v", class, before), func(t *testing.T) {
				tell(t, class, func(s *story) {
					s.ready()
					s.mustCharge("p1")
					s.is("p1", "APPROVED")
					s.ready()
					if before {
						s.model.Manual(1250)
						wait(time.Minute)
					}
					s.model.Deaf(true) // the next command is lost on the way
					s.mustCharge("p2")
					wait(time.Second)
					s.world.Unplug(true)
					s.world.Cut()
					if !before {
						s.model.Manual(1250)
						s.model.Manual(1250)
					}
					s.model.Deaf(false)
					wait(time.Minute)
					s.world.Unplug(false)
					if class.Has(terminal.C3) {
						s.is("p2", "DENIED")
					} else {
						s.is("p2", "")
					}
				})
			})
		}
	}
}

// A hold freezes its terminal where the next sale would overwrite the evidence, until a person settles it.
func TestHoldAndPerson(t *testing.T) {
	for _, approved := range []bool{true, false} {
		t.Run(fmt.Sprint("approved=", approved), func(t *testing.T) {
			tell(t, terminal.C1, func(s *story) {
				ctx := context.Background()
				s.ready()
				s.mustCharge("p1")
				s.unplugDuring()
				wait(time.Minute)
				s.world.Unplug(false)
				s.is("p1", "")
				s.refused("p2", bridge.Frozen)
				if got := s.b.Desk.Terminals()[0]; got.Health != bridge.OnHold {
					t.Errorf("the terminal shows %s: %s", got.Health, got.Text)
				}
				var r *bridge.RefusedError
				if err := s.b.Desk.Resolve(ctx, "p1", true, bridge.Person{Name: "Anna", Evidence: "receipt"}); !errors.As(err, &r) {
					t.Errorf("an approval without a code was taken: %v", err)
				}
				who := bridge.Person{Name: "Anna", Evidence: "saw the receipt of card 4111111111111111", AuthCode: "A00101"}
				if err := s.b.Desk.Resolve(ctx, "p1", approved, who); err != nil {
					t.Fatal(err)
				}
				s.is("p1", map[bool]string{true: "APPROVED", false: "DENIED"}[approved])
				if told := s.world.Told("p1"); approved && told[0].AuthCode != "A00101" {
					t.Errorf("MGR was told %+v", told)
				}
				if p := s.payment("p1"); strings.Contains(p.Person.Evidence, "411111") {
					t.Errorf("a card number was kept: %s", p.Person.Evidence)
				}
				if err := s.b.Desk.Resolve(ctx, "p1", !approved, who); !errors.As(err, &r) {
					t.Errorf("a settled payment was settled again: %v", err)
				}
				s.ready()
				s.mustCharge("p2")
				s.is("p2", "APPROVED")
			})
		})
	}
}

// Evidence against what a person settled raises an alarm that stays, and changes nothing.
func TestContraryEvidenceRaisesAnAlarm(t *testing.T) {
	for _, class := range []terminal.Evidence{terminal.C2, terminal.C3} {
		t.Run(class.String(), func(t *testing.T) {
			tell(t, class, func(s *story) {
				ctx := context.Background()
				s.ready()
				s.mustCharge("p1")
				s.unplugDuring()
				wait(time.Minute)
				s.model.Slow(4 * time.Second)
				s.world.Unplug(false)
				untilAsking(s)
				if err := s.b.Desk.Resolve(ctx, "p1", false, bridge.Person{Name: "Anna", Evidence: "the display was dark"}); err != nil {
					t.Fatal(err)
				}
				s.model.Slow(0)
				s.is("p1", "DENIED")
				wait(time.Minute)
				alarms, err := s.b.Journal.Alarms(ctx)
				if err != nil || len(alarms) != 1 || alarms[0].UUID != "p1" {
					t.Errorf("alarms %+v, %v", alarms, err)
				}
				if p := s.payment("p1"); p.Outcome != terminal.Declined || len(s.world.Told("p1")) != 1 {
					t.Errorf("the outcome became %s, MGR was told %v", p.Outcome, s.world.Told("p1"))
				}
			})
		})
	}
}

// untilAsking waits until the terminal is being asked and has not answered yet.
func untilAsking(s *story) {
	s.t.Helper()
	for range 1000 {
		if s.model.Answering() {
			return
		}
		wait(50 * time.Millisecond)
	}
	s.t.Fatal("the terminal was not asked")
}

// The same webhook again sells nothing again; a final outcome is sent again.
func TestRepeatedWebhook(t *testing.T) {
	tell(t, terminal.C2, func(s *story) {
		s.ready()
		s.mustCharge("p1")
		s.mustCharge("p1")
		other := s.order("p1")
		other.Amount.Minor++
		var r *bridge.Refusal
		if err := s.b.Charge(context.Background(), other); !errors.As(err, &r) || r.Kind != bridge.Reused {
			t.Errorf("other content under the uuid: %v", err)
		}
		s.is("p1", "APPROVED")
		s.mustCharge("p1")
		wait(10 * time.Second)
		if told := s.world.Told("p1"); len(told) != 2 || told[0].Status != told[1].Status || told[0].AuthCode != told[1].AuthCode {
			t.Errorf("MGR was told %+v, want the same twice", told)
		}
		if n := len(s.model.Ledger()); n != 1 {
			t.Errorf("%d bookings", n)
		}
	})
}

// A payment whose command met a broken line is unknown until the terminal says that it booked nothing.
func TestCommandIntoABrokenLine(t *testing.T) {
	tell(t, terminal.C2, func(s *story) {
		s.ready()
		s.world.Unplug(true)
		s.world.Cut()
		s.mustCharge("p1") // the bridge has not noticed yet
		wait(10 * time.Minute)
		if p := s.payment("p1"); !p.State.NotKnown() {
			t.Errorf("the payment is %s", p.State)
		}
		s.world.Unplug(false)
		s.is("p1", "DENIED")
		if p := s.payment("p1"); p.Proof != terminal.UnchangedMark {
			t.Errorf("denied by %s", p.Proof)
		}
	})
}

// An order that was accepted and cannot be started in time is denied: nothing was sent.
func TestNeverStarted(t *testing.T) {
	tell(t, terminal.C2, func(s *story) {
		s.ready()
		f := NewFuse(s.b.Fuse.Count()+1, false) // dies right after the order is durable
		s.b.Stop()
		b, err := s.world.Start(context.Background(), f, &s.log)
		if err != nil {
			t.Fatal(err)
		}
		s.b = b
		s.ready()
		_ = s.charge("p1")
		s.b.Stop()
		s.world.Unplug(true)
		s.start()
		s.refused("p2", bridge.Busy)
		s.is("p1", "DENIED")
		if p := s.payment("p1"); p.Proof != terminal.NothingSent {
			t.Errorf("denied by %s", p.Proof)
		}
		wait(time.Minute)
		s.refused("p2", bridge.Unplugged)
	})
}
