package transbank

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

func autoOptions() *Options { o := NewOptions(); o.Model = Autoservicio; return o }

// TestPay pays at terminals that say various things after 0200.
func TestPay(t *testing.T) {
	damaged := strings.Replace(framed(okReply, false), "1250", "1251", 1)
	otherTicket := strings.Replace(okReply, ticket, "ZZZZZZ", 1)
	for name, c := range map[string]struct {
		say   []string
		want  terminal.Outcome
		fails bool
		sales int // how often 0200 is heard
		naks  int // of ours
		seen  int
	}{
		"approved":                          {[]string{ack, okReply}, terminal.Approved, false, 1, 0, 1},
		"all in one read":                   {[]string{ack + framed("0900|78", false) + framed("0900|82", false) + framed(okReply, false)}, terminal.Approved, false, 1, 0, 1},
		"reply in pieces":                   {[]string{ack, framed(okReply, false)[:30], "+400ms", framed(okReply, false)[30:]}, terminal.Approved, false, 1, 0, 1},
		"the acknowledgement is lost":       {[]string{okReply}, terminal.Approved, false, 1, 0, 1},
		"declined":                          {[]string{ack, badReply}, terminal.Declined, false, 1, 0, 1},
		"short refusal":                     {[]string{ack, "0210|07"}, terminal.Declined, false, 1, 0, 1},
		"short refusal, no acknowledgement": {[]string{"0210|07"}, terminal.Unknown, false, 1, 0, 1},
		"host does not answer":              {[]string{ack, strings.Replace(badReply, "|01|", "|02|", 1)}, terminal.Unknown, false, 1, 0, 1},
		"a code that nobody knows":          {[]string{ack, strings.Replace(badReply, "|01|", "|42|", 1)}, terminal.Unknown, false, 1, 0, 1},
		"approved without a ticket":         {[]string{ack, strings.Replace(okReply, ticket, "", 1)}, terminal.Unknown, false, 1, 0, 1},
		"another ticket, then ours":         {[]string{ack, otherTicket, okReply}, terminal.Approved, false, 1, 0, 1},
		"another ticket only":               {[]string{ack, otherTicket}, terminal.Unknown, true, 1, 0, 0},
		"another terminal":                  {[]string{ack, strings.Replace(okReply, "75001637", "75001638", 1)}, terminal.Unknown, false, 1, 0, 1},
		"refusal with an authorisation":     {[]string{ack, strings.Replace(okReply, "|00|", "|01|", 1)}, terminal.Unknown, false, 1, 0, 1},
		"approval without any number":       {[]string{ack, "0210|00|||" + ticket + "||1250"}, terminal.Unknown, false, 1, 0, 1},
		"damaged once":                      {[]string{ack, damaged, "+1s", okReply}, terminal.Approved, false, 1, 1, 1},
		"damaged four times":                {[]string{ack, damaged, damaged, damaged, damaged}, terminal.Unknown, true, 1, 2, 0},
		"the other rule of check bytes":     {[]string{ack, framed(okReply, true)}, terminal.Unknown, true, 1, 1, 0},
		"silence":                           {nil, terminal.Unknown, true, 1, 0, 0},
		"acknowledged, then silence":        {[]string{ack}, terminal.Unknown, true, 1, 0, 0},
		"NAK for ever":                      {[]string{nak}, terminal.Unknown, true, 3, 0, 0},
		"NAK among noise":                   {[]string{"\xff" + nak}, terminal.Unknown, true, 1, 0, 0},
		"NAK, then noise":                   {[]string{nak, "\xff"}, terminal.Unknown, true, 1, 0, 0},
		"NAK and ACK":                       {[]string{nak + ack}, terminal.Unknown, true, 1, 0, 0},
		"two NAKs":                          {[]string{nak + nak}, terminal.Unknown, true, 1, 0, 0},
		"NAK after ACK":                     {[]string{ack + nak}, terminal.Unknown, true, 1, 0, 0},
		"the line breaks":                   {[]string{ack, "-"}, terminal.Unknown, true, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fk := &drivertest.Fake{Script: ordinary([]string{oldRecord, blankRecord}, noLast, sells(c.say...))}
			withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
				b := &drivertest.Book{}
				got, err := s.Pay(t.Context(), request(1250), b)
				synctest.Wait()
				if (err != nil) != c.fails || errors.Is(err, terminal.ErrNotSent) || got.Outcome != c.want || len(b.Results) != c.seen {
					t.Errorf("%+v, %v; recorded %d", got, err, len(b.Results))
				}
				if fk.Count("0200") != c.sales || fk.Count("NAK") != c.naks {
					t.Errorf("the terminal heard %q", fk.Heard)
				}
				if b.Steps[0].Stage != terminal.Sent {
					t.Errorf("progress %v", b.Steps)
				}
			})
		})
	}
}

// TestPayResult looks at all that an approval tells.
func TestPayResult(t *testing.T) {
	tip := strings.Replace(okReply, "|1250|", "|1350|", 1)
	tip = strings.Replace(tip, "113748|0|0|", "113748|0|100|", 1)
	fk := &drivertest.Fake{Script: ordinary([]string{oldRecord, blankRecord}, noLast, sells(ack, "0900|81|597029414300|75001637", tip))}
	withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
		b := &drivertest.Book{}
		got, err := s.Pay(t.Context(), request(1250), b)
		if err != nil || got.AuthCode != "252985" || got.TxnRef != "000123" || got.TerminalID != "75001637" || got.CardName != "Visa" || got.CardLast4 != "0461" ||
			*got.CapturedMinor != 1350 || got.ExtraMinor != 100 || got.Mark != "transbank|75001637|123|252985" ||
			!got.TerminalTime.Equal(time.Date(2023, time.July, 26, 11, 37, 48, 0, time.Local)) {
			t.Errorf("%+v, %v", got, err)
		}
		if len(b.Steps) != 4 || b.Steps[2] != progressOf("81") || b.Steps[3].Stage != terminal.Acknowledged {
			t.Errorf("progress %v", b.Steps)
		}
	})
}

// A payment is not sent where the amount, the reference or the terminal does not allow it.
func TestPayNotSent(t *testing.T) {
	quiet := false
	fk := &drivertest.Fake{}
	plain := ordinary([]string{oldRecord, blankRecord}, noLast, nil)
	fk.Script = func(_ int, said string) []string {
		if quiet {
			return nil
		}
		return plain(0, said)
	}
	withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
		euros, odd := request(1250), request(1250)
		euros.Amount.Currency = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
		odd.Reference = "12345|7890"
		ended, cancel := context.WithCancel(t.Context())
		defer cancel()
		for name, r := range map[string]terminal.Request{
			"too little": request(49), "too much": request(1_000_000_000), "euros": euros, "a separator in the reference": odd, "a silent terminal": request(1250), "too late": request(1250),
		} {
			fk.Do(func() { quiet = name == "a silent terminal" })
			ctx := t.Context()
			if name == "too late" {
				cancel()
				ctx = ended
			}
			b := &drivertest.Book{}
			if got, err := s.Pay(ctx, r, b); !errors.Is(err, terminal.ErrNotSent) || got.Outcome != terminal.Unknown || len(b.Steps)+len(b.Results) != 0 {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	})
	if n := fk.Count("0200"); n != 0 {
		t.Errorf("0200 was sent %d times", n)
	}
}

// What cannot be recorded is not acknowledged, and a new mark that cannot be recorded sends nothing.
func TestRecordFails(t *testing.T) {
	fk := &drivertest.Fake{Script: ordinary([]string{oldRecord, blankRecord}, noLast, sells(ack, okReply))}
	withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
		before := fk.Count("ACK")
		got, err := s.Pay(t.Context(), request(1250), &drivertest.Book{SeenFails: errors.New("disk full")})
		synctest.Wait()
		if err == nil || got.Outcome != terminal.Unknown || fk.Count("ACK") != before {
			t.Errorf("%+v, %v", got, err)
		}
	})
	last := autoOld
	fk = &drivertest.Fake{}
	fk.Script = func(_ int, said string) []string { return ordinary(nil, last, sells(ack, autoOK))(0, said) }
	withFake(t, autoOptions(), fk, func(t *testing.T, s *session) {
		fk.Do(func() { last = strings.Replace(autoOld, "|122|", "|124|", 1) })
		b := &drivertest.Book{MarkFails: errors.New("disk full")}
		if got, err := s.Pay(t.Context(), request(1250), b); !errors.Is(err, terminal.ErrNotSent) || len(b.Marks) != 1 || fk.Count("0200") != 0 {
			t.Errorf("%+v, %v; marks %q", got, err, b.Marks)
		}
	})
}

// A result that comes again is acknowledged and dropped, and does not end the next payment.
func TestRepeatedResult(t *testing.T) {
	turn := 0
	fk := &drivertest.Fake{}
	plain := ordinary(nil, autoOld, func(_ int, said string) []string {
		if !strings.HasPrefix(said, "0200") {
			return nil
		}
		if turn++; turn == 1 {
			return []string{ack, "0210|07", "+10s", "0210|07"}
		}
		return []string{"0210|07", ack, autoOK}
	})
	fk.Script = plain
	withFake(t, autoOptions(), fk, func(t *testing.T, s *session) {
		if got, err := s.Pay(t.Context(), request(1250), &drivertest.Book{}); err != nil || got.Outcome != terminal.Declined {
			t.Fatalf("%+v, %v", got, err)
		}
		<-time.After(20 * time.Second)
		acks := fk.Count("ACK")
		if got, err := s.Pay(t.Context(), request(1250), &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved {
			t.Errorf("%+v, %v", got, err)
		}
		synctest.Wait()
		if n := fk.Count("ACK") - acks; n != 4 { // the repetition, the last sale, the stale refusal, the result
			t.Errorf("%d acknowledgements: %q", n, fk.Heard)
		}
	})
}

// A terminal that never acknowledges the sale and books it is asked for it once, as programs did that booked three times.
func TestNoAcknowledgement(t *testing.T) {
	for _, script := range []string{simulate.Approved, simulate.Declined} {
		for _, o := range []*Options{NewOptions(), autoOptions()} {
			withSim(t, o, terminal.SimulatorOptions{Outcome: script, Options: sim.Options{NoAck: true, Model: o.Model.String()}}, func(t *drivertest.Rig, s *session) {
				mark, err := s.Mark(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				b, r := &drivertest.Book{}, request(1250)
				got, err := s.Pay(t.Context(), r, b)
				if err != nil || got.Outcome == terminal.Unknown {
					got = t.Ask(terminal.Attempt{Request: r, Mark: mark})
				}
				want := map[string]terminal.Outcome{simulate.Approved: terminal.Approved, simulate.Declined: terminal.Declined}[script]
				if got.Outcome != want || len(t.Booked()) != map[terminal.Outcome]int{terminal.Approved: 1}[want] {
					t.Errorf("%s, %s: %+v; the ledger has %+v", o.Model, script, got, t.Sim.Face().Ledger)
				}
			})
		}
	}
}

// A sale for one of several merchants names it, and a voucher becomes a receipt.
func TestSeveralMerchants(t *testing.T) {
	for _, o := range []*Options{NewOptions(), autoOptions()} {
		o.Commerce, o.Voucher = "597012345678", true
		withSim(t, o, terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{Model: o.Model.String()}}, func(t *drivertest.Rig, s *session) {
			b := &drivertest.Book{}
			got, err := s.Pay(t.Context(), request(1250), b)
			if err != nil || got.Outcome != terminal.Approved || len(b.Receipts) != 1 || b.Receipts[0].Lines[0].Text != "COMERCIO TILLBRIDGE" {
				t.Errorf("%s: %+v, %v, receipts %+v", o.Model, got, err, b.Receipts)
			}
			if e := t.Booked(); len(e) != 1 || e[0].Reference != ticket {
				t.Errorf("%s: %+v", o.Model, e)
			}
		})
	}
}
