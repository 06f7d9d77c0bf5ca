package daemon

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/herald"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

// lives appends a payment's events to a journal.
func lives(t *testing.T, j *journal.Journal, uuid string, at time.Time, events ...bridge.Event) {
	t.Helper()
	o := bridge.Order{UUID: uuid, Customer: "c", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}}}
	var p bridge.Payment
	for _, e := range append([]bridge.Event{{Kind: bridge.Accept, Order: &o, Reference: "R" + uuid}, {Kind: bridge.Arm, Driver: "yes", Evidence: terminal.C1}, {Kind: bridge.Send}}, events...) {
		e.At = at
		tr, err := bridge.Step(p, e)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		p = tr.After
	}
}

// built is the house of a shop, before anything in it runs.
func (s *shop) built(more string) *house {
	s.t.Helper()
	s.write(s.settings(more))
	o := s.options()
	settings, err := o.load()
	if err != nil {
		s.t.Fatal(err)
	}
	h := o.house(settings)
	if err := h.build(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := h.close(); err != nil {
			s.t.Error(err)
		}
	})
	return h
}

// things is what stands, by key.
func things(t *testing.T, h *house) map[string]herald.Thing {
	t.Helper()
	all, err := h.standing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]herald.Thing{}
	for _, one := range all {
		by[one.Key] = one
	}
	if len(by) != len(all) {
		t.Errorf("%d things have %d keys", len(all), len(by))
	}
	return by
}

func TestStanding(t *testing.T) {
	s := newShop(t)
	h := s.built("")
	if h.herald != nil {
		t.Error("somebody is told of alarms whom the settings do not name")
	}
	at := time.Now().Add(-20 * time.Minute).Truncate(time.Microsecond)
	approval := &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "A1", TxnRef: "T1"}
	lives(t, h.journal, "held", at, bridge.Event{Kind: bridge.Lose, Reason: "the line was lost"}, bridge.Event{Kind: bridge.Ask}, bridge.Event{Kind: bridge.Hold, Reason: "The terminal does not know it."})
	lives(t, h.journal, "owed", at, bridge.Event{Kind: bridge.Conclude, Result: approval})
	lives(t, h.journal, "contrary", at.Add(time.Minute), bridge.Event{Kind: bridge.Conclude, Result: approval}, bridge.Event{Kind: bridge.Late, Result: &terminal.Result{Outcome: terminal.Declined, Proof: terminal.Query}})
	lives(t, h.journal, "told", at, bridge.Event{Kind: bridge.Conclude, Result: approval}, bridge.Event{Kind: bridge.Report})
	h.noticeRefused("owed", 400, "")
	h.clock.told(time.Hour)
	h.clock.told(time.Hour)
	for range wrongMost {
		h.wrong.wrong("127.0.0.0/8")
	}
	h.wrong.look(t.Context())
	i := h.wires["counter"].identity
	if err := i.check(t.Context(), "T1"); err != nil {
		t.Fatal(err)
	}
	if err := i.check(t.Context(), "T2"); err == nil {
		t.Fatal("another terminal was taken")
	}
	by := things(t, h)
	hold, owed, gone := by["hold:held"], by["undelivered"], by["terminal:counter"]
	if hold.Kind != herald.Hold || hold.UUID != "held" || hold.Terminal != "counter" || hold.Amount.Minor != 1250 || !hold.Since.IsZero() ||
		!strings.Contains(hold.Text, "12.50 EUR at terminal counter. The terminal does not know it.") || !strings.HasPrefix(hold.Do, "Do not charge the card again.") {
		t.Errorf("%+v", hold)
	}
	if owed.Kind != herald.Undelivered || !owed.Since.Equal(at) || !strings.Contains(owed.Text, "the outcome of 2 payments") {
		t.Errorf("%+v", owed)
	}
	if gone.Kind != herald.TerminalGone || gone.Terminal != "counter" || gone.Do == "" {
		t.Errorf("%+v", gone)
	}
	kinds := map[string]herald.Thing{}
	for key, one := range by {
		if strings.HasPrefix(key, "alarm:") {
			kinds[one.Kind] = one
		}
	}
	for kind, want := range map[string][2]string{
		journal.AlarmContrary: {"is recorded as approved", "Then clear the alarm on the counter screen"},
		alarmNotice:           {"it answers 400 Bad Request.", "Compare the payment with MGR's own list"},
		alarmOther:            {"It gets no payment.", "Look at the cable"},
		alarmClock:            {"This computer's clock is 1 h 0 min ahead of MGR's.", "Set it right."},
		alarmPasscode:         {"10 calls with a wrong passcode", "The passcode in MGR's payment method"},
	} {
		one := kinds[kind]
		if !strings.Contains(one.Text, want[0]) || !strings.Contains(one.Do, want[1]) || strings.Contains(one.Text, want[1]) || one.Since.IsZero() {
			t.Errorf("%s: %+v", kind, one)
		}
	}
	if len(by) != 8 {
		t.Errorf("%d things stand", len(by))
	}
}

// An alarm whose text has no remedy that is known still says what to do.
func TestPartedOfAnotherText(t *testing.T) {
	if text, do := parted(journal.Alarm{Kind: "odd", Text: "Something."}); text != "Something." || !strings.Contains(do, "counter screen") {
		t.Errorf("%q, %q", text, do)
	}
	if text, do := parted(journal.Alarm{Kind: alarmClock, Text: "Set it right."}); text == "" || do == "" {
		t.Errorf("%q, %q", text, do)
	}
}

func TestOverWords(t *testing.T) {
	s := newShop(t)
	h := s.built("")
	lives(t, h.journal, "paid", time.Now(), bridge.Event{Kind: bridge.Conclude, Result: &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "A1"}})
	for want, e := range map[string]herald.Event{
		"The payment of 12.50 EUR at terminal counter is decided: approved.":  {Kind: herald.Hold, UUID: "paid"},
		"The payment is not on hold any more.":                                {Kind: herald.Hold, UUID: "pruned"},
		"MGR has the outcome of every payment.":                               {Kind: herald.Undelivered},
		"Terminal counter is reached again.":                                  {Kind: herald.TerminalGone, Terminal: "counter"},
		"Terminal attic is not in the settings any more.":                     {Kind: herald.TerminalGone, Terminal: "attic"},
		"The alarm was cleared on the counter screen, or its reason is over.": {Kind: alarmClock},
	} {
		if got := h.over(t.Context(), e); got != want {
			t.Errorf("%+v: %q", e, got)
		}
	}
	if len(things(t, h)) != 2 { // the notice on its way, and the terminal that was not reached yet
		t.Errorf("%v", things(t, h))
	}
}

// From the journal of an earlier run to the owner's web address, with the settings as a shop writes them.
func TestOwnerIsTold(t *testing.T) {
	came := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		came <- r.Header.Get("Authorization") + " " + string(b)
	}))
	defer hook.Close()
	s := newShop(t)
	if err := os.WriteFile(filepath.Join(s.dir, "token"), []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), filepath.Join(s.dir, "journal.db"), journal.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	err = j.RaiseAlarm(t.Context(), journal.Alarm{At: time.Now().Add(-time.Hour), Kind: journal.AlarmContrary, UUID: "u1", Text: "It says " + passcode + " for 4111111111111111. Compare the terminal's own records and put it right by hand."})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.write(s.settings("alarms:\n  shop: Main Street\n  webhook: {url: \"" + hook.URL + "/\", token_file: token}\n  email: {smtp: \"127.0.0.1:1\", tls: none, from: a@example.com, to: [b@example.com]}\n"))
	a := s.start()
	var got struct {
		Version int
		Shop    string
		Events  []herald.Event
	}
	select {
	case text := <-came:
		body, authorised := strings.CutPrefix(text, "Bearer t0ken ")
		if err := json.Unmarshal([]byte(body), &got); err != nil || !authorised {
			t.Fatalf("%v: %s", err, text)
		}
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	e := got.Events[0]
	if got.Version != 1 || got.Shop != "Main Street" || len(got.Events) != 1 || e.State != herald.Raised || e.UUID != "u1" ||
		e.Text != "It says (secret) for ************1111." || !strings.HasPrefix(e.Do, "Compare the terminal's own records") {
		t.Errorf("%+v", got)
	}
	s.saw("the owner was not told yet") // by e-mail, which stops nothing
	if n := s.pay(a, "paid"); n.AuthCode != "A1" {
		t.Errorf("MGR was told %+v", n)
	}
	s.end()
	s.start()
	s.end()
	if len(came) > 0 {
		t.Errorf("told again after a new start: %s", <-came)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "journal.db.told")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("what was told is not kept: %v, %v", info, err)
	}
}
