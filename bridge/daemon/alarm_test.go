package daemon

import (
	"path/filepath"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
)

// state is the state of a payment in the journal.
func (s *shop) state(uuid string) bridge.State {
	s.t.Helper()
	r, err := journal.OpenReadOnly(filepath.Join(s.dir, "journal.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	p, _, err := r.Payment(s.t.Context(), uuid)
	if err != nil {
		s.t.Fatal(err)
	}
	return p.State
}

// The power went after MGR took an outcome that it had refused, and before that alarm was taken away: the next start
// takes it away, and leaves the others.
func TestAlarmOfADeliveredNoticeGoesAtTheNextStart(t *testing.T) {
	s := newShop(t)
	s.write(s.settings(""))
	s.pay(s.start(), "taken")
	for deadline := time.Now().Add(patience); s.state("taken") != bridge.Reported; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the payment is %s", s.state("taken"))
		}
	}
	s.end()
	j, err := journal.Open(t.Context(), filepath.Join(s.dir, "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []journal.Alarm{
		{At: time.Now(), Kind: alarmNotice, UUID: "taken", Text: "MGR refuses"},
		{At: time.Now(), Kind: alarmNotice, UUID: "not there", Text: "MGR refuses"},
		{At: time.Now(), Kind: journal.AlarmContrary, UUID: "taken", Text: "evidence against it"},
	} {
		if err := j.RaiseAlarm(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.end()
	left := s.alarms()
	for _, a := range left {
		if a.Kind == alarmNotice && a.UUID == "taken" {
			t.Errorf("it stands: %+v", a)
		}
	}
	if len(left) != 2 {
		t.Errorf("%d alarms are left, want 2", len(left))
	}
}
