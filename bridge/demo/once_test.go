package demo

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/drivers/caisseap"
	"tillbridge/drivers/manual"
	"tillbridge/drivers/telium"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// safeBuffer may be written by several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestRunOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, c := range []struct {
		outcome string
		tcp     bool
		want    []string
	}{
		{simulate.Approved, false, []string{"told APPROVED", "They agree."}},
		{simulate.Declined, true, []string{"told DENIED", "They agree."}},
		{simulate.Cancelled, false, []string{"told DENIED", "They agree."}},
		{simulate.LostReply, true, []string{"told APPROVED", "terminal's last transaction", "They agree."}},
		{simulate.CablePulled, true, []string{"comes out", "plugged in again", "They agree."}},
		{simulate.PowerCut, true, []string{"kill -9", "started again", "told APPROVED", "They agree."}},
		{simulate.WrongAmount, true, []string{"held: Payment ", "They agree."}},
		{mgrDown, false, []string{"it answers 503", "told APPROVED", "They agree."}},
		{bridgeKilled, true, []string{"kill -9", "started again", "They agree."}},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			t.Parallel()
			out, log := &safeBuffer{}, &safeBuffer{}
			err := Run(t.Context(), Options{
				Driver: zvt.Driver(), Out: out, Start: startChild(log), Once: &Once{Amount: "12.50", Outcome: c.outcome}, TCP: c.tcp,
				mendWait: time.Second,
			})
			if err != nil {
				t.Error(err)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not told", w)
				}
			}
			if t.Failed() || os.Getenv("DEMO_STORY") != "" {
				t.Logf("the story:\n%s\nthe bridge's log:\n%s", out, log)
			}
		})
	}
}

// Drivers of other kinds: with an option that has no default, without a mark, with another currency.
func TestRunOnceDrivers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	pounds := terminal.Currency{Code: "GBP", Numeric: 826, Digits: 2}
	for _, c := range []struct {
		name    string
		o       Options
		outcome string
		want    []string
	}{
		{"telium in France", Options{Driver: telium.Driver()}, simulate.Approved, []string{"asks for 12.50 EUR", "told APPROVED", "They agree."}},
		{
			"telium in the United Kingdom",
			Options{Driver: telium.Driver(), Currency: pounds, Settings: map[string]string{"dialect": "uk"}, TCP: true},
			simulate.LostReply,
			[]string{"asks for 12.50 GBP", "terminal's last transaction", "told APPROVED", "They agree."},
		},
		{
			"no paper",
			Options{Driver: manual.Driver()},
			simulate.LostReply,
			[]string{"NO PAPER", "cannot tell", "settles the payment: charged", "told APPROVED", "a person looked", "They agree."},
		},
		{
			"the bridge is killed beside the clerk",
			Options{Driver: manual.Driver()},
			bridgeKilled,
			[]string{"keys it in", "kill -9", "does not answer", "settles the payment: charged", "told APPROVED", "They agree."},
		},
		{
			"no power before anything is booked",
			Options{Driver: manual.Driver(), Currency: pounds},
			simulate.PowerCutBefore,
			[]string{"kill -9", "settles the payment: not charged", "told DENIED", "They agree."},
		},
		{
			"another amount is printed",
			Options{Driver: manual.Driver()},
			simulate.WrongAmount,
			[]string{"AMOUNT: 12.51 EUR", "leaves the payment on hold", "held: Payment ", "They agree."},
		},
		{"caisseap", Options{Driver: caisseap.Driver(), TCP: true}, simulate.LostReply, []string{"duplicata", "held: ", "They agree."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, log := &safeBuffer{}, &safeBuffer{}
			o := c.o
			o.Out, o.Start, o.Once, o.mendWait = out, startChild(log), &Once{Amount: "12.50", Outcome: c.outcome}, time.Second
			if err := Run(t.Context(), o); err != nil {
				t.Error(err)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not told", w)
				}
			}
			if t.Failed() {
				t.Logf("the story:\n%s\nthe bridge's log:\n%s", out, log)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	start := startChild(&safeBuffer{})
	yen := terminal.Currency{Code: "JPY", Numeric: 392, Digits: 0}
	for name, o := range map[string]Options{
		"two lines":       {Driver: telium.Driver(), Settings: map[string]string{"dialect": "uk\nlisten: 0.0.0.0:80"}},
		"no key":          {Driver: telium.Driver(), Settings: map[string]string{"": "uk"}},
		"no such dialect": {Driver: telium.Driver(), Settings: map[string]string{"dialect": "xx"}},
		"half a yen":      {Driver: telium.Driver(), Currency: yen},
	} {
		o.Start, o.Once = start, &Once{Amount: "12.50"}
		if err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	lonely := manual.Driver()
	lonely.Simulate = zvt.Driver().Simulate
	if err := Run(t.Context(), Options{Driver: lonely, Start: start, Once: &Once{Amount: "12.50"}}); err == nil || !strings.Contains(err.Error(), "plays nobody") {
		t.Errorf("a terminal without a line and without a clerk: %v", err)
	}
	o := Options{Driver: telium.Driver(), Settings: map[string]string{"dialect": "uk", "payment_timeout": "200s"}}
	choices, err := o.Outcomes()
	if err != nil || !slices.ContainsFunc(choices, func(c simulate.Choice) bool { return c.Name == simulate.Referral }) {
		t.Errorf("the British outcomes: %+v, %v", choices, err)
	}
	w := &world{Options: Options{Driver: zvt.Driver(), Currency: yen}, sim: nil}
	if w.sim, err = w.simulator(0); err != nil {
		t.Fatal(err)
	}
	if m := w.menu(); m.Currency != "JPY" || m.Amount != "1250" {
		t.Errorf("%+v", m)
	}
}
