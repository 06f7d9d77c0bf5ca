package sim

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// table are the rows of transbank by their id.
func table(t *testing.T) map[string]drivertest.Vector {
	t.Helper()
	return drivertest.ByID(drivertest.Vectors(t, 86, []string{"official.tsv", "ecr.tsv"}, "transbank"))
}

// converse says bytes to a terminal. What it says is acknowledged, if that is wanted.
func converse(t *testing.T, o terminal.SimulatorOptions, acks bool, presses []string, say ...string) (heard string, face terminal.Face) {
	t.Helper()
	answer := func(heard string) string {
		return strings.Repeat(ack, strings.Count(heard, "\x020")+strings.Count(heard, "\x021"))
	}
	if !acks {
		answer = nil
	}
	var all [][]byte
	for _, b := range say {
		all = append(all, []byte(b))
	}
	return drivertest.Converse(t, func() (terminal.Simulator, error) { return New(o) }, terminal.Serial, presses, answer, all...)
}

const ack, nak = "\x06", "\x15"

// TestRequests says every request of the table to a terminal of the model that it is for.
func TestRequests(t *testing.T) {
	rows, said := table(t), 0
	hand := []string{simulate.PressManualSale + ":12345"}
	for id, want := range map[string]struct {
		answer  string // what the answer begins with, behind ACK
		ref     string
		booked  int64
		refuses bool
	}{
		"req-poll": {}, "req-loadkeys": {answer: "\x020810|00|597029414300|75001637\x03"}, "req-normalmode": {},
		"req-lastsale": {answer: "\x020260|00|597029414300|75001637||419600|12345|0||0043|000052|CR|||VI|"}, "req-detail-to-ecr": {answer: "\x020261|00|597029414300|75001637||419600|12345|0043|000052|CR|||VI|"},
		"req-detail-print": {}, "doc-error-detail-request": {}, "req-close": {answer: "\x020510|00|"}, "req-totals": {answer: "\x020710|00|1|12345|"},
		"req-multicode-lastsale": {answer: "\x020281|00|"}, "req-multicode-detail-python": {answer: "\x020291|00|"},
		"req-refund-10": {answer: "\x021210|05|"}, "req-refund-143": {answer: "\x021210|05|"}, "req-refund-c3": {answer: "\x021210|05|"},
		"lrc-example": {answer: "\x020210|00|", booked: 123}, "sale": {answer: "\x020210|00|", ref: "ABC123", booked: 1000},
		"req-doc-lrc-example": {answer: "\x020210|00|", booked: 123},
		"req-sale-node4":      {answer: "\x020900|83\x03", ref: "001230", booked: 25000}, "req-sale-dotnet4": {answer: "\x020900|83\x03", ref: "001230", booked: 25000},
		"req-sale-c3": {answer: "\x020210|00|", ref: "ABC123", booked: 2500}, "req-sale-2026-voucher": {answer: "\x020210|00|", ref: "ABC123", booked: 39000},
		"req-sale-2026-novoucher": {answer: "\x020210|00|", ref: "ABC123", booked: 35000}, "req-multicode-2026": {answer: "\x020271|00|", ref: "ABC123", booked: 8000},
		"req-multicode-dotnet4": {answer: "\x020271|00|", ref: "ABC123", booked: 8000}, "req-multicode-java3": {answer: "\x020271|00|", ref: "ABC123", booked: 8000},
		"doc-error-multicode-lastsale": {refuses: true},
		"auto-req-sale":                {answer: "\x020210|00|", ref: "123456", booked: 1000}, "auto-req-multicode": {answer: "\x020271|00|", ref: "123456", booked: 1000},
		"auto-req-lastsale": {answer: "\x020260|00|597029414300|75001637||419600|12345|0043|52|CR|||VI|"}, "auto-req-close": {answer: "\x020510|00|"}, "auto-req-init": {},
		"auto-req-init-result": {answer: "\x021080|90|01012000|"}, "auto-req-refund": {answer: "\x021210|00|597029414300|75001637|419600|000052"},
	} {
		r, ok := rows[id]
		if !ok || !r.Sent {
			t.Errorf("the table has no request %s", id)
			continue
		}
		said++
		o := terminal.SimulatorOptions{Outcome: simulate.Approved}
		if strings.HasPrefix(id, "auto-") {
			o.Options = Options{Model: "autoservicio"}
		}
		heard, face := converse(t, o, true, hand, string(r.Raw))
		begin := ack + want.answer
		if want.refuses {
			begin = nak
		}
		if !strings.HasPrefix(heard, begin) || want.answer == "" && heard != begin {
			t.Errorf("%s: %q, want %q", id, heard, begin)
		}
		booked, ref := int64(0), ""
		for _, e := range face.Ledger {
			if !e.Manual && e.Kind == simulate.Sale {
				booked, ref = booked+e.Minor, e.Reference
			}
		}
		if booked != want.booked || ref != want.ref {
			t.Errorf("%s: %d pesos are booked under %q, want %d under %q", id, booked, ref, want.booked, want.ref)
		}
	}
	requests := 0
	for id, r := range rows {
		if r.Sent {
			requests++
		} else if _, is := shapes[id]; !is && !strings.HasPrefix(strings.ToLower(r.Column("direction")), "pos>") && !strings.HasPrefix(strings.ToLower(r.Column("direction")), "tpe>") {
			t.Errorf("%s has the direction %q", id, r.Column("direction"))
		}
	}
	if said != requests {
		t.Errorf("%d requests were said, and the table has %d", said, requests)
	}
	t.Logf("note: %d requests of transbank were said to the simulator", said)
}

// shapes are the rows of terminals with which messages of ours are compared: the message for the same data, and the fields that
// the terminal chooses by itself.
var shapes = map[string]struct {
	auto bool
	make func(m *mouth) []byte
	free string // numbers of fields that need not be equal
}{
	"rsp-loadkeys": {false, func(m *mouth) []byte { return m.simple("0810") }, ""},
	"rsp-close":    {false, func(m *mouth) []byte { return append(m.simple("0510"), '|') }, ""},
	"rsp-lastsale-ok": {false, func(m *mouth) []byte {
		return m.sale("0260", record(123, 25000, "001234", "252985", 2023, 7, 26, 11, 37, 48), true, false)
	}, " 9 14 17 "},
	"rsp-detail-2": {false, func(m *mouth) []byte {
		return m.record("0261", record(122, 1500, "012423", "467984", 2023, 7, 20, 12, 37, 0))
	}, " 7 12 "},
	"rsp-detail-4-refund": {false, func(m *mouth) []byte {
		of := record(123, 25000, "001234", "794981", 2023, 7, 28, 17, 21, 29)
		return m.record("0261", &simulate.Record{Kind: simulate.Void, Data: request{of: of}})
	}, " 7 12 "},
	"rsp-refund-ok":           {false, func(m *mouth) []byte { return m.voided("00", "794981", "123") }, ""},
	"auto-rsp-sale-cancelled": {true, func(m *mouth) []byte { return m.refusal(request{fn: "0200"}, "07", 1000) }, ""},
	"auto-rsp-lastsale-ok": {true, func(m *mouth) []byte {
		return m.sale("0260", record(62, 12000, "abc123", "414170", 2025, 10, 28, 17, 47, 56), true, false)
	}, " 3 7 "},
}

func record(number int, minor int64, ref, auth string, year int, month time.Month, day, hour, minute, second int) *simulate.Record {
	return &simulate.Record{
		Kind: simulate.Sale, Number: number, Minor: minor, Ref: ref, AuthCode: auth, At: time.Date(year, month, day, hour, minute, second, 0, time.Local),
	}
}

// TestAnswers compares messages with rows of terminals, field by field.
func TestAnswers(t *testing.T) {
	rows := table(t)
	for id, c := range shapes {
		r, ok := rows[id]
		if !ok {
			t.Errorf("the table has no row %s", id)
			continue
		}
		o := Options{}
		if c.auto {
			o.Model = "autoservicio"
		}
		s, err := New(terminal.SimulatorOptions{Options: o})
		if err != nil {
			t.Fatal(err)
		}
		m := &mouth{b: s.(*simulate.Body), auto: c.auto}
		want := strings.Split(string(r.Raw[1:len(r.Raw)-2]), "|")
		got := strings.Split(string(c.make(m)), "|")
		if c.auto && id == "auto-rsp-lastsale-ok" {
			got = got[:len(want)] // the row ends before the voucher
		}
		if len(got) < len(want) {
			t.Errorf("%s: %d fields, the row has %d", id, len(got), len(want))
			continue
		}
		for i := range want {
			if !strings.Contains(c.free, " "+strconv.Itoa(i)+" ") && strings.TrimSpace(want[i]) != strings.TrimSpace(got[i]) {
				t.Errorf("%s: field %d is %q, the row has %q", id, i, got[i], want[i])
			}
		}
	}
	t.Logf("note: %d answers of transbank compared field by field", len(shapes))
}

// frameOf is a frame of the till's.
func frameOf(body string) string {
	return string(wire.STXFormat{Covers: wire.CoverBodyETX}.Append(nil, []byte(body)))
}

// A result that nobody acknowledges comes three times; meanwhile nothing else is answered, and the sale is booked once.
func TestRepeats(t *testing.T) {
	o := terminal.SimulatorOptions{Outcome: simulate.Approved}
	heard, face := converse(t, o, false, nil, frameOf("0200|1250|ABC123|||0|")+frameOf("0100"))
	if n := strings.Count(heard, "\x020210|00|"); n != 3 || strings.Count(heard, ack) != 1 || len(face.Ledger) != 1 {
		t.Errorf("%q", heard)
	}
	o.Options = Options{NoAck: true}
	if heard, face = converse(t, o, false, nil, frameOf("0200|1250|ABC123|||0|")); strings.Contains(heard, ack) || len(face.Ledger) != 1 {
		t.Errorf("%q", heard)
	}
	o.Options = Options{Hasty: true, TwoBlanks: true}
	heard, _ = converse(t, o, true, nil, frameOf("0200|1250|ABC123|||1|"), frameOf("0260|1|"))
	if strings.Count(heard, "\x020900|") != 4 || strings.Count(heard, "\x020210|00|") != 1 || strings.Count(heard, "\x020261|00|597029414300|75001637| | |") != 2 {
		t.Errorf("%q", heard)
	}
}

// What is sold is told after a power cut and a close, and forgotten in a close where that is wanted.
func TestMemory(t *testing.T) {
	presses := []string{simulate.PressManualSale, simulate.PressCutPower, simulate.PressRestorePower, simulate.PressEndOfDay}
	for _, c := range []struct {
		o    Options
		want string
	}{{Options{}, "\x020260|00|"}, {Options{CloseForgets: true}, "\x020260|11|"}} {
		if heard, _ := converse(t, terminal.SimulatorOptions{Options: c.o}, true, presses, frameOf("0250|")); !strings.Contains(heard, c.want) {
			t.Errorf("%+v: %q", c.o, heard)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, o := range []terminal.SimulatorOptions{
		{Options: Options{Model: "x"}},
		{Options: map[string]string{"model": "x"}},
		{Options: 1},
		{Outcome: simulate.Partial},
		{TerminalID: "123456789"},
		{Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}},
		{Outcome: simulate.Tip, Options: &Options{Model: "autoservicio"}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	for body, want := range map[string]string{
		"0999": nak, "x": nak, "0200|0|A": "0210|72|", "0200|49|A": "0210|10|", "0200|1000000000|A": "0210|68|", "0200|100|ABCDEFG": "0210|70|", "0200": "0210|72|",
		"1200|1|": "1210|05|", "0080": nak,
	} {
		heard, face := converse(t, terminal.SimulatorOptions{Outcome: simulate.Approved}, true, nil, frameOf(body))
		if !strings.Contains(heard, want) || len(face.Ledger) != 0 {
			t.Errorf("%q: %q, want %q", body, heard, want)
		}
	}
	if heard, _ := converse(t, terminal.SimulatorOptions{Outcome: simulate.Timeout, Options: Options{TimeoutCode: "22"}}, true, nil, frameOf("0200|100|A|||0|")); !strings.Contains(heard, "0210|22|") {
		t.Errorf("%q", heard)
	}
}

// wholeSale is a sale from its beginning to its end.
var wholeSale = regexp.MustCompile(`(?s)\x0202[07]0\|[^\x02\x03]*\x03`)

// FuzzTerminal says anything to the terminal: it answers or not, and books nothing but what a whole sale asks for.
func FuzzTerminal(f *testing.F) {
	f.Add(frameOf("0200|1250|ABC123|||1|"), false)
	f.Add(frameOf("1200|52|")+frameOf("0260|1|"), true)
	f.Add("\x06\x15\x02\x02\x03\x01", false)
	f.Fuzz(func(t *testing.T, said string, auto bool) {
		if len(said) > 1<<12 {
			return
		}
		o := terminal.SimulatorOptions{Outcome: simulate.Approved}
		if auto {
			o.Options = Options{Model: "autoservicio"}
		}
		_, face := converse(t, o, false, nil, said, ack)
		if len(face.Ledger) > len(wholeSale.FindAllString(said, -1)) {
			t.Errorf("%q books %+v", said, face.Ledger)
		}
	})
}
