package transbank

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// TestRecoverList asks an Integrado by its list and, where that does not decide, by its last sale.
func TestRecoverList(t *testing.T) {
	closing := func(o *Options) { o.CloseAtTerminal = false }
	for name, c := range map[string]struct {
		records []string
		last    string
		mark    terminal.Mark
		seen    terminal.Outcome
		with    func(*Options)
		want    terminal.Outcome
		proof   terminal.Proof
		asked   bool // for the last sale, which prints
	}{
		"found":                             {records: []string{oldRecord, okRecord}, mark: oldMark, want: terminal.Approved, proof: terminal.LastRecord},
		"found, a sale by hand behind":      {records: []string{oldRecord, okRecord, handRecord}, mark: oldMark, want: terminal.Approved, proof: terminal.LastRecord},
		"found in an empty list":            {records: []string{okRecord}, mark: noneMark, want: terminal.Approved, proof: terminal.LastRecord},
		"found after a close":               {records: []string{okRecord}, mark: oldMark, want: terminal.Approved, proof: terminal.LastRecord},
		"found without a mark":              {records: []string{okRecord}, want: terminal.Approved, proof: terminal.LastRecord},
		"voided since":                      {records: []string{oldRecord, okRecord, voidRecord}, mark: oldMark, seen: terminal.Approved, want: terminal.Declined, proof: terminal.Voided},
		"not found":                         {records: []string{oldRecord}, mark: oldMark, want: terminal.Declined, proof: terminal.UnchangedMark},
		"not found, a sale by hand":         {records: []string{oldRecord, otherRecord}, mark: oldMark, want: terminal.Declined, proof: terminal.UnchangedMark},
		"not found, though approved":        {records: []string{oldRecord}, mark: oldMark, seen: terminal.Approved},
		"a sale of the sum by hand":         {records: []string{oldRecord, handRecord}, mark: oldMark},
		"a sale of the sum, another ticket": {records: []string{oldRecord, strings.Replace(handRecord, "||", "|ZZZZZZ|", 1)}, mark: oldMark},
		"our ticket before the mark":        {records: []string{okRecord, oldRecord}, mark: oldMark},
		"not found, no mark":                {records: []string{oldRecord}, last: noLast, asked: true},
		"closed":                            {last: noLast, mark: oldMark, asked: true},
		"closed, the last sale is ours":     {last: okLast, mark: oldMark, want: terminal.Approved, proof: terminal.LastRecord, asked: true},
		"closed, the last sale is the old":  {last: strings.Replace(oldReply, "0210", "0260", 1), mark: oldMark, want: terminal.Declined, proof: terminal.UnchangedMark, asked: true},
		"closed, another last sale":         {last: strings.Replace(oldReply, "0210|00|597029414300|75001637|000001|111111", "0260|00|597029414300|75001637||444444", 1), mark: oldMark, asked: true},
		"first of the day":                  {last: noLast, mark: noneMark, asked: true},
		"first of the day, closed here":     {mark: noneMark, with: closing, want: terminal.Declined, proof: terminal.UnchangedMark},
		"another terminal":                  {records: []string{oldRecord}, last: noLast, mark: "transbank|99999999|122|111111"},
		"a mark of another driver":          {records: []string{oldRecord}, last: noLast, mark: "ecr17|x", asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			fk := &drivertest.Fake{Script: ordinary(append(slices.Clone(c.records), blankRecord), c.last, nil)}
			o := NewOptions()
			if c.with != nil {
				c.with(o)
			}
			withFake(t, o, fk, func(t *testing.T, s *session) {
				a := terminal.Attempt{Request: request(1250), Mark: c.mark}
				if c.seen != terminal.Unknown {
					a.Seen = &terminal.Result{Outcome: c.seen}
				}
				got, err := s.Recover(t.Context(), a)
				if err != nil || got.Outcome != c.want || got.Proof != c.proof || got.Outcome == terminal.Unknown && got.Text == "" {
					t.Errorf("%+v, %v", got, err)
				}
				if got.Outcome == terminal.Approved && (got.AuthCode != "252985" || *got.CapturedMinor != 1250 || got.Mark != "transbank|75001637|123|252985") {
					t.Errorf("%+v", got)
				}
				if asked := fk.Count("0250") > 0; asked != c.asked {
					t.Errorf("asked for the last sale: %t", asked)
				}
			})
		})
	}
}

// TestRecoverLast asks terminals that tell their last sale only.
func TestRecoverLast(t *testing.T) {
	autoLast := strings.Replace(autoOK, "0210", "0260", 1)
	never := autoOptions()
	never.CloseAtTerminal = false
	for name, c := range map[string]struct {
		o     *Options
		last  string
		mark  terminal.Mark
		want  terminal.Outcome
		proof terminal.Proof
	}{
		"ours":                  {autoOptions(), autoLast, oldMark, terminal.Approved, terminal.LastRecord},
		"ours, the first":       {autoOptions(), autoLast, noneMark, terminal.Approved, terminal.LastRecord},
		"unchanged":             {autoOptions(), autoOld, oldMark, terminal.Declined, terminal.UnchangedMark},
		"a sale in between":     {autoOptions(), strings.Replace(autoOld, "|122|", "|124|", 1), oldMark, terminal.Unknown, terminal.NoProof},
		"closed":                {autoOptions(), "0260|11|597029414300|75001637", oldMark, terminal.Unknown, terminal.NoProof},
		"the first":             {autoOptions(), "0260|11|597029414300|75001637", noneMark, terminal.Unknown, terminal.NoProof},
		"the first, no closing": {never, "0260|11|597029414300|75001637", noneMark, terminal.Declined, terminal.UnchangedMark},
		"no mark":               {autoOptions(), autoOld, "", terminal.Unknown, terminal.NoProof},
		"another terminal":      {autoOptions(), autoOld, "transbank|99999999|122|111111", terminal.Unknown, terminal.NoProof},
		"it does not tell":      {autoOptions(), "0260|12", oldMark, terminal.Unknown, terminal.NoProof},
	} {
		t.Run(name, func(t *testing.T) {
			fk := &drivertest.Fake{Script: ordinary(nil, c.last, nil)}
			withFake(t, c.o, fk, func(t *testing.T, s *session) {
				got, err := s.Recover(t.Context(), terminal.Attempt{Request: request(1250), Mark: c.mark})
				if err != nil || got.Outcome != c.want || got.Proof != c.proof {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

// A list that is not whole proves nothing.
func TestRecoverTorn(t *testing.T) {
	for name, records := range map[string][]string{
		"no end":           {oldRecord},
		"goes on":          {oldRecord, blankRecord, okRecord},
		"damaged tail":     {oldRecord, blankRecord, framed(okRecord, false)[:20]},
		"breaks off":       {oldRecord, framed(okRecord, false)[:40], "-"},
		"damaged for ever": {oldRecord, framed(okRecord, true), framed(okRecord, true), framed(okRecord, true)},
	} {
		t.Run(name, func(t *testing.T) {
			now := []string{oldRecord, blankRecord}
			fk := &drivertest.Fake{}
			fk.Script = func(_ int, said string) []string { return ordinary(now, noLast, nil)(0, said) }
			withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
				fk.Do(func() { now = records })
				if got, err := s.Recover(t.Context(), terminal.Attempt{Request: request(1250), Mark: oldMark}); err == nil {
					t.Errorf("%+v", got)
				}
				fk.Do(func() { now = []string{oldRecord, blankRecord, blankRecord} })
				if got := drivertest.Ask(t, s, terminal.Attempt{Request: request(1250), Mark: oldMark}); got.Proof != terminal.UnchangedMark {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// A result that nobody recorded is not acknowledged while it is asked, and a busy terminal is asked later.
func TestRecoverBusy(t *testing.T) {
	busy := false
	fk := &drivertest.Fake{}
	fk.Script = func(_ int, said string) []string {
		if busy && said == "0100" {
			return []string{okReply}
		}
		return ordinary([]string{oldRecord, blankRecord}, noLast, nil)(0, said)
	}
	withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
		fk.Do(func() { busy = true })
		acks := fk.Count("ACK")
		if got, err := s.Recover(t.Context(), terminal.Attempt{Request: request(1250), Mark: oldMark}); !errors.Is(err, terminal.ErrBusy) || fk.Count("ACK") != acks {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A terminal without the list has the mark from the payments themselves, and its last sale tells of the next.
func TestRecoverWithoutList(t *testing.T) {
	withSim(t, NewOptions(), terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{NoList: true}}, func(t *drivertest.Rig, s *session) {
		if mark, err := s.Mark(t.Context()); !errors.Is(err, terminal.ErrRefused) {
			t.Errorf("mark %q, %v", mark, err)
		}
		r := request(1250)
		first, err := s.Pay(t.Context(), r, &drivertest.Book{})
		if err != nil || !first.Mark.Known() {
			t.Fatalf("%+v, %v", first, err)
		}
		for _, script := range []string{simulate.RebootBefore, simulate.LostReply} {
			if err := t.Sim.Press(script); err != nil {
				t.Fatal(err)
			}
			r.Reference = map[string]string{simulate.RebootBefore: "TB00000002", simulate.LostReply: "TB00000003"}[script]
			if got, err := s.Pay(t.Context(), r, &drivertest.Book{}); err == nil {
				t.Errorf("%s: %+v", script, got)
			}
			got := t.Ask(terminal.Attempt{Request: r, Mark: first.Mark})
			if want := map[string]terminal.Proof{simulate.RebootBefore: terminal.UnchangedMark, simulate.LostReply: terminal.LastRecord}[script]; got.Proof != want {
				t.Errorf("%s: %+v", script, got)
			}
		}
	})
}

// For several merchants a terminal may know only the older form of the list. Then what is not in it is looked for in the last sale.
func TestRecoverSeveralMerchants(t *testing.T) {
	for name, c := range map[string]struct {
		refuses bool
		records []string
		last    string
		proof   terminal.Proof
	}{
		"newer form":               {false, []string{oldRecord, blankRecord}, noLast, terminal.UnchangedMark},
		"older form, found":        {true, []string{oldRecord, okRecord, blankRecord}, noLast, terminal.LastRecord},
		"older form, not in it":    {true, []string{oldRecord, blankRecord}, strings.Replace(okLast, "0260", "0281", 1), terminal.LastRecord},
		"older form, nothing new":  {true, []string{oldRecord, blankRecord}, strings.Replace(oldReply, "0210", "0281", 1), terminal.UnchangedMark},
		"older form, another sale": {true, []string{oldRecord, blankRecord}, strings.Replace(oldReply, "0210|00|597029414300|75001637|000001|111111", "0281|00|597029414300|75001637||444444", 1), terminal.NoProof},
	} {
		fk := &drivertest.Fake{Script: ordinary(c.records, noLast, func(_ int, said string) []string {
			switch {
			case said == "0290|1|" && c.refuses:
				return []string{nak}
			case said == "0290|1|":
				return []string{ack, strings.Replace(c.records[0], "0261", "0291", 1), strings.Replace(c.records[1], "0261", "0291", 1)}
			case said == "0280|0":
				return []string{ack, c.last}
			}
			return nil
		})}
		o := NewOptions()
		o.Commerce = "597029414303"
		withFake(t, o, fk, func(t *testing.T, s *session) {
			if got, err := s.Recover(t.Context(), terminal.Attempt{Request: request(1250), Mark: oldMark}); err != nil || got.Proof != c.proof {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		})
	}
}
