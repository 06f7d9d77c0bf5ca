package zvt

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// recorder keeps what is written, each Write in hex.
type recorder struct {
	terminal.Port

	mu    sync.Mutex
	wrote []string
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	r.wrote = append(r.wrote, strings.ToUpper(fmt.Sprintf("% x", b)))
	r.mu.Unlock()
	return r.Port.Write(b)
}

// identifyWith asks whatever plays the far side.
func identifyWith(t *testing.T, k terminal.LinkKind, play func(far terminal.Port)) (id terminal.Identity, wrote []string, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		till, far := simulate.Pipe()
		r := &recorder{Port: till}
		var playing sync.WaitGroup
		playing.Go(func() { play(far) })
		began := time.Now()
		id, err = Driver().Identify(t.Context(), terminal.Env{
			Dial: func(context.Context) (terminal.Port, error) { return r, nil },
			Link: k, Log: slog.New(slog.DiscardHandler),
		})
		took = time.Since(began)
		_ = far.Close()
		playing.Wait()
		wrote = r.wrote
	})
	for _, w := range wrote {
		b, decodeErr := hex.DecodeString(strings.ReplaceAll(w, " ", ""))
		if decodeErr != nil {
			t.Fatal(decodeErr)
		}
		if !slices.ContainsFunc(Driver().Asks, func(m terminal.Message) bool { return m.Link == k && m.Matches(b) }) {
			t.Errorf("%s is sent and not listed", w)
		}
	}
	if took > 25*time.Second {
		t.Errorf("it took %s", took)
	}
	return id, wrote, took, err
}

// The bytes are worked out from PA00P016: 10 02 APDU 10 03 and the CRC over the APDU and 03. The CRC of the enquiry
// is 0610 hexadecimal, and its byte 10 is not doubled.
const (
	askSerial  = "10 02 05 01 00 10 03 10 06"
	takeSerial = "10 02 80 00 00 10 03 F5 1F"
)

func TestIdentifyASimulatedTerminal(t *testing.T) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		var face terminal.Face
		id, wrote, _, err := identifyWith(t, k, func(far terminal.Port) {
			s, err := sim.New(terminal.SimulatorOptions{Currency: euro, TerminalID: "29001006"})
			if err != nil {
				t.Error(err)
				return
			}
			_ = s.Serve(context.Background(), far, k) // until the other end closes
			face = s.Face()
		})
		if err != nil || id.Software != "TBSIM 1.0" || id.Text != "Ready." {
			t.Errorf("%s: %+v %v", k, id, err)
		}
		want := []string{askSerial, "06", "06", takeSerial}
		if k == terminal.TCP {
			want = []string{"05 01 00", "80 00 00"}
		}
		slices.Sort(want)
		slices.Sort(wrote)
		if !slices.Equal(wrote, want) {
			t.Errorf("%s: sent %q, want %q", k, wrote, want)
		}
		if len(face.Ledger) != 0 || face.Paying {
			t.Errorf("%s: %+v", k, face)
		}
	}
}

// A simulated terminal that waits for a customer, or for the answer to a result, is not disturbed: what it says is
// proof enough, and its result gets no answer.
func TestIdentifyAsksNothingInAConversation(t *testing.T) {
	for _, unasked := range []string{
		"10 02 04 0F 06 27 00 04 00 00 00 10 03 00 00", // damaged, so no proof
		"10 02 04 FF 01 0A 10 03",                      // cut off
	} {
		id, wrote, _, err := identifyWith(t, terminal.Serial, func(far terminal.Port) {
			_, _ = far.Write(unhex(t, unasked))
		})
		if err == nil || strings.Join(wrote, ", ") != askSerial+", "+askSerial && strings.Join(wrote, ", ") != askSerial {
			t.Errorf("%s: %+v %v, sent %q", unasked, id, err, wrote)
		}
	}
	for _, message := range []string{"040f0c270004000000001250490978", "04ff010a", "060f00", "800000"} {
		for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
			id, wrote, _, err := identifyWith(t, k, func(far terminal.Port) { _ = newPuppet(far, k).say(unhex(t, message)) })
			if err != nil || len(wrote) != 0 || !strings.Contains(id.Text, "middle of something") {
				t.Errorf("%s %s: %+v %v, sent %q", message, k, id, err, wrote)
			}
		}
	}
}

// TestIdentifyAnswers are terminals of all kinds.
func TestIdentifyAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		text   string
		wrote  string // over TCP
	}{
		"ready":                     {"hear 800000 060f0100 hear", "Ready.", "05 01 00, 80 00 00"},
		"busy":                      {"hear 800000 060f019c hear", "busy", "05 01 00, 80 00 00"},
		"refused without password":  {"hear 848300", "84 83", "05 01 00"},
		"accepted the other way":    {"hear 840000 060f0100 hear", "Ready.", "05 01 00, 80 00 00"},
		"ended otherwise":           {"hear 800000 061e0183 hear", "does not tell its state", "05 01 00, 80 00 00"},
		"silent after the answer":   {"hear 800000", "did not end its answer", "05 01 00"},
		"texts and receipts":        {"hear 800000 04ff010a hear 06d1024041 hear 060f0100 hear", "Ready.", "05 01 00, 80 00 00, 80 00 00, 80 00 00"},
		"the result of a payment":   {"hear 800000 040f0c270004000000001250490978", "left alone", "05 01 00"},
		"a result in the first":     {"hear 040f0c270004000000001250490978", "left alone", "05 01 00"},
		"a question for the clerk":  {"hear 800000 040d00", "left alone", "05 01 00"},
		"a host connection wished":  {"hear 800000 06d800", "left alone", "05 01 00"},
		"a blocked-list query asks": {"hear 800000 06e400", "left alone", "05 01 00"},
	} {
		t.Run(name, func(t *testing.T) {
			id, wrote, _, err := identifyWith(t, terminal.TCP, func(far terminal.Port) {
				p := newPuppet(far, terminal.TCP)
				if err := playScript(p, c.script); err != nil {
					t.Error(err)
				}
				_, _ = p.hear()
			})
			if got := strings.Join(wrote, ", "); err != nil || !strings.Contains(id.Text, c.text) || got != c.wrote {
				t.Errorf("%+v %v, sent %q, want %q", id, err, got, c.wrote)
			}
			id, wrote, _, err = identifyWith(t, terminal.Serial, func(far terminal.Port) {
				p := newPuppet(far, terminal.Serial)
				if err := playScript(p, c.script); err != nil {
					t.Error(err)
				}
				_, _ = p.hear()
			})
			wrote = slices.DeleteFunc(wrote, func(w string) bool { return w == "06" })
			want := strings.NewReplacer("05 01 00", askSerial, "80 00 00", takeSerial).Replace(c.wrote)
			if got := strings.Join(wrote, ", "); err != nil || !strings.Contains(id.Text, c.text) || got != want {
				t.Errorf("serial: %+v %v, sent %q, want %q", id, err, got, want)
			}
		})
	}
}

// TestIdentifyOthers are what is no ZVT terminal. It gets the enquiry, twice at most, and nothing more.
func TestIdentifyOthers(t *testing.T) {
	echo := func(change byte) func(far terminal.Port) {
		return func(far terminal.Port) {
			buf := make([]byte, 64)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return
				}
				for i := range n {
					buf[i] ^= change
				}
				_, _ = far.Write(buf[:n])
			}
		}
	}
	says := func(text string) func(far terminal.Port) {
		return func(far terminal.Port) {
			if _, err := far.Read(make([]byte, 64)); err == nil {
				_, _ = far.Write(unhex(t, text))
			}
		}
	}
	silent := func(far terminal.Port) { _, _ = far.Read(make([]byte, 64)) }
	for name, c := range map[string]struct {
		play  func(far terminal.Port)
		k     terminal.LinkKind
		want  string
		times int
	}{
		"silence":                       {silent, terminal.Serial, "no answer", 2},
		"silence over TCP":              {silent, terminal.TCP, "no answer", 2},
		"an ACK, of whatever":           {says("06"), terminal.Serial, "no answer", 2},
		"an echo":                       {echo(0), terminal.Serial, "comes back", 1},
		"an echo over TCP":              {echo(0), terminal.TCP, "comes back", 1},
		"garbage":                       {echo(0x5A), terminal.Serial, "not as a terminal of this protocol", 1},
		"a NAK of another protocol":     {says("15 03 69"), terminal.TCP, "not as a terminal of this protocol", 1}, // vector V0685
		"another protocol, in a frame":  {says("10 02 4f 4b 00 10 03 05 b9"), terminal.Serial, "not as a terminal of this protocol", 1},
		"a modem":                       {says("0d 0a 4f 4b 0d 0a"), terminal.Serial, "not as a terminal of this protocol", 1},
		"a web server":                  {says("48 54 54 50 2f 31 2e 31"), terminal.TCP, "not as a terminal of this protocol", 1},
		"a terminal that greets on TCP": {func(far terminal.Port) { _, _ = far.Write(unhex(t, "00 00 00 04 56 45 52 7C")) }, terminal.TCP, "spoke first", 0},
		"a scale that never stops": {func(far terminal.Port) {
			for {
				if _, err := far.Write([]byte("  1.250 kg\r\n")); err != nil {
					return
				}
				<-time.After(100 * time.Millisecond)
			}
		}, terminal.Serial, terminal.ErrTalking.Error(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			id, wrote, took, err := identifyWith(t, c.k, c.play)
			if err == nil || !strings.Contains(err.Error(), c.want) || id != (terminal.Identity{}) {
				t.Errorf("%+v %v, want %q", id, err, c.want)
			}
			ask := map[terminal.LinkKind]string{terminal.Serial: askSerial, terminal.TCP: "05 01 00"}[c.k]
			if len(wrote) > c.times || slices.ContainsFunc(wrote, func(w string) bool { return w != ask }) {
				t.Errorf("sent %q", wrote)
			}
			if took > 8*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
