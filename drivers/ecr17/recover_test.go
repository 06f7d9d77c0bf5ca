package ecr17

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// read reads a message as the driver does.
func read(t *testing.T, body string) result {
	t.Helper()
	m, ok := parse([]byte(body))
	if !ok {
		t.Fatalf("%q has no head", body)
	}
	r, ok := readResult(m)
	if !ok {
		t.Fatalf("%q is no result", body)
	}
	return r
}

// keeps stands for a reason that holds with sales at the terminal's own keys only.
const keeps = "decided only where sales come from the till only"

// memoryCase is what a terminal has in its memory, and what that proves.
type memoryCase struct {
	record  string
	seen    string
	busy    bool // it does not say that it is ready
	young   bool
	noMark  bool
	safe    terminal.Outcome // with sales at the terminal's keys
	alone   terminal.Outcome // without
	proof   terminal.Proof
	because string
}

func memoryCases() map[string]memoryCase {
	ok, ko := func(stan, cents string) string { return approved(stan, cents) }, func(stan, cents string) string { return refused(stan, cents, "TRANSAZIONE ANNULLATA") }
	at := func(body, clock string) string { return body[:40] + clock + body[47:] }
	return map[string]memoryCase{
		"unchanged":                        {record: ok(before, "00000990"), safe: terminal.Declined, alone: terminal.Declined, proof: terminal.UnchangedMark},
		"unchanged, shorter":               {record: ok(before, "00000990")[:71], safe: terminal.Declined, alone: terminal.Declined, proof: terminal.UnchangedMark},
		"unchanged, not ready":             {record: ok(before, "00000990"), busy: true, because: "not ready"},
		"unchanged, too early":             {record: ok(before, "00000990"), young: true, because: askLater},
		"unchanged, no mark":               {record: ok(before, "00000990"), noMark: true, because: "not known"},
		"the next, our amount":             {record: ok("000052", "00001250"), safe: terminal.Approved, alone: terminal.Approved, proof: terminal.LastRecord},
		"the next, our amount, too early":  {record: ok("000052", "00001250"), young: true, safe: terminal.Approved, alone: terminal.Approved, proof: terminal.LastRecord},
		"the next, another amount":         {record: ok("000052", "00001390"), because: "another amount"},
		"the next, our amount, no mark":    {record: ok("000052", "00001250"), noMark: true, because: "not known"},
		"the next, no amount":              {record: ok("000052", "00001250")[:71], alone: terminal.Approved, proof: terminal.LastRecord, because: keeps},
		"the next but one":                 {record: ok("000053", "00001250"), alone: terminal.Approved, proof: terminal.LastRecord, because: keeps},
		"the next, at another time":        {record: at(ok("000052", "00001250"), "0011130"), because: "another time"},
		"the next, no time":                {record: at(ok("000052", "00001250"), "0000000"), alone: terminal.Approved, proof: terminal.LastRecord, because: keeps},
		"the next, a day count of 1 more":  {record: at(ok("000052", "00001250"), "002"+clockNow()[3:]), safe: terminal.Approved, alone: terminal.Approved, proof: terminal.LastRecord},
		"a reversal":                       {record: ok("000052", "00000000"), because: "no amount"},
		"refused, our amount":              {record: ko("000052", "00001250"), safe: terminal.Declined, alone: terminal.Declined, proof: terminal.LastRecord},
		"refused, no amount":               {record: ko("000052", "00000000"), alone: terminal.Declined, proof: terminal.LastRecord, because: keeps},
		"refused, another amount":          {record: ko("000052", "00001390"), because: "another amount"},
		"refused, the next but one":        {record: ko("000053", "00001250"), alone: terminal.Declined, proof: terminal.LastRecord, because: keeps},
		"refused, no number":               {record: ko("000000", "00001250"), because: "no number"},
		"refused, no number, too early":    {record: ko("000000", "00001250"), young: true, because: askLater},
		"no number, no mark":               {record: ko("000000", "00001250"), noMark: true, because: "not known"},
		"a code of nobody":                 {record: strings.Replace(ok("000052", "00001250"), "0E00", "0E77", 1), because: "cannot be read"},
		"a pre-authorisation":              {record: "17000001" + "0e00" + strings.Repeat("0", 70) + "000052" + strings.Repeat("0", 18), because: "not that of a sale"},
		"another terminal":                 {record: "17000002" + ok("000052", "00001250")[8:], because: "Another terminal"},
		"another terminal, else unchanged": {record: "17000002" + ok(before, "00000990")[8:], because: "Another terminal"},
		"what was stated":                  {record: ok("000052", "00001250"), seen: ok("000052", "00001250"), noMark: true, safe: terminal.Approved, alone: terminal.Approved, proof: terminal.LastRecord},
		"what was stated, another amount":  {record: ok("000055", "00001251"), seen: ok("000055", "00001251"), safe: terminal.Approved, alone: terminal.Approved, proof: terminal.LastRecord},
		"stated without a number":          {record: ok("000000", "00001250"), seen: ok("000000", "00001250"), safe: terminal.Approved, alone: terminal.Approved, proof: terminal.LastRecord},
		"a stated refusal":                 {record: ko("000052", "00000000"), seen: ko("000052", "00000000"), safe: terminal.Declined, alone: terminal.Declined, proof: terminal.LastRecord},
		"stated, and still the old one":    {record: ok(before, "00000990"), seen: ok("000052", "00001250"), because: "not the one that it stated"},
		"stated, and another one":          {record: ok("000053", "00001250"), seen: ok("000052", "00001250"), because: "not the one that it stated"},
	}
}

// TestDecide is what the terminal's memory proves, for a payment of 12.50 that was armed a quarter of an hour ago, with the mark 000051.
func TestDecide(t *testing.T) {
	ok := approved
	for name, c := range memoryCases() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if !c.young {
					<-time.After(15 * time.Minute)
				}
				for _, standalone := range []bool{true, false} {
					s := &session{o: NewOptions(), log: slog.New(slog.DiscardHandler), began: began, terminalID: "17000001"}
					s.o.Standalone = standalone
					a := terminal.Attempt{Request: sale(1250), Mark: read(t, ok(before, "00000990")).mark()}
					a.Armed = began
					if c.noMark {
						a.Mark = ""
					}
					if c.seen != "" {
						seen := s.judge(read(t, c.seen))
						a.Seen = &seen
					}
					got, why := s.decide(a, read(t, c.record), !c.busy)
					want := c.safe
					if !standalone {
						want = c.alone
					}
					switch {
					case (why == "") != (want != terminal.Unknown), why == "" && (got.Outcome != want || got.Proof != c.proof):
						t.Errorf("standalone %t: %s by %s, %q", standalone, got.Outcome, got.Proof, why)
					case why != "" && c.because != keeps && !strings.Contains(why, c.because):
						t.Errorf("standalone %t: %q", standalone, why)
					case got.Proof == terminal.LastRecord && got.Mark != read(t, c.record).mark():
						t.Errorf("mark %q", got.Mark)
					}
				}
			})
		})
	}
}

// The PC's clock may be wrong: the session has to see the time pass itself.
func TestDecideWaitsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{o: NewOptions(), began: time.Now(), terminalID: "17000001"}
		r := read(t, approved(before, "00000990"))
		a := terminal.Attempt{Request: sale(1250), Mark: r.mark()}
		a.Armed = time.Now().Add(-24 * time.Hour)
		if _, why := s.decide(a, r, true); why != askLater {
			t.Errorf("a clock that was put forward: %q", why)
		}
		a.Armed = time.Now().Add(24 * time.Hour)
		<-time.After(time.Hour)
		if _, why := s.decide(a, r, true); why != askLater {
			t.Errorf("a clock that was put back: %q", why)
		}
	})
}

// A terminal that answers no status request proves nothing by its memory's being unchanged.
func TestRecoverStates(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		text   string
	}{
		"wants a download": {ackBytes + framed(strings.Replace(statusAnswer, "0101000000"+"2", "0101000000"+"5", 1)), "download"},
		"says NAK":         {nakBytes, "does not tell whether it is ready"},
	} {
		t.Run(name, func(t *testing.T) {
			opened := false
			f := &drivertest.Fake{}
			plain := ordinary(approved(before, "00000990"), func(int, byte, string) []string { return nil })
			f.Script = func(line int, said string) []string {
				if opened && len(said) == 10 {
					return []string{c.status}
				}
				return plain(line, said)
			}
			withFake(t, terminal.TCP, NewOptions(), f, func(t *testing.T, s *session) {
				f.Do(func() { opened = true })
				a := terminal.Attempt{Request: sale(1250), Mark: read(t, approved(before, "00000990")).mark()}
				if _, err := s.Recover(t.Context(), a); !errors.Is(err, terminal.ErrBusy) {
					t.Errorf("early: %v", err)
				}
				<-time.After(4 * time.Minute)
				got, err := s.Recover(t.Context(), a)
				if err != nil || got.Outcome != terminal.Unknown || !strings.Contains(got.Text, c.text) {
					t.Errorf("%+v, %v", got, err)
				}
				if f.Count("X", 9)+f.Count("P", 9) > 0 {
					t.Error("recovery moves money")
				}
			})
		})
	}
}

// TestWithoutX plays every script with a terminal that does not know X: its memory names no amount, so that it decides only where
// sales come from the till only.
func TestWithoutX(t *testing.T) {
	probe, err := sim.New(terminal.SimulatorOptions{Options: sim.Options{NoExtended: true}})
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, standalone := range []bool{true, false} {
		for _, k := range links {
			for _, script := range probe.Outcomes() {
				o := NewOptions()
				o.Standalone = standalone
				so := terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond, Options: sim.Options{NoExtended: true}}
				withSim(t, k, o, so, func(r *rig) {
					if got := r.play(); got.Outcome == terminal.Unknown {
						held++
						if !standalone {
							r.Errorf("%s over %s: held: %s", script, k, got.Text)
						}
					}
				})
			}
		}
	}
	t.Logf("note: without X, and with sales at the terminal's keys, %d of %d scripts are held", held, 2*len(probe.Outcomes()))
}

// play makes a payment, asks about it if it must, and compares with the ledger.
func (r *rig) play() terminal.Result {
	t := r.T
	t.Helper()
	mark, err := r.s.Mark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, b := sale(1250), &drivertest.Book{}
	got, err := r.s.Pay(t.Context(), req, b)
	if errors.Is(err, terminal.ErrNotSent) {
		t.Fatal(err)
	}
	if err != nil || got.Outcome == terminal.Unknown {
		r.Press(simulate.PressPlugCable, simulate.PressRestorePower)
		a := terminal.Attempt{Request: req, Mark: mark}
		if n := len(b.Results); n > 0 {
			a.Seen = &b.Results[n-1]
		}
		got = r.Ask(a)
	}
	e := r.ours()
	captured := e != nil && e.Captured
	if got.Outcome == terminal.Approved && (!captured || e.AuthCode != got.AuthCode) || got.Outcome == terminal.Declined && captured {
		t.Errorf("%s by %s with code %q, and the ledger says %+v", got.Outcome, got.Proof, got.AuthCode, e)
	}
	return got
}
