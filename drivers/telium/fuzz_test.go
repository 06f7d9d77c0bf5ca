package telium

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{shortAnswer, fullFrench("4111111111110043"), string(british80("42", "0", "00001250", "C06123456M041250")), "<TID CODE=\"1\"/>", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}}
		masked := maskBody(body)
		if a, err := parseAnswer(body); bytes.Contains(masked, []byte("4111111111110043")) && (err != nil || a.Full && !bytes.Contains(masked[:headLength+6], []byte("4111"))) {
			t.Errorf("%q is masked as %q", body, masked)
		}
		_, _, _ = keepAlive(body), receipt(body), describeBody(true, body)
		if a, err := parseAnswer(body); err == nil {
			for _, out := range []terminal.Result{judgeFrench(a, masked, r), judgeBritish(a, masked, r)} {
				if out.Outcome == terminal.Approved && (body[2] != '0' || out.CurrencyNumeric == 0) || len(out.CardLast4) > 4 {
					t.Errorf("%q: %+v", body, out)
				}
			}
		}
	})
}

// FuzzTerminal: whatever a terminal says, an approval needs an answer with the payment's own number and status 0 after the
// command; the command is written once, and again only on a NAK.
func FuzzTerminal(f *testing.F) {
	frame := func(body string) []byte { return wire.STXFormat{Covers: wire.CoverBodyETX}.Append(nil, []byte(body)) }
	ours := "02" + "0" + "00001250" + "1" + "978" + "0000000000" // POS number 2 is that of reference 0000000001
	f.Add(append(append([]byte{6, 0, 6, 0, 5, 0}, frame(ours)...), 0, 4))
	f.Add(append([]byte{6, 0, 0x15, 0, 6, 0, 5, 0}, frame(ours)...))
	f.Add(append([]byte{5, 0}, frame(ours)...))
	f.Add([]byte{6, 0, 0x15, 0, 0x15, 0, 0x15, 0})
	f.Fuzz(func(t *testing.T, said []byte) {
		if len(said) > 1<<10 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzPayment(t, said) })
	})
}

func fuzzPayment(t *testing.T, said []byte) {
	near, far := simulate.Pipe()
	dialled := false
	s, err := open(context.Background(), terminal.Env{
		Link: terminal.Serial, Log: slog.New(slog.DiscardHandler),
		Dial: func(context.Context) (terminal.Port, error) {
			if dialled {
				return nil, errors.New("no more lines")
			}
			dialled = true
			return near, nil
		},
	}, &Options{Dialect: France, PaymentTimeout: resultWait})
	if err != nil {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for b := make([]byte, 256); ; {
			n, err := far.Read(b)
			heard.Write(b[:n])
			if err != nil {
				return
			}
		}
	})
	tasks.Go(func() { // zero bytes are pauses
		for _, part := range bytes.Split(said, []byte{0}) {
			pass(200 * time.Millisecond)
			_, _ = far.Write(part)
		}
	})
	b := &book{}
	got, err := s.Pay(context.Background(), request1(1250, euro), b)
	_ = s.Close()
	_ = far.Close()
	tasks.Wait()
	command := []byte("\x0202" + "00001250" + "110978")
	count := bytes.Count(heard.Bytes(), command)
	naks := bytes.Count(said, []byte{wire.NAK})
	approved := false
	for i := range said {
		approved = approved || bytes.HasPrefix(said[i:], []byte("\x02020"))
	}
	switch {
	case errors.Is(err, terminal.ErrNotSent) && count > 0:
		t.Errorf("the sale was written, and is called not sent: %v", err)
	case count > 1+naks || count > 3:
		t.Errorf("the sale was written %d times, with %d NAKs", count, naks)
	case err != nil && got.Outcome != terminal.Unknown:
		t.Errorf("%s beside an error: %v", got.Outcome, err)
	case got.Outcome == terminal.Approved && (!approved || len(b.seen) != 1):
		t.Errorf("approved, and the terminal said %q", said)
	case got.Outcome == terminal.Declined && !bytes.Contains(said, []byte("\x02027")) && naks < 3:
		t.Errorf("declined, and the terminal said %q", said)
	}
}
