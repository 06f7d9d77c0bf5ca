package drivertest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// onRig runs f with the toy driver.
func onRig(t *testing.T, k terminal.LinkKind, script string, f func(r *Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(NewRig(t, RigOptions{
			Driver: toyDriver(terminal.C2|terminal.C4, ""), Link: k, Currency: euro, Simulator: terminal.SimulatorOptions{Outcome: script, Think: think}, Earlier: 990,
		}))
	})
}

func TestRig(t *testing.T) {
	for script, want := range map[string]terminal.Outcome{simulate.Approved: terminal.Approved, simulate.Declined: terminal.Declined} {
		for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
			onRig(t, k, script, func(r *Rig) {
				known, err := r.Session.(terminal.Marker).Mark(r.Context())
				if err != nil || known != "1" {
					r.Fatalf("the mark of the sale by hand: %q, %v", known, err)
				}
				b, req := &Book{}, terminal.Request{Reference: "R", Amount: terminal.Amount{Minor: minor, Currency: euro}}
				got, err := r.Session.Pay(r.Context(), req, b)
				if err != nil || got.Outcome != want || len(b.Results) != 1 || b.Told(terminal.Started) != 1 || len(r.Booked()) != len(r.Sales()) || len(r.Sales()) != map[string]int{simulate.Approved: 1}[script] {
					r.Errorf("%s over %s: %+v, %v; %+v", script, k, got, err, r.Sim.Face().Ledger)
				}
				r.Press(simulate.PressPullCable)
				if _, err := r.Env.Dial(r.Context()); err == nil {
					r.Error("a line without a cable")
				}
				time.AfterFunc(20*time.Second, func() { r.Press(simulate.PressPlugCable) })
				if got := r.Ask(b.Attempt(req, known)); got.Outcome != want || r.Dials() < 2 {
					r.Errorf("%s over %s, asked: %+v after %d lines", script, k, got, r.Dials())
				}
			})
		}
	}
}

func TestBook(t *testing.T) {
	boom, told := errors.New("boom"), ""
	b := &Book{SeenFails: boom, OnSeen: func(r terminal.Result) { told += r.Outcome.String() }, OnProgress: func(p terminal.Progress) { told += " " + p.Stage.String() }}
	r := terminal.Request{Reference: "R"}
	if a := b.Attempt(r, "old"); a.Mark != "old" || a.Seen != nil || a.Reference != "R" {
		t.Errorf("%+v", a)
	}
	if err := b.Seen(terminal.Result{Outcome: terminal.Approved}); err != boom {
		t.Error(err)
	}
	b.Progress(terminal.Progress{Stage: terminal.Sent})
	b.Receipt(terminal.Receipt{})
	if b.Mark("new") != nil || told != "approved sent" || len(b.Receipts) != 1 || b.Told(terminal.Sent) != 1 || b.Told(terminal.Started) != 0 {
		t.Errorf("%q, %+v", told, b.Steps)
	}
	b.MarkFails = boom
	if a := b.Attempt(r, "old"); a.Mark != "new" || a.Seen == nil || a.Seen.Outcome != terminal.Approved || b.Mark("") != boom || b.last() != terminal.Approved || b.other(terminal.Approved) || !b.other(terminal.Declined) {
		t.Errorf("%+v", a)
	}
}

func TestFake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		f := &Fake{Format: wire.STXFormat{Covers: wire.CoverBodyETX}, Frame: func(p string) string { return "<" + p + ">" }}
		f.Script = func(line int, said string) []string {
			if said == "BYE" {
				return []string{"-", "never"}
			}
			return []string{fmt.Sprintf("%d %s", line, said), "+3s", "late"}
		}
		for line := 1; line <= 2; line++ {
			p, err := f.Dial(&tasks)(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			begin, heard := time.Now(), ""
			say := func(b []byte) {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			say(append([]byte{wire.ACK, wire.NAK}, f.Format.Append(nil, []byte("BYE"))...))
			for buf := make([]byte, 99); ; {
				n, err := p.Read(buf)
				if heard += string(buf[:n]); err != nil {
					break
				}
			}
			if want := fmt.Sprintf("<%d ACK><late><%d NAK><late>", line, line); heard != want || time.Since(begin) != 6*time.Second {
				t.Errorf("%q after %s, want %q", heard, time.Since(begin), want)
			}
			_ = p.Close()
		}
		if f.Count("ACK") != 2 || f.Count("YE") != 0 || f.Count("YE", 1, 9) != 2 {
			t.Errorf("%q", f.Heard)
		}
		f.Do(func() {
			if f.Lines != 2 {
				t.Errorf("%d lines", f.Lines)
			}
		})
	})
}

func TestConverse(t *testing.T) {
	sim := func() (terminal.Simulator, error) {
		return newToySim(terminal.C4, terminal.SimulatorOptions{Currency: euro, Outcome: simulate.Approved, Think: think})
	}
	ack := string(toyFrame("ACK", "R"))
	for name, c := range map[string]struct {
		answer func(string) string
		want   []string
		books  int
	}{
		"nobody answers":       {nil, []string{"OK R", "RES R", "RES R", "RES R"}, 1},
		"each is acknowledged": {func(h string) string { return strings.Repeat(ack, strings.Count(h, "RES")) }, []string{"OK R", "RES R", "DONE R"}, 2},
	} {
		heard, face := Converse(t, sim, terminal.Serial, []string{handSale(990)}, c.answer, toyFrame("PAY", "R", minor))
		var got []string
		for line := range strings.Lines(heard) {
			w, _ := toyLine([]byte(line))
			got = append(got, strings.Join(w[:2], " "))
		}
		if !reflect.DeepEqual(got, c.want) || len(face.Ledger) != c.books {
			t.Errorf("%s: %q, %+v", name, got, face.Ledger)
		}
	}
	if _, err := told(closedPipe(), []byte("x"), nil); err == nil {
		t.Error("said on a closed line")
	}
}

func closedPipe() *simulate.PipeEnd {
	near, _ := simulate.Pipe()
	_ = near.Close()
	return near
}
