package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal/simulate"
)

// foundWithin is how soon a device that came back must be found, DESIGN 4.
const foundWithin = 3 * time.Second

// lunch is how long the device is away once, so long that a bridge which only tries again now and then does so rarely.
const lunch = 20 * time.Second

// TestPlugAnywhere boots a Linux with two USB serial adapters, TB0001 with a simulated ZVT terminal behind it and
// TB0002, which is not the terminal's. The bridge runs in there and knows its terminal by that serial number. The adapter
// is unplugged at every phase of a payment, comes back under another name, and three ledgers are compared at the end.
//
// It needs TILLBRIDGE_VM, the folder with the guest's image that .ci/vm makes, and QEMU.
func TestPlugAnywhere(t *testing.T) {
	folder := os.Getenv("TILLBRIDGE_VM")
	if folder == "" {
		t.Skip("skipped: TILLBRIDGE_VM does not name the folder of a guest's image; .ci/vm makes one and runs this test")
	}
	began := time.Now()
	s := openPlugShop(t, folder)
	booted := time.Since(began)
	s.withoutDevice()
	s.payment("nothing is unplugged", simulate.Approved)
	s.payment("nothing is unplugged, declined", simulate.Declined)
	for range 2 {
		s.idle(false)
	}
	for range 2 {
		s.idle(true)
	}
	s.payment("after unplugged in idle", simulate.Approved)
	s.afterAccepted()
	for _, p := range []struct {
		phase  string
		at     cutMoment
		script string
	}{
		{"unplugged in the sale command's first bytes", cutCommand, simulate.Approved},
		{"unplugged after the line's acknowledgement", cutAck, simulate.Approved},
		{"unplugged after the terminal's answer", cutAnswer, simulate.Approved},
		{"unplugged when a result was sent", cutStated, simulate.Approved},
		{"unplugged when a refusal was sent", cutStated, simulate.Declined},
		{"unplugged when the acknowledgement was sent", cutVoteLost, simulate.Approved},
		{"unplugged when the acknowledgement arrived", cutVoted, simulate.Approved},
		{"unplugged before the completion", cutEnd, simulate.Approved},
		{"unplugged before the end of a refusal", cutEnd, simulate.Declined},
	} {
		s.cutOff(p.phase, p.at, p.script, 0)
	}
	s.cutOff("unplugged for long, the acknowledgement sent", cutVoteLost, simulate.Approved, lunch)
	s.whileCard()
	s.inRecovery("unplugged when asked whether it is ready", cutEnquiry, simulate.LostReply)
	s.inRecovery("unplugged when asked for its last sale", cutRecord, simulate.LostReply)
	s.payment("after all of it", simulate.Approved)
	outcomes := s.judge()
	s.figures(outcomes, booted, time.Since(began))
}

// withoutDevice looks at a bridge that was started without the terminal's adapter, and plugs that in.
func (s *plugShop) withoutDevice() {
	s.t.Helper()
	_, status, said := s.charge(1250)
	if status != http.StatusServiceUnavailable || !strings.Contains(said, "cannot be reached") || !strings.Contains(said, "Nothing was charged") {
		s.t.Errorf("without the device MGR was answered %d %q", status, said)
	}
	s.until("the bridge says that the terminal is not reached", func() bool {
		return slices.ContainsFunc(s.log, func(l string) bool { return strings.Contains(l, "terminal not reached") })
	})
	s.t.Logf("without the device: %d %s", status, said)
	s.shuffle() // the second adapter is there first, and has the name that the terminal's could have
	s.plugIdle()
}

// plugIdle plugs the adapter in while no payment is in hand, and measures until the door takes one.
func (s *plugShop) plugIdle() {
	s.t.Helper()
	s.plug()
	at := s.isReady()
	s.ready = append(s.ready, at.Sub(s.spoken()))
}

// payment makes a payment in which nothing is done to the line.
func (s *plugShop) payment(phase, script string) {
	s.t.Helper()
	uuid, minor := s.ask(phase, cutNever, script)
	s.settle(phase, uuid, script, minor)
	s.isReady()
}

// ask lets MGR ask for a payment that must be taken.
func (s *plugShop) ask(phase string, at cutMoment, script string) (uuid string, minor int64) {
	s.t.Helper()
	if err := s.sim.Press(script); err != nil {
		s.t.Fatal(err)
	}
	s.d.begin(at)
	minor = 1000 + int64(s.n)
	uuid, status, said := s.charge(minor)
	if status != http.StatusAccepted {
		s.t.Fatalf("%s: the door answered %d %s", phase, status, said)
	}
	return uuid, minor
}

// idle unplugs the adapter while nothing is in hand and plugs it in again, under another name where wanted.
func (s *plugShop) idle(rename bool) {
	s.t.Helper()
	s.cable.unplug()
	s.out("idle")
	s.answers(http.StatusServiceUnavailable)
	if rename {
		s.shuffle()
	}
	s.plugIdle()
}

// back plugs the adapter in again, in another surrounding, and waits until the bridge has found it.
func (s *plugShop) back(phase string) {
	s.t.Helper()
	s.out(phase)
	s.shuffle()
	s.plug()
	s.spoken()
}

// cutOff unplugs at a moment of a payment's dialogue, and lets the device be away for a while more than it takes to put
// the second one in its place.
func (s *plugShop) cutOff(phase string, at cutMoment, script string, away time.Duration) {
	s.t.Helper()
	uuid, minor := s.ask(phase, at, script)
	s.out(phase)
	idleFor(away, s.g.ended)
	s.back(phase)
	s.settle(phase, uuid, script, minor)
	s.isReady()
}

// afterAccepted unplugs as soon as MGR has its 202, wherever the dialogue is then.
func (s *plugShop) afterAccepted() {
	s.t.Helper()
	const phase = "unplugged after the 202"
	uuid, minor := s.ask(phase, cutNever, simulate.Approved)
	s.cable.unplug()
	s.back(phase)
	s.settle(phase, uuid, simulate.Approved, minor)
	s.isReady()
}

// whileCard unplugs while the terminal waits for a card, which is presented once it is plugged in again.
func (s *plugShop) whileCard() {
	s.t.Helper()
	const phase = "unplugged while a card is waited for"
	uuid, minor := s.ask(phase, cutCard, simulate.PressByHand)
	s.back(phase)
	if err := s.sim.Press(simulate.PressTap); err != nil {
		s.t.Errorf("%s: the terminal does not wait for a card any more: %v", phase, err)
	}
	s.settle(phase, uuid, simulate.Approved, minor)
	s.isReady()
}

// inRecovery lets the line break after the booking, and unplugs again while the bridge asks what became of it.
func (s *plugShop) inRecovery(phase string, at cutMoment, script string) {
	s.t.Helper()
	uuid, minor := s.ask(phase, cutNever, script)
	s.out(phase)
	s.d.aim(at)
	s.plug() // to be unplugged at once
	s.back(phase)
	s.settle(phase, uuid, script, minor)
	s.isReady()
}

// figures prints what was measured and holds it against its limit.
func (s *plugShop) figures(outcomes map[string]int, booted, all time.Duration) {
	s.t.Helper()
	worst := func(d []time.Duration) time.Duration { return slices.Max(append(slices.Clone(d), 0)) }
	middle := func(d []time.Duration) time.Duration {
		d = slices.Sorted(slices.Values(d))
		return d[len(d)/2]
	}
	if s.moved == 0 || s.taken == 0 {
		s.t.Errorf("the adapter came back under another name %d times, the second one had its old name %d times; the test wants both", s.moved, s.taken)
	}
	var told []string
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		told = append(told, fmt.Sprintf("%d %s", outcomes[o], o))
	}
	load := "?"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
	}
	s.t.Logf("note: plug anywhere: %d payments, %d plugged in, %d times under another name, %d times with the second adapter under the old one, %s; from the device's appearance to the first byte: median %.2f s, worst %.2f s; to ready: worst %.2f s; served after %.0f s, %.0f s in all; load %s on %d cores",
		len(s.done), len(s.found), s.moved, s.taken, strings.Join(told, ", "), middle(s.found).Seconds(), worst(s.found).Seconds(), worst(s.ready).Seconds(),
		booted.Seconds(), all.Seconds(), load, runtime.NumCPU())
	for _, d := range [][]time.Duration{s.found, s.ready} {
		// An emulator that has to wait for its turn stands still for seconds, and the bridge in it too.
		total, err := strconv.ParseFloat(load, 64)
		busy := err == nil && total > 2.5*float64(runtime.NumCPU())
		switch late := worst(d) > foundWithin; {
		case late && busy && middle(d) <= foundWithin:
			s.t.Logf("note: plug anywhere: the worst of %s is not judged, this machine is busy with other things", d)
		case late:
			s.t.Errorf("found again only after %s", d)
		}
	}
}
