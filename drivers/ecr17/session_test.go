package ecr17

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// TestGolden is what the driver writes, by the positions of the sheet.
func TestGolden(t *testing.T) {
	r := register{terminalID: "12345678", cashRegister: "00000001"}
	blanks := strings.Repeat(" ", 128)
	for want, got := range map[string][]byte{
		"123456780s": r.status(),
		"123456780X" + "00000001" + "0" + "00" + "0" + "0" + "00001250" + blanks + "00000000":                      r.sale(codeExtended, 1250, ""),
		"123456780P" + "00000001" + "0" + "00" + "0" + "0" + "99999999" + blanks[:118] + "TB00000001" + "00000000": r.sale(codePayment, maxMinor, "TB00000001"),
		"123456780S" + "00000001" + "000123" + "0" + "0":                                                           r.reversal("000123"),
		"123456780G" + "00000001" + "0" + "000":                                                                    r.last(),
		"123456780T" + "00000001" + "0" + "0000000":                                                                r.totals(),
		"123456780C" + "00000001" + "0" + "0000000":                                                                r.closing(),
		"123456780E1":                           r.receipts(),
		"123456780R" + "1" + "0" + "0000000000": r.reprint(true),
		"123456780R" + "0" + "0" + "0000000000": r.reprint(false),
	} {
		if string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := r.sale(codePayment, 1, "città\x02"+strings.Repeat("x", 200)); len(got) != 167 || strings.ContainsAny(string(got), "\x02à") {
		t.Errorf("%q", got)
	}
	if got := format(wire.CoverAll, true).Append(nil, r.last()); got[len(got)-1] != 0x00 { // 7F ^ all of it, by hand
		t.Errorf("% x", got)
	}
}

// The coverage of the check byte is found by the status request, and kept.
func TestGreet(t *testing.T) {
	for lrc, want := range map[string]wire.Covers{"full": wire.CoverAll, "no-stx": wire.CoverBodyETX, "text": wire.CoverBody, "no-etx": wire.CoverSTXBody} {
		for _, k := range links {
			for _, told := range []bool{false, true} {
				o := NewOptions()
				if told {
					if err := o.LRC.UnmarshalText([]byte(lrc)); err != nil {
						t.Fatal(err)
					}
				}
				withSim(t, k, o, terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{LRC: lrc}}, func(r *rig) {
					if r.s.lrc != (LRC{want, true}) {
						r.Errorf("%s over %s: %+v", lrc, k, r.s.lrc)
					}
					if got, err := r.s.Pay(r.Context(), sale(1250), &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved {
						r.Errorf("%s over %s: %+v, %v", lrc, k, got, err)
					}
				})
			}
		}
	}
}

// One damaged bit makes one coverage look like another one: the terminal is asked again.
func TestGreetDamaged(t *testing.T) {
	answers := 0
	f := &drivertest.Fake{Script: func(_ int, said string) []string {
		if len(said) != 10 {
			return nil
		}
		frame := []byte(framed(statusAnswer))
		if answers++; answers == 1 {
			frame[len(frame)-1] ^= 2
		}
		return []string{ackBytes + string(frame)}
	}}
	withFake(t, terminal.Serial, NewOptions(), f, func(t *testing.T, s *session) {
		f.Do(func() {
			if s.lrc != (LRC{wire.CoverAll, true}) || answers != 2 {
				t.Errorf("%+v after %d answers", s.lrc, answers)
			}
		})
	})
}

func TestOpenFails(t *testing.T) {
	dollars := terminal.Currency{Code: "USD", Numeric: 840, Digits: 2}
	for name, c := range map[string]struct {
		cur    terminal.Currency
		o      any
		script func(int, string) []string
	}{
		"another currency":  {dollars, NewOptions(), nil},
		"options of others": {euros, 1, nil},
		"NAK to everything": {euros, NewOptions(), func(int, string) []string { return []string{nakBytes} }},
		"silence":           {euros, NewOptions(), func(int, string) []string { return nil }},
		"closes at once":    {euros, NewOptions(), func(int, string) []string { return []string{"-"} }},
	} {
		for _, k := range links {
			t.Run(name+" "+k.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var tasks sync.WaitGroup
					defer tasks.Wait()
					f := &drivertest.Fake{Format: sheetFormat, Script: c.script}
					s, err := open(t.Context(), terminal.Env{Link: k, Currency: c.cur, Log: slog.New(slog.DiscardHandler), Dial: f.Dial(&tasks)}, c.o)
					if err == nil || s != nil {
						t.Error("a session")
					}
				})
			})
		}
	}
}

// Over TCP a connection that is closed at once means that the terminal is busy, and nothing was sent.
func TestBusyOverTCP(t *testing.T) {
	withSim(t, terminal.TCP, NewOptions(), terminal.SimulatorOptions{Options: sim.Options{}}, func(r *rig) {
		other, err := open(r.Context(), r.Env, r.o)
		if err != nil {
			r.Fatal(err)
		}
		defer other.Close()
		done := make(chan error, 1)
		go func() {
			_, err := other.Pay(r.Context(), sale(777), &drivertest.Book{})
			done <- err
		}()
		<-time.After(2 * time.Second)
		if _, err := r.s.Pay(r.Context(), sale(1250), &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) || !errors.Is(err, terminal.ErrBusy) {
			r.Errorf("beside another payment: %v", err)
		}
		r.Press(simulate.PressTap)
		if err := <-done; err != nil {
			r.Error(err)
		}
	})
}

// A line that leads to another terminal gets no payment.
func TestAnotherTerminal(t *testing.T) {
	id := "17000001"
	f := &drivertest.Fake{}
	f.Script = func(_ int, said string) []string {
		return ordinary(id+approved(before, "00000990")[8:], func(int, byte, string) []string { return []string{ackBytes} })(0, said)
	}
	withFake(t, terminal.TCP, NewOptions(), f, func(t *testing.T, s *session) {
		if s.TerminalID() != "17000001" {
			t.Errorf("id %q", s.TerminalID())
		}
		f.Do(func() { id = "17000002" })
		if _, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) || !errors.Is(err, errOther) {
			t.Errorf("another terminal: %v", err)
		}
		if f.Count("X", 9) != 0 {
			t.Error("it got the sale")
		}
	})
}

func TestServices(t *testing.T) {
	for _, k := range links {
		for _, drop := range []bool{false, true} {
			o := NewOptions()
			o.Receipts = RegisterPrints
			so := terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{DropTCP: drop}}
			withSim(t, k, o, so, func(r *rig) { checkServices(r) })
		}
	}
	// Receipts on the terminal's own paper.
	withSim(t, terminal.Serial, NewOptions(), terminal.SimulatorOptions{Outcome: simulate.Approved}, func(r *rig) {
		b := &drivertest.Book{}
		if _, err := r.s.Pay(r.Context(), sale(1250), b); err != nil || len(b.Receipts) != 0 {
			r.Errorf("%v, %d receipts", err, len(b.Receipts))
		}
		if err := r.s.Reprint(r.Context(), b); err != nil || len(b.Receipts) != 0 || !slices.Contains(r.Sim.Face().Receipt, "IMPORTO EUR 12,50") {
			r.Errorf("reprint: %v, %q", err, r.Sim.Face().Receipt)
		}
	})
}

func checkServices(r *rig) {
	t, ctx := r.T, r.Context()
	h, err := r.s.Probe(ctx)
	if err != nil || !h.Ready || h.Code != "2" || h.TerminalID != "17000001" || h.Software != "01.02.03" {
		t.Errorf("probe: %+v, %v", h, err)
	}
	b := &drivertest.Book{}
	began := time.Now()
	got, err := r.s.Pay(ctx, sale(1250), b)
	if err != nil || got.Outcome != terminal.Approved || len(b.Receipts) != 1 {
		t.Fatalf("%+v, %v, %d receipts", got, err, len(b.Receipts))
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a payment with a receipt takes %s", took)
	}
	if lines := b.Receipts[0].Lines; len(lines) != 6 || lines[4].Text != "IMPORTO EUR 12,50" {
		t.Errorf("receipt %+v", lines)
	}
	if err := r.s.Reprint(ctx, b); err != nil || len(b.Receipts) != 2 || !slices.Equal(b.Receipts[0].Lines, b.Receipts[1].Lines) {
		t.Errorf("reprint: %v, %+v", err, b.Receipts)
	}
	if sums, err := r.s.Totals(ctx); err != nil || sums.TotalMinor != 2240 {
		t.Errorf("totals: %+v, %v", sums, err)
	}
	if sums, err := r.s.Settle(ctx, b); err != nil || sums.TotalMinor != 2240 || sums.Text != "" {
		t.Errorf("settle: %+v, %v", sums, err)
	}
	if sums, err := r.s.Totals(ctx); err != nil || sums.TotalMinor != 0 {
		t.Errorf("totals after the end of day: %+v, %v", sums, err)
	}
	if m, err := r.s.Mark(ctx); err != nil || m != got.Mark {
		t.Errorf("mark %q after the end of day, %v; want %q", m, err, got.Mark)
	}
}

// A receipt that stops, comes in pieces, or has no end is told as far as it came, and is bounded.
func TestPaper(t *testing.T) {
	b := &drivertest.Book{}
	p := newPaper(b, terminal.CustomerReceipt)
	for _, piece := range []string{"RIGA UN", "O}PAN 4000000000000043}", strings.Repeat("}", 1000) + strings.Repeat("x", 1000)} {
		p.add(message{code: codeTicket, body: "170000010S" + piece})
	}
	p.end()
	p.end()
	if len(b.Receipts) != 1 {
		t.Fatalf("%d receipts", len(b.Receipts))
	}
	l := b.Receipts[0].Lines
	if l[0].Text != "RIGA UNO" || l[1].Text != "PAN ************0043" || len(l) > paperLines {
		t.Errorf("%d lines: %+v", len(l), l[:2])
	}
}

// The end of day is asked for once; its refusal is one.
func TestSettleRefused(t *testing.T) {
	const said = "170000010C01HOST NON RISPONDE  1000000000000"
	for name, answer := range map[string][]string{"refused": {ackBytes, framed(said)}, "silent": nil, "other sums": {ackBytes, framed("170000010C00" + "0000000000001250" + "0000000000001200")}} {
		f := &drivertest.Fake{Script: ordinary(approved(before, "00000990"), func(int, byte, string) []string { return answer })}
		withFake(t, terminal.Serial, NewOptions(), f, func(t *testing.T, s *session) {
			got, err := s.Settle(t.Context(), &drivertest.Book{})
			switch {
			case f.Count("C", 9) != 1:
				t.Errorf("%s: C was sent %d times", name, f.Count("C", 9))
			case name == "refused" && (!errors.Is(err, terminal.ErrRefused) || !strings.Contains(err.Error(), "HOST NON RISPONDE")),
				name == "silent" && (err == nil || errors.Is(err, terminal.ErrRefused)),
				name == "other sums" && (err != nil || got.TotalMinor != 1250 || !strings.Contains(got.Text, "12.00 EUR")):
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		})
	}
}

// Old terminals send card numbers whole. No more than four digits of one are kept anywhere.
func TestCardNumbers(t *testing.T) {
	const pan = "4111111111111111"
	for _, body := range []string{
		"17000001" + "0E00" + "000" + pan + "ICCAUTH1200100002" + "88105000001" + "000052000777" + "000" + "00001250" + "0000000000",
		"17000001" + "0E01" + "CARTA " + pan + "  " + "000000000002" + "88105000001" + "000052000777",
	} {
		s := &session{o: NewOptions()}
		r := read(t, body)
		out := s.judge(r)
		raw, err := hex.DecodeString(out.Raw)
		if err != nil {
			t.Fatal(err)
		}
		told := strings.Join([]string{out.Text, string(raw), out.CardLast4, string(out.Mark), out.TxnRef, describe(terminal.TCP, false, []byte(framed(body)))}, " ")
		if strings.Contains(told, "11111") || !strings.Contains(told, "1111") {
			t.Errorf("%q", told)
		}
	}
}

func TestOptions(t *testing.T) {
	if err := NewOptions().Validate(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Options){
		"terminal_id":     func(o *Options) { o.TerminalID = "123" },
		"cash_register":   func(o *Options) { o.CashRegister = "0000000x" },
		"payment_timeout": func(o *Options) { o.PaymentTimeout = time.Second },
		"clock_skew":      func(o *Options) { o.ClockSkew = -1 },
	} {
		o := NewOptions()
		spoil(o)
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), want+": ") {
			t.Errorf("%s: %v", want, err)
		}
	}
	var x Extended
	var l LRC
	var r Receipts
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{"maybe": &x, "half": &l, "nobody": &r} {
		if err := into.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	type setting interface {
		MarshalText() ([]byte, error)
		UnmarshalText(text []byte) error
	}
	for text, into := range map[string][]setting{
		"auto": {&x, &l}, "yes": {&x}, "no": {&x}, "full": {&l}, "no-stx": {&l}, "no-etx": {&l}, "text": {&l}, "terminal": {&r}, "register": {&r},
	} {
		for _, one := range into {
			err := one.UnmarshalText([]byte(text))
			if back, _ := one.MarshalText(); err != nil || string(back) != text {
				t.Errorf("%q is read as %q, %v", text, back, err)
			}
		}
	}
}

// identifyOn searches on a line to a terminal and returns all that was written.
func identifyOn(t *testing.T, k terminal.LinkKind, dial func(context.Context) (terminal.Port, error)) (id terminal.Identity, written [][]byte, err error) {
	t.Helper()
	id, err = identify(t.Context(), terminal.Env{Link: k, Currency: euros, Log: slog.New(slog.DiscardHandler), Dial: func(ctx context.Context) (terminal.Port, error) {
		p, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return simulate.Tap(p, func(e simulate.TapEvent) error {
			if e.Op == simulate.WriteOp && !e.After {
				written = append(written, slices.Clone(e.Data))
			}
			return nil
		}), nil
	}})
	for _, w := range written {
		if !slices.ContainsFunc(asks(), func(m terminal.Message) bool { return m.Link == k && m.Matches(w) }) {
			t.Errorf("wrote % x, which is not in asks", w)
		}
	}
	return id, written, err
}

func TestIdentify(t *testing.T) {
	for _, lrc := range []string{"full", "no-stx", "text", "no-etx"} {
		for _, k := range links {
			withSim(t, k, mustLRC(t, lrc), terminal.SimulatorOptions{Options: sim.Options{LRC: lrc}}, func(r *rig) {
				r.s.drop()
				id, _, err := identifyOn(r.T, k, r.Env.Dial)
				if err != nil || id.TerminalID != "17000001" || id.Software != "01.02.03" || id.Text == "" {
					r.Errorf("%s over %s: %+v, %v", lrc, k, id, err)
				}
			})
		}
	}
	for name, script := range map[string]func(int, string) []string{
		"nobody":       func(int, string) []string { return nil },
		"NAK":          func(int, string) []string { return []string{nakBytes} },
		"iSelf status": func(int, string) []string { return []string{ackBytes + framed("123456786s1200")} },
		"an echo":      func(_ int, said string) []string { return []string{framed(said)} },
		"rubbish":      func(int, string) []string { return []string{"AT\r\nERROR\r\n"} },
		"a closed one": func(int, string) []string { return []string{"-"} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tasks sync.WaitGroup
				defer tasks.Wait()
				f := &drivertest.Fake{Format: sheetFormat, Script: script}
				began := time.Now()
				id, _, err := identifyOn(t, terminal.Serial, f.Dial(&tasks))
				if err == nil || time.Since(began) > 15*time.Second {
					t.Errorf("%+v, %v after %s", id, err, time.Since(began))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // in the middle of another till's payment
		near, far := simulate.Pipe()
		defer far.Close()
		if _, err := far.Write([]byte(framed(approved("000052", "00001250")))); err != nil {
			t.Fatal(err)
		}
		id, written, err := identifyOn(t, terminal.Serial, func(context.Context) (terminal.Port, error) { return near, nil })
		if err != nil || len(written) != 0 || !strings.Contains(id.Text, "middle of something") {
			t.Errorf("%+v, %v, wrote %x", id, err, written)
		}
	})
}

func mustLRC(t *testing.T, text string) *Options {
	t.Helper()
	o := NewOptions()
	if err := o.LRC.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDescribe(t *testing.T) {
	r := register{terminalID: "12345678", cashRegister: "00000001"}
	for want, c := range map[string]struct {
		sent bool
		line string
	}{
		"[X payment, extended id=12345678 amount=00001250]": {true, framed(string(r.sale('X', 1250, "")))},
		"[S reversal id=12345678 stan=000123]":              {true, framed(string(r.reversal("000123")))},
		"ACK [E result=00 id=17000001 stan=000052 online=000777 auth=AUTH12 time=" + clockNow() + " card=*0043 amount=1250]": {false, ackBytes + framed(approved("000052", "00001250"))},
		`[E result=01 id=17000001 stan=000052 online=000777 text="TRANSAZIONE ANNULLATA" amount=0]`:                          {false, framed(refused("000052", "00000000", "TRANSAZIONE ANNULLATA"))},
		`progress "INSERIRE CARTA" NAK noise(2)`:            {false, "\x01INSERIRE CARTA      \x04" + nakBytes + "\xff\xff"},
		`[s status id=17000001 state=2 release="01.02.03"]`: {false, framed(statusAnswer)},
		"[S receipt(5)]":         {false, framed("170000010SCIAO}")},
		`noise(1) unfinished(3)`: {false, "z\x0212"},
		`[T sums result=00 terminal=12345 host=0 text=""] message(2)`: {false, framed("170000010T000000000000012345000000") + "\x02AB\x03\x7e"},
	} {
		if got := describe(terminal.Serial, c.sent, []byte(c.line)); strings.ReplaceAll(got, "[message(2)]", "message(2)") != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A result is known again however many others were heard since, within bounds, and whatever is last in the terminal.
func TestHeardBefore(t *testing.T) {
	s := &session{}
	one := func(stan int) result {
		m, _ := parse([]byte(approved(fmt.Sprintf("%06d", stan), "00001250")))
		r, ok := readResult(m)
		if !ok {
			t.Fatal("no result")
		}
		return r
	}
	for stan := 1000; stan < 1000+heardMost; stan++ {
		if s.stale(one(stan)) {
			t.Fatalf("%d is new and taken for an earlier one", stan)
		}
		s.hear(one(stan))
		s.hear(one(stan))
	}
	for stan := 1000; stan < 1000+heardMost; stan++ {
		if !s.stale(one(stan)) {
			t.Fatalf("%d was heard and is taken for a new one", stan)
		}
	}
	if s.hear(one(5000)); len(s.heard) != heardMost || s.stale(one(1000)) {
		t.Errorf("%d are remembered", len(s.heard))
	}
	// The order of the count tells an earlier one too, unless the count began anew.
	s = &session{last: one(20).mark()}
	for stan, stale := range map[int]bool{20: true, 19: true, 1: true, 21: false, 999_998: true, 999_900: false, 70: false} {
		if s.stale(one(stan)) != stale {
			t.Errorf("%d after 20: stale is %t", stan, !stale)
		}
	}
	m, _ := parse([]byte(refused("000020", "00001250", "TRANSAZIONE RIFIUTATA"))) // a refusal has no time
	last, _ := readResult(m)
	if s := (&session{last: last.mark()}); !s.stale(one(19)) || s.stale(one(21)) {
		t.Error("behind a refusal the order of the count does not tell")
	}
	anew := one(1)
	if anew.time = "3652359"; s.stale(anew) {
		t.Error("a count that began anew is taken for an earlier one")
	}
}

// A terminal that closes the connection behind each answer takes a payment soon after it has told its last result, too.
func TestDroppedBetweenCommands(t *testing.T) {
	so := terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{DropTCP: true}}
	withSim(t, terminal.TCP, NewOptions(), so, func(r *rig) {
		for range 3 {
			if _, err := r.s.Mark(r.Context()); err != nil {
				r.Fatal(err)
			}
			if got, err := r.s.Pay(r.Context(), sale(1250), &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved {
				r.Errorf("%+v, %v", got, err)
			}
		}
	})
}
