package ecr17

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
)

var links = []terminal.LinkKind{terminal.Serial, terminal.TCP}

const before = "000051"

// dialogueCase is what a terminal says to a sale of 12.50, and what becomes of the payment.
type dialogueCase struct {
	script  func(code byte) []string
	outcome terminal.Outcome
	proof   terminal.Proof
	fails   bool
	seen    int
}

func dialogueCases() map[string]dialogueCase {
	stage := "\x01INSERIRE CARTA      \x04"
	return map[string]dialogueCase{
		"approved": {func(byte) []string { return []string{ackBytes, stage, framed(approved("000052", "00001250"))} }, terminal.Approved, terminal.Dialogue, false, 1},
		"refused": {func(byte) []string {
			return []string{ackBytes, stage, framed(refused("000052", "00001250", "TRANSAZIONE RIFIUTATA"))}
		}, terminal.Declined, terminal.Refused, false, 1},
		"result before the ACK": {func(byte) []string { return []string{framed(approved("000052", "00001250")), ackBytes} }, terminal.Approved, terminal.Dialogue, false, 1},
		"no ACK at all":         {func(byte) []string { return []string{"+20s", stage, "+170s", framed(approved("000052", "00001250"))} }, terminal.Approved, terminal.Dialogue, false, 1},
		"the old result first": {func(byte) []string {
			return []string{framed(approved(before, "00001250")), ackBytes, framed(approved("000052", "00001250"))}
		}, terminal.Approved, terminal.Dialogue, false, 1},
		"one of before the last": {func(byte) []string {
			return []string{ackBytes, framed(approved("000049", "00001250")), framed(refused("000052", "00001250", "TRANSAZIONE RIFIUTATA"))}
		}, terminal.Declined, terminal.Refused, false, 1},
		"only one of before the last": {func(byte) []string { return []string{ackBytes, framed(approved("000049", "00001250"))} }, terminal.Unknown, terminal.NoProof, true, 0},
		"only the old result":         {func(byte) []string { return []string{ackBytes, framed(approved(before, "00001250"))} }, terminal.Unknown, terminal.NoProof, true, 0},
		"damaged once": {func(byte) []string {
			return []string{ackBytes, "\x02" + approved("000052", "00001250") + "\x03\x00", framed(approved("000052", "00001250"))}
		}, terminal.Approved, terminal.Dialogue, false, 1},
		"a code of nobody": {func(byte) []string {
			return []string{ackBytes, framed(strings.Replace(approved("000052", "00001250"), "0E00", "0E77", 1))}
		}, terminal.Unknown, terminal.NoProof, false, 1},
		"a refusal made an approval": {func(byte) []string {
			return []string{ackBytes, framed(strings.Replace(refused("000052", "00001250", "TRANSAZIONE RIFIUTATA"), "0E01", "0E00", 1))}
		}, terminal.Unknown, terminal.NoProof, false, 1},
		"an approval made a refusal": {func(byte) []string {
			return []string{ackBytes, framed(strings.Replace(approved("000052", "00001250"), "0E00", "0E01", 1))}
		}, terminal.Unknown, terminal.NoProof, false, 1},
		"result cut short":        {func(byte) []string { return []string{ackBytes, framed("170000010E0")} }, terminal.Unknown, terminal.NoProof, false, 1},
		"a pre-authorisation":     {func(byte) []string { return []string{ackBytes, framed("170000010e00" + strings.Repeat("0", 94))} }, terminal.Unknown, terminal.NoProof, false, 1},
		"silence after the ACK":   {func(byte) []string { return []string{ackBytes} }, terminal.Unknown, terminal.NoProof, true, 0},
		"silence":                 {func(byte) []string { return nil }, terminal.Unknown, terminal.NoProof, true, 0},
		"line lost":               {func(byte) []string { return []string{ackBytes, "-"} }, terminal.Unknown, terminal.NoProof, true, 0},
		"NAK thrice":              {func(byte) []string { return []string{nakBytes} }, terminal.Declined, terminal.Refused, false, 0},
		"NAK and then ACK":        {func(byte) []string { return []string{nakBytes, ackBytes, framed(approved("000052", "00001250"))} }, terminal.Approved, terminal.Dialogue, false, 1},
		"NAK and then a progress": {func(byte) []string { return []string{nakBytes + stage} }, terminal.Unknown, terminal.NoProof, true, 0},
		"NAK among rubbish":       {func(byte) []string { return []string{"\xff\x81" + nakBytes} }, terminal.Unknown, terminal.NoProof, true, 0},
		"NAK and half a message":  {func(byte) []string { return []string{nakBytes, "+100ms", "\x06"} }, terminal.Unknown, terminal.NoProof, true, 0},
		"NAK and then rubbish":    {func(byte) []string { return []string{nakBytes, "+100ms", "\xff"} }, terminal.Unknown, terminal.NoProof, true, 0},
		"NAK after ACK":           {func(byte) []string { return []string{ackBytes, nakBytes, framed(approved("000052", "00001250"))} }, terminal.Approved, terminal.Dialogue, false, 1},
	}
}

func TestPayDialogue(t *testing.T) {
	for name, c := range dialogueCases() {
		for _, k := range links {
			t.Run(name+" "+k.String(), func(t *testing.T) {
				o := NewOptions()
				o.Extended = ExtendedYes
				f := &drivertest.Fake{}
				f.Script = ordinary(approved(before, "00000990"), func(_ int, code byte, _ string) []string { return c.script(code) })
				if strings.Contains(name, "old result") {
					f.Script = ordinary(approved(before, "00001250"), func(_ int, code byte, _ string) []string { return c.script(code) })
				}
				withFake(t, k, o, f, func(t *testing.T, s *session) {
					if _, err := s.Mark(t.Context()); err != nil {
						t.Fatal(err)
					}
					b := &drivertest.Book{}
					got, err := s.Pay(t.Context(), sale(1250), b)
					if (err != nil) != c.fails || got.Outcome != c.outcome || got.Proof != c.proof || len(b.Results) != c.seen {
						t.Errorf("%s by %s, %v, %d recorded: %+v", got.Outcome, got.Proof, err, len(b.Results), got)
					}
					if errors.Is(err, terminal.ErrNotSent) {
						t.Error("called not sent")
					}
					want := 1
					if name == "NAK thrice" {
						want = link.SendsMost
					}
					if n := f.Count("X", 9); n != want || f.Count("P", 9) != 0 {
						t.Errorf("X was sent %d times, P %d times", n, f.Count("P", 9))
					}
					if b.Told(terminal.Sent) == 0 || len(b.Marks) != 0 {
						t.Errorf("stages %v, marks %v", b.Steps, b.Marks)
					}
				})
			})
		}
	}
}

// What is not recorded is not acknowledged.
func TestPaySeenFails(t *testing.T) {
	acks := -1 // since the sale
	plain := ordinary(approved(before, "00000990"), func(int, byte, string) []string {
		acks = 0
		return []string{ackBytes, framed(approved("000052", "00001250"))}
	})
	f := &drivertest.Fake{Script: func(line int, said string) []string {
		if said == "ACK" && acks >= 0 {
			acks++
		}
		return plain(line, said)
	}}
	withFake(t, terminal.Serial, NewOptions(), f, func(t *testing.T, s *session) {
		got, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{SeenFails: errors.New("disk full")})
		<-time.After(time.Second)
		f.Do(func() {
			if err == nil || errors.Is(err, terminal.ErrNotSent) || got.Outcome != terminal.Unknown || acks != 0 {
				t.Errorf("%+v, %v, %d acknowledgements", got, err, acks)
			}
		})
	})
}

// A terminal that does not know X gets P, once it is sure to be at rest.
func TestPayFallsBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		extended Extended
		resting  bool
		xs, ps   int
		outcome  terminal.Outcome
	}{
		{"auto", ExtendedAuto, true, 3, 1, terminal.Approved},
		{"auto, not at rest", ExtendedAuto, false, 3, 0, terminal.Unknown},
		{"yes", ExtendedYes, true, 3, 0, terminal.Declined},
		{"no", ExtendedNo, true, 0, 1, terminal.Approved},
	} {
		for _, k := range links {
			t.Run(c.name+" "+k.String(), func(t *testing.T) {
				o := NewOptions()
				o.Extended = c.extended
				refusing := false
				f := &drivertest.Fake{}
				plain := ordinary(approved(before, "00000990")[:71], func(_ int, code byte, _ string) []string {
					if code == 'X' {
						refusing = true
						return []string{nakBytes}
					}
					return []string{ackBytes, framed(approved("000052", "00001250")[:71])}
				})
				f.Script = func(line int, said string) []string {
					if refusing && !c.resting && len(said) == 10 {
						return []string{ackBytes, framed(strings.Replace(statusAnswer, "0101000000"+"2", "0101000000"+"5", 1))}
					}
					return plain(line, said)
				}
				withFake(t, k, o, f, func(t *testing.T, s *session) {
					got, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{})
					if got.Outcome != c.outcome || (err != nil) != (c.outcome == terminal.Unknown) || f.Count("X", 9) != c.xs || f.Count("P", 9) != c.ps {
						t.Fatalf("%s, %v; %d X, %d P", got.Outcome, err, f.Count("X", 9), f.Count("P", 9))
					}
					if c.name != "auto" {
						return
					}
					if got.CapturedMinor != nil {
						t.Errorf("an amount that nobody stated: %d", *got.CapturedMinor)
					}
				})
			})
		}
	}
}

func TestPayNotSent(t *testing.T) {
	dollars := terminal.Currency{Code: "USD", Numeric: 840, Digits: 2}
	f := &drivertest.Fake{Script: ordinary(approved(before, "00000990"), func(int, byte, string) []string { return nil })}
	withFake(t, terminal.Serial, NewOptions(), f, func(t *testing.T, s *session) {
		for _, a := range []terminal.Amount{{Minor: 0, Currency: euros}, {Minor: -1, Currency: euros}, {Minor: 100_000_000, Currency: euros}, {Minor: 1, Currency: dollars}} {
			_, err := s.Pay(t.Context(), terminal.Request{Amount: a, Armed: time.Now()}, &drivertest.Book{})
			if !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("%v: %v", a, err)
			}
		}
		_ = s.Close()
		if _, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
			t.Errorf("on a closed session: %v", err)
		}
		if f.Count("X", 9)+f.Count("P", 9) != 0 {
			t.Error("something was sent")
		}
	})
}

// A terminal that says NAK to G, or tells a result without a number, gives no mark; a payment is made all the same.
func TestPayWithoutMark(t *testing.T) {
	for name, last := range map[string]string{
		"no number": refused("000000", "00000000", "NESSUNA OPERAZIONE"), "approved without a number": approved("000000", "00001250"),
	} {
		t.Run(name, func(t *testing.T) {
			f := &drivertest.Fake{Script: ordinary(last, func(int, byte, string) []string { return []string{ackBytes, framed(approved("000052", "00001250"))} })}
			withFake(t, terminal.TCP, NewOptions(), f, func(t *testing.T, s *session) {
				if m, err := s.Mark(t.Context()); !errors.Is(err, terminal.ErrRefused) || m.Known() {
					t.Errorf("mark %q, %v", m, err)
				}
				got, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{})
				if err != nil || got.Outcome != terminal.Approved || !got.Mark.Known() {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

// A terminal that does not answer G at all, and answers s, is one without marks.
func TestMarkMute(t *testing.T) {
	f := &drivertest.Fake{Script: func(_ int, said string) []string {
		if len(said) == 10 {
			return []string{ackBytes + framed(statusAnswer)}
		}
		if len(said) > 100 {
			return []string{ackBytes, framed(approved("000052", "00001250"))}
		}
		return nil
	}}
	withFake(t, terminal.Serial, NewOptions(), f, func(t *testing.T, s *session) {
		began := time.Now()
		if _, err := s.Mark(t.Context()); !errors.Is(err, terminal.ErrRefused) || time.Since(began) > 28*time.Second {
			t.Errorf("mark: %v after %s", err, time.Since(began))
		}
		if got, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved {
			t.Errorf("%+v, %v", got, err)
		}
		got, err := s.Recover(t.Context(), terminal.Attempt{Request: sale(1250)})
		if !errors.Is(err, terminal.ErrBusy) || got.Outcome != terminal.Unknown {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A sale that was typed at the terminal since the mark was read is told to the engine before the payment.
func TestPayMarksAnew(t *testing.T) {
	for _, k := range links {
		withSim(t, k, NewOptions(), terminal.SimulatorOptions{Outcome: simulate.Approved}, func(r *rig) {
			t := r.T
			m, err := r.s.Mark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.Press(simulate.PressManualSale + ":1250")
			b := &drivertest.Book{}
			got, err := r.s.Pay(t.Context(), sale(1250), b)
			if err != nil || got.Outcome != terminal.Approved || len(b.Marks) != 1 || b.Marks[0] == m || got.AuthCode != r.ours().AuthCode {
				t.Errorf("%+v, %v, marks %q after %q", got, err, b.Marks, m)
			}
			if got.TxnRef != "17000001/000054/000154/88105000001" || got.CardLast4 != "0043" || got.TerminalID != "17000001" || r.s.TerminalID() != "17000001" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A refusal without a number looks like the one before; it is a repetition only as long as the terminal may repeat.
func TestPayRefusedTwiceAlike(t *testing.T) {
	for wait, want := range map[time.Duration]terminal.Outcome{3 * time.Second: terminal.Unknown, 11 * time.Second: terminal.Declined} {
		same := refused("000000", "00000000", "TRANSAZIONE ANNULLATA")
		f := &drivertest.Fake{Script: ordinary(same, func(int, byte, string) []string { return []string{ackBytes, fmt.Sprintf("+%s", wait), framed(same)} })}
		withFake(t, terminal.Serial, NewOptions(), f, func(t *testing.T, s *session) {
			<-time.After(repeatsFor)
			got, err := s.Pay(t.Context(), sale(1250), &drivertest.Book{})
			if got.Outcome != want || (err != nil) != (want == terminal.Unknown) {
				t.Errorf("after %s: %+v, %v", wait, got, err)
			}
		})
	}
}

func TestVoid(t *testing.T) {
	for _, k := range links {
		withSim(t, k, NewOptions(), terminal.SimulatorOptions{Outcome: simulate.Approved}, func(r *rig) {
			t := r.T
			first, err := r.s.Pay(t.Context(), sale(1250), &drivertest.Book{})
			if err != nil {
				t.Fatal(err)
			}
			second, err := r.s.Pay(t.Context(), sale(777), &drivertest.Book{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.s.Void(t.Context(), sale(1250), first, &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("a sale that is not the last: %v", err)
			}
			if _, err := r.s.Void(t.Context(), sale(777), terminal.Result{}, &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("a sale without a number: %v", err)
			}
			got, err := r.s.Void(t.Context(), sale(777), second, &drivertest.Book{})
			if err != nil || got.Outcome != terminal.Approved || got.CapturedMinor != nil {
				t.Errorf("%+v, %v", got, err)
			}
			for _, e := range r.Sim.Face().Ledger {
				if e.Minor == 777 && e.Captured || e.Minor == 1250 && !e.Captured {
					t.Errorf("the ledger has %+v", e)
				}
			}
			if _, err := r.s.Void(t.Context(), sale(777), second, &drivertest.Book{}); !errors.Is(err, terminal.ErrNotSent) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}
