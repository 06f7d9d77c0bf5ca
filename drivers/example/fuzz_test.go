package example

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const ref = "0ABCDEF123"

func words(r terminal.Result) string {
	minor := int64(-1)
	if r.CapturedMinor != nil {
		minor = *r.CapturedMinor
	}
	return fmt.Sprintf("%s by %s %d in %d code %s number %s card %s", r.Outcome, r.Proof, minor, r.CurrencyNumeric, r.AuthCode, r.TxnRef, r.CardLast4)
}

// framed is a body with its frame, made here and not by the driver.
func framed(body string) string {
	lrc := byte(0x03)
	for i := range len(body) {
		lrc ^= body[i]
	}
	return "\x02" + body + "\x03" + string([]byte{lrc})
}

// FuzzParsers: no bytes make the readers panic, and nothing of a card comes through.
func FuzzParsers(f *testing.F) {
	f.Add([]byte("R|REF|00|1250|978|651200|000052|0043"))
	f.Add([]byte("S|REF|N"))
	f.Add([]byte(framed("T|REF|CARD") + "\x06\x15\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = describe(terminal.Serial, false, b)
		m := parse(b)
		r := m.result()
		if (r.Outcome == terminal.Approved) != (m.code == "00" && r.CapturedMinor != nil) || len(r.CardLast4) > 4 || r.Text == "" {
			t.Fatalf("%q is %+v", b, r)
		}
	})
}

// FuzzTerminal lets arbitrary bytes be all that the terminal says. Nothing is approved or declined that they do not say of this
// very payment, in a frame whose check byte holds.
func FuzzTerminal(f *testing.F) {
	approved, hello := framed("R|"+ref+"|00|1250|978|651200|52|0043"), framed("I|11000001")
	for _, said := range []string{
		approved, "\x06" + approved, framed("R|ANOTHER|00|1250|978|1|1|1") + "\x06", "\x15\x15\x15", "\x15\xff\x15", approved[:20], framed("R|" + ref + "|51"),
		"\x06" + framed("T|"+ref+"|CARD"), framed("S|" + ref + "|N"), hello + framed("S|"+ref+"|00|1250|978|651200|52|0043"), "",
	} {
		f.Add([]byte(said), []byte(hello+framed("S|"+ref+"|N")))
		f.Add([]byte(said), []byte(said))
	}
	f.Fuzz(func(t *testing.T, paying, asked []byte) {
		if len(paying) > 1<<11 || len(asked) > 1<<11 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			var tasks sync.WaitGroup
			s, said := &session{o: NewOptions()}, paying
			s.env = terminal.Env{Log: slog.New(slog.DiscardHandler), Currency: euro, Dial: func(context.Context) (terminal.Port, error) {
				near, far := simulate.Pipe()
				now := said
				tasks.Go(func() { play(far, now) })
				said = asked
				return near, nil
			}}
			defer tasks.Wait()
			defer s.drop()
			r := terminal.Request{Reference: ref, Amount: terminal.Amount{Minor: 1250, Currency: euro}}
			line, err := s.connect(t.Context())
			if err != nil {
				return
			}
			out, err := s.dialogue(t.Context(), line, r, quietTill{})
			judge(t, "Pay", out, err, paying, "R|"+ref+"|", "")
			s.drop()
			out, err = s.Recover(t.Context(), terminal.Attempt{Request: r})
			judge(t, "Recover", out, err, asked, "S|"+ref+"|", "N")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
}

// play says everything half a second after it was spoken to, in pieces, and then nothing.
func play(far *simulate.PipeEnd, said []byte) {
	b := make([]byte, 256)
	if _, err := far.Read(b); err != nil {
		return
	}
	for len(said) > 0 {
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
		n := min(len(said), 7)
		if _, err := far.Write(said[:n]); err != nil {
			return
		}
		said = said[n:]
	}
	for {
		if _, err := far.Read(b); err != nil {
			return
		}
	}
}

// judge compares an outcome with the frames in what was said.
func judge(t *testing.T, what string, out terminal.Result, err error, said []byte, begins, none string) {
	t.Helper()
	if err != nil || out.Outcome == terminal.Unknown {
		return
	}
	for i := range said {
		if said[i] != wire.STX {
			continue
		}
		for j := i + 1; j < len(said)-1; j++ {
			if said[j] != wire.ETX || framed(string(said[i+1:j])) != string(said[i:j+2]) {
				continue
			}
			code, _, _ := strings.Cut(strings.TrimPrefix(string(said[i+1:j]), begins), "|")
			_, refused := refusals[code]
			if strings.HasPrefix(string(said[i+1:j]), begins) && (out.Outcome == terminal.Approved && code == "00" ||
				out.Outcome == terminal.Declined && (refused || none != "" && code == none)) {
				return
			}
		}
	}
	t.Errorf("%s: %s, and the terminal said %q", what, words(out), said)
}

// quietTill records everything.
type quietTill struct{}

func (quietTill) Seen(terminal.Result) error { return nil }
func (quietTill) Mark(terminal.Mark) error   { return nil }
func (quietTill) Progress(terminal.Progress) {}
func (quietTill) Receipt(terminal.Receipt)   {}
