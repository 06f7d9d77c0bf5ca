package line

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal/simulate"
)

// plainText is a Mask that masks nothing, as a careless one would be.
func plainText(_ Direction, b []byte) string { return string(b) }

func texts(t *Trace) (out []string) {
	for _, e := range t.Events() {
		s := fmt.Sprintf("%s %d", e.Direction, e.Bytes)
		if e.Text != "" {
			s += " " + e.Text
		}
		if e.Open {
			s += " ..."
		}
		if e.Error != "" {
			s += "; " + e.Error
		}
		out = append(out, s)
	}
	return out
}

func TestTraceRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log, lines bytes.Buffer
		trace := NewTrace(TraceOptions{
			Mask:   func(d Direction, b []byte) string { return "<" + string(b) + ">" },
			Log:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Writer: &lines,
		})
		a, b := simulate.Pipe()
		p := Traced(a, trace)
		read := func() {
			if _, err := p.Read(make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
		}
		p.Write([]byte("pay"))
		b.Write([]byte("approved"))
		read()
		<-time.After(2 * time.Millisecond)
		read()
		want := []string{"sent 3 <pay>", "received 8 ..."}
		if got := texts(trace); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		p.Write([]byte("ack"))
		b.Write([]byte("one"))
		read()
		<-time.After(2 * time.Second) // silence ends a burst
		b.Write([]byte("two"))
		read()
		p.SetReadDeadline(time.Now())
		if _, err := p.Read(make([]byte, 1)); err == nil {
			t.Error("no deadline") // and it is no event
		}
		p.SetReadDeadline(time.Time{})
		b.Cut()
		for range 3 {
			if _, err := p.Read(make([]byte, 1)); !errors.Is(err, simulate.ErrCut) {
				t.Errorf("read: %v", err)
			}
		}
		p.Write([]byte("more"))
		p.Close()
		want = []string{
			"sent 3 <pay>", "received 8 <approved>", "sent 3 <ack>", "received 3 <one>",
			"received 3 <two>; pipe: the line was cut", "sent 4 <more>; pipe: the line was cut",
		}
		if got := texts(trace); !slices.Equal(got, want) {
			t.Errorf("events\n%q, want\n%q", got, want)
		}
		if e := trace.Events()[1]; e.Took != 2*time.Millisecond {
			t.Errorf("the burst took %s", e.Took)
		}
		for name, s := range map[string]string{"log": log.String(), "lines": lines.String()} {
			if n := strings.Count(s, "\n"); n != len(want) || !strings.Contains(s, "approved") {
				t.Errorf("%s has %d lines:\n%s", name, n, s)
			}
		}
		<-p.(interface{ Gone() <-chan struct{} }).Gone()
	})
}

func TestTraceWithoutMaskShowsNothing(t *testing.T) {
	var lines bytes.Buffer
	trace := NewTrace(TraceOptions{Writer: &lines})
	a, b := simulate.Pipe()
	defer b.Close()
	p := Traced(a, trace)
	b.Write([]byte("secret"))
	p.Read(make([]byte, 9))
	p.Write([]byte("secret"))
	p.Close()
	if s := lines.String() + fmt.Sprint(trace.Events()); strings.Contains(s, "secret") || !strings.Contains(s, "6 bytes") {
		t.Errorf("trace shows %s", s)
	}
}

func TestTraceIsBounded(t *testing.T) {
	trace := NewTrace(TraceOptions{Size: 3, Mask: plainText})
	now := time.Now()
	for i := range 10 {
		trace.sent(now, now, []byte{'a' + byte(i)}, nil)
	}
	if got, want := texts(trace), []string{"sent 1 h", "sent 1 i", "sent 1 j"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	for range 1000 { // a babbling terminal
		trace.received(now, bytes.Repeat([]byte{'x'}, 4096))
	}
	if n := len(trace.Events()); n != 3 {
		t.Errorf("%d events are kept", n)
	}
	if cap(trace.burst) > 2*burstLimit {
		t.Errorf("the burst has grown to %d bytes", cap(trace.burst))
	}
	for _, e := range trace.Events() {
		if len(e.Text) > textLimit {
			t.Errorf("a text of %d bytes", len(e.Text))
		}
	}
}

func TestTraceSurvivesAMaskThatPanics(t *testing.T) {
	trace := NewTrace(TraceOptions{Mask: func(_ Direction, b []byte) string { return string(b[99]) }})
	trace.sent(time.Now(), time.Now(), []byte("x"), nil)
	if got, want := texts(trace), []string{"sent 1"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestTraceMasksEdges(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"1234":                      "1234",
		"12345":                     "*****",
		"12 34 5 rest":              "** ** * rest",
		"rest 41 11-11":             "rest ** **-**",
		"[411111]":                  "[411111]",
		"a 411111 b":                "a 411111 b",
		"4111111111111111":          "****************",
		"pan 4111111111111111 end":  "pan ************1111 end",
		"12.50 EUR approved, 1234 ": "12.50 EUR approved, 1234 ",
	} {
		trace := NewTrace(TraceOptions{Mask: plainText})
		if got := trace.text(Received, []byte(in)); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

// However a card number is cut by the line, and even with a Mask that hides nothing, no trace lets anybody
// read more than its last four digits: neither one event, nor all events one after another.
func TestTraceNeverShowsACardNumber(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	digits := regexp.MustCompile(`[0-9]`)
	for round := range 2000 {
		pan := "4"
		for range 12 + random.IntN(7) {
			pan += string(rune('0' + random.IntN(10)))
		}
		var out bytes.Buffer
		trace := NewTrace(TraceOptions{Mask: plainText, Writer: &out})
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // its digits are in the text, and are no card's
		for rest := "PAN=" + pan + ";"; rest != ""; {
			n := 1 + random.IntN(len(rest))
			trace.received(now, []byte(rest[:n]))
			rest = rest[n:]
			switch random.IntN(4) {
			case 0, 3: // an acknowledgement in between
				trace.sent(now, now, []byte{6}, nil)
			case 1: // a pause
				now = now.Add(2 * burstPause)
			case 2:
				trace.Events()
			}
		}
		trace.ended(now, nil)
		shown := 0
		for _, e := range trace.Events() {
			if e.Direction == Received {
				shown += len(digits.FindAllString(e.Text, -1))
			}
		}
		if shown > 4 {
			t.Fatalf("round %d: %d digits of %s are shown:\n%s", round, shown, pan, out.String())
		}
		if strings.Contains(out.String(), pan[:5]) {
			t.Fatalf("round %d: the beginning of %s is shown:\n%s", round, pan, out.String())
		}
	}
}

// Long texts are kept for a shorter time, so that a noisy line does not fill the memory.
func TestTraceIsBoundedInBytes(t *testing.T) {
	trace := NewTrace(TraceOptions{Mask: func(Direction, []byte) string { return strings.Repeat("x", 10000) }})
	now := time.Now()
	for range 200 {
		trace.sent(now, now, []byte{1}, nil)
	}
	n := 0
	for _, e := range trace.Events() {
		n += len(e.Text)
	}
	if n > keptText || n < keptText-20000 {
		t.Errorf("%d bytes are kept", n)
	}
}

// With a name the lines are fit for a file of many days and several terminals.
func TestTraceLinesWithAName(t *testing.T) {
	var lines bytes.Buffer
	trace := NewTrace(TraceOptions{Writer: &lines, Name: "counter", Mask: plainText})
	at := time.Date(2026, 3, 1, 10, 15, 4, 123456000, time.Local)
	trace.sent(at, at, []byte("pay"), nil)
	if got := lines.String(); got != "2026-03-01 10:15:04.123456 counter sent 3 bytes: pay\n" {
		t.Errorf("the line is %q", got)
	}
}

// Lost tells of a line that broke, once, and not of one that we closed.
func TestTraceTellsOfALostLine(t *testing.T) {
	var lost []error
	trace := NewTrace(TraceOptions{Lost: func(err error) { lost = append(lost, err) }})
	a, b := simulate.Pipe()
	p := Traced(a, trace)
	b.Cut()
	for range 2 {
		if _, err := p.Read(make([]byte, 1)); err == nil {
			t.Fatal("a cut line can be read")
		}
	}
	a, _ = simulate.Pipe()
	q := Traced(a, trace)
	q.Close()
	if _, err := q.Read(make([]byte, 1)); err == nil {
		t.Fatal("a closed line can be read")
	}
	if len(lost) != 1 || !errors.Is(lost[0], simulate.ErrCut) {
		t.Errorf("it tells %v", lost)
	}
}
