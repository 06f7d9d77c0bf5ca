package transbank

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
)

// TestServices uses everything beside sales, of both models.
func TestServices(t *testing.T) {
	for _, o := range []*Options{NewOptions(), autoOptions()} {
		withSim(t, o, terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{Model: o.Model.String()}}, func(t *drivertest.Rig, s *session) {
			b, r := &drivertest.Book{}, request(1250)
			if h, err := s.Probe(t.Context()); err != nil || !h.Ready || h.TerminalID != "75001637" {
				t.Errorf("probe: %+v, %v", h, err)
			}
			if err := s.Diagnose(t.Context(), b); err != nil {
				t.Errorf("diagnose: %v", err)
			}
			sale, err := s.Pay(t.Context(), r, b)
			if err != nil || sale.Outcome != terminal.Approved {
				t.Fatalf("pay: %+v, %v", sale, err)
			}
			if err := s.Reprint(t.Context(), b); err != nil || len(b.Receipts) != map[Model]int{Autoservicio: 1}[o.Model] {
				t.Errorf("reprint: %v, %+v", err, b.Receipts)
			}
			r.Reference = "TBVOID0001"
			void, err := s.Void(t.Context(), r, sale, b)
			if err != nil || void.Outcome != terminal.Approved || void.AuthCode != sale.AuthCode || len(t.Booked()) != 0 {
				t.Errorf("void: %+v, %v; %+v", void, err, t.Booked())
			}
			if void, err = s.Void(t.Context(), r, sale, b); err != nil || void.Outcome != terminal.Declined || void.Code != "04" {
				t.Errorf("the second void: %+v, %v", void, err)
			}
			sums, err := s.Totals(t.Context())
			if o.Model == Integrado && (err != nil || sums.TotalMinor != 990 || sums.Groups[0].Count != 1) || o.Model == Autoservicio && !errors.Is(err, terminal.ErrRefused) {
				t.Errorf("totals: %+v, %v", sums, err)
			}
			sums, err = s.Settle(t.Context(), b)
			if err != nil || o.Model == Integrado && (sums.TotalMinor != 990 || sums.Mark != noneMark) {
				t.Errorf("settle: %+v, %v", sums, err)
			}
			if mark, err := s.Mark(t.Context()); err != nil || o.Model == Integrado && mark != noneMark {
				t.Errorf("mark after it: %q, %v", mark, err)
			}
		})
	}
}

// A void names a sale that the terminal can find, or is not sent.
func TestVoidNotSent(t *testing.T) {
	fk := &drivertest.Fake{Script: ordinary(nil, autoOld, nil)}
	withFake(t, autoOptions(), fk, func(t *testing.T, s *session) {
		for _, of := range []string{"", "123", "ABC", "1234567"} {
			if got, err := s.Void(t.Context(), request(1250), terminal.Result{TxnRef: of}, &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("%q: %+v, %v", of, got, err)
			}
		}
		if fk.Count("1200") != 0 {
			t.Errorf("%q", fk.Heard)
		}
	})
}

// TestVoidResults looks at what is taken as a void's end.
func TestVoidResults(t *testing.T) {
	for body, want := range map[string]terminal.Outcome{
		"1210|00|c|75001637|794981|123":     terminal.Approved,
		"1210|00|c|75001637|794981|000123|": terminal.Approved,
		"1210|21|c|75001637||123|":          terminal.Declined,
		"1210|05":                           terminal.Declined,
		"1210|02|c|75001637||123|":          terminal.Unknown,
		"1210|00|c|75001637|794981|124":     terminal.Unknown,
		"1210|00":                           terminal.Unknown,
		"1210|42":                           terminal.Unknown,
	} {
		fk := &drivertest.Fake{Script: ordinary([]string{oldRecord, blankRecord}, noLast, func(_ int, said string) []string {
			if said == "1200|000123|" {
				return []string{ack, okReply, body}
			}
			return nil
		})}
		withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
			b := &drivertest.Book{}
			got, err := s.Void(t.Context(), request(1250), terminal.Result{TxnRef: "000123"}, b)
			if err != nil || got.Outcome != want || len(b.Results) != 1 {
				t.Errorf("%q: %+v, %v", body, got, err)
			}
		})
	}
}

// TestRefusedServices asks a terminal that refuses everything.
func TestRefusedServices(t *testing.T) {
	answers := map[string]string{
		"0700": "0710|73", "0500": "0510|02", "0800": "0810|01", "0250": noLast, "0070": "", "0080": "1080|91|06102025|151913",
	}
	for _, o := range []*Options{NewOptions(), autoOptions()} {
		fk := &drivertest.Fake{Script: ordinary([]string{oldRecord, blankRecord}, noLast, func(_ int, said string) []string {
			for request, answer := range answers {
				if strings.HasPrefix(said, request) {
					return []string{ack, answer}
				}
			}
			return nil
		})}
		withFake(t, o, fk, func(t *testing.T, s *session) {
			b := &drivertest.Book{}
			_, totals := s.Totals(t.Context())
			_, settle := s.Settle(t.Context(), b)
			for name, err := range map[string]error{"totals": totals, "settle": settle, "reprint": s.Reprint(t.Context(), b), "diagnose": s.Diagnose(t.Context(), b)} {
				if !errors.Is(err, terminal.ErrRefused) {
					t.Errorf("%s, %s: %v", o.Model, name, err)
				}
			}
		})
	}
}

// An Autoservicio that is still at its initialisation is asked again.
func TestInitialise(t *testing.T) {
	asked := 0
	fk := &drivertest.Fake{Script: ordinary(nil, autoOld, func(_ int, said string) []string {
		switch said {
		case "0070":
			return []string{ack}
		case "0080":
			if asked++; asked > 4 {
				return []string{ack, "1080|90|06102025|151913"}
			}
		case "0800":
			return []string{ack, "0810|00|597029414300|75001637"}
		}
		return nil
	})}
	withFake(t, autoOptions(), fk, func(t *testing.T, s *session) {
		if err := s.Diagnose(t.Context(), &drivertest.Book{}); err != nil {
			t.Errorf("%v; %q", err, fk.Heard)
		}
	})
}

// A terminal that told its list before and says NAK to it now is asked again; one that says NAK to the poll makes no session.
func TestRefusesList(t *testing.T) {
	refuses := false
	fk := &drivertest.Fake{}
	plain := ordinary([]string{oldRecord, blankRecord}, noLast, nil)
	fk.Script = func(_ int, said string) []string {
		if refuses && said != "ACK" && said != "0100" {
			return []string{nak}
		}
		return plain(0, said)
	}
	withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
		fk.Do(func() { refuses = true })
		got, err := s.Recover(t.Context(), terminal.Attempt{Request: request(1250), Mark: oldMark})
		if err == nil || errors.Is(err, terminal.ErrRefused) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		deaf := &drivertest.Fake{Format: ours(), Script: func(int, string) []string { return []string{nak} }}
		env := terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: deaf.Dial(&tasks)}
		if s, err := open(t.Context(), env, NewOptions()); err == nil || errors.Is(err, terminal.ErrRefused) {
			t.Errorf("%v, %v", s, err)
		}
	})
}

// The close is not repeated on silence.
func TestSettleSilence(t *testing.T) {
	fk := &drivertest.Fake{Script: ordinary(nil, autoOld, nil)}
	withFake(t, autoOptions(), fk, func(t *testing.T, s *session) {
		if _, err := s.Settle(t.Context(), &drivertest.Book{}); err == nil || fk.Count("0500") != 1 {
			t.Errorf("%v; %q", err, fk.Heard)
		}
	})
}

// TestOpen looks at what makes no session.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		fk := &drivertest.Fake{Format: ours(), Script: func(int, string) []string { return nil }}
		env := terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: fk.Dial(&tasks)}
		cents, tcp := env, env
		cents.Currency, tcp.Link = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, terminal.TCP
		bad := NewOptions()
		bad.Commerce = "x"
		for name, c := range map[string]struct {
			env     terminal.Env
			options any
			text    string
		}{
			"other options": {env, 1, "options of type int"}, "euros": {cents, NewOptions(), "Chilean peso"}, "TCP": {tcp, NewOptions(), "no TCP form"},
			"a bad option": {env, bad, "commerce"}, "silence": {env, NewOptions(), "does not answer"},
		} {
			if s, err := open(t.Context(), c.env, c.options); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, %v", name, s, err)
			}
		}
		if fk.Count("0100") != link.SendsMost {
			t.Errorf("%q", fk.Heard)
		}
	})
}

// A session that was closed opens no line any more, and a terminal that is another one gets no sale.
func TestClosed(t *testing.T) {
	id := "75001637"
	fk := &drivertest.Fake{}
	fk.Script = func(_ int, said string) []string {
		return ordinary([]string{strings.Replace(oldRecord, "75001637", id, 1), strings.Replace(blankRecord, "75001637", id, 1)}, noLast, sells(ack, okReply))(0, said)
	}
	withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
		s.drop()
		fk.Do(func() { id = "99999999" })
		if got, err := s.Pay(t.Context(), request(1250), &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) || !errors.Is(err, errOther) || fk.Count("0200") != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		_ = s.Close()
		var before, after int
		fk.Do(func() { before = fk.Lines })
		_, err := s.Pay(context.Background(), request(1250), &drivertest.Book{})
		if fk.Do(func() { after = fk.Lines }); !errors.Is(err, terminal.ErrNotSent) || after != before {
			t.Errorf("%v, %d lines", err, after-before)
		}
	})
}

// A list that names two terminals, each as often as the other, tells neither: no sale goes there, whichever is the known one.
func TestTwoTerminalsInAList(t *testing.T) {
	for range 20 { // the order in which they are looked at is by chance
		other := oldRecord
		fk := &drivertest.Fake{}
		fk.Script = func(_ int, said string) []string {
			return ordinary([]string{other, blankRecord}, noLast, sells(ack, okReply))(0, said)
		}
		withFake(t, NewOptions(), fk, func(t *testing.T, s *session) {
			s.drop()
			fk.Do(func() { other = strings.Replace(oldRecord, "75001637", "99999999", 1) })
			if got, err := s.Pay(t.Context(), request(1250), &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) || !errors.Is(err, errFickle) || fk.Count("0200") != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}
