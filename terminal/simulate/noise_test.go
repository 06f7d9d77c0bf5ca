package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"testing"

	"tillbridge/terminal"
)

// through sends data over a noisy line in pieces of the given size and returns what came.
func through(t *testing.T, rate float64, seed uint64, data []byte, piece int, back bool) []byte {
	t.Helper()
	a, b := Pipe()
	defer a.Close()
	defer b.Close()
	var from, to terminal.Port = Noise(a, rate, seed), b
	if back {
		from, to = to, from
	}
	go func() {
		for rest := data; len(rest) > 0; {
			n := min(piece, len(rest))
			if _, err := from.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(to, got); err != nil {
		t.Fatal(err)
	}
	return got
}

func flipped(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func TestNoiseHasItsRate(t *testing.T) {
	data := bytes.Repeat([]byte{0, 0xFF, 0x55, 0x10}, 125_000) // 4 million bits
	for _, rate := range []float64{1e-5, 1e-3, 1e-2, 0.5} {
		for _, back := range []bool{false, true} {
			n := flipped(data, through(t, rate, 7, data, 32<<10, back))
			mean := rate * float64(len(data)) * 8
			if off := math.Abs(float64(n)-mean) / math.Sqrt(mean*(1-rate)); off > 4 {
				t.Errorf("rate %g: %d bits flipped, want %.0f: %.1f standard deviations off", rate, n, mean, off)
			}
		}
	}
	if got := through(t, 0, 7, data, 4096, false); !bytes.Equal(got, data) {
		t.Error("a rate of 0 flipped bits")
	}
	if n := flipped(data, through(t, 1, 7, data, 4096, false)); n != len(data)*8 {
		t.Errorf("a rate of 1 flipped %d of %d bits", n, len(data)*8)
	}
}

func TestNoiseIsRepeatable(t *testing.T) {
	data := make([]byte, 50_000)
	first := through(t, 1e-3, 42, data, 1000, false)
	if !bytes.Equal(first, through(t, 1e-3, 42, data, 7, false)) {
		t.Error("the same seed flipped other bits when the bytes were cut otherwise")
	}
	if bytes.Equal(first, through(t, 1e-3, 43, data, 1000, false)) {
		t.Error("another seed flipped the same bits")
	}
	if bytes.Equal(first, through(t, 1e-3, 42, data, 1000, true)) {
		t.Error("both directions flipped the same bits")
	}
	if !bytes.Equal(data, make([]byte, len(data))) {
		t.Error("the writer's own bytes were changed")
	}
}

func TestTapAnnouncesAndRefuses(t *testing.T) {
	a, b := Pipe()
	defer a.Close()
	defer b.Close()
	var story []string
	boom := errors.New("boom")
	refuse := ""
	p := Tap(a, func(e TapEvent) error {
		when := "before"
		if e.After {
			when = "after"
		}
		line := fmt.Sprintf("%s %s %d %q", when, e.Op, e.N, e.Data)
		story = append(story, line)
		if refuse != "" && refuse == fmt.Sprintf("%s %s", when, e.Op) {
			return boom
		}
		return nil
	})
	p.Write([]byte("one"))
	b.Write([]byte("two"))
	if o := readOnce(p, 9); o.text != "two" {
		t.Errorf("read %q, %v", o.text, o.err)
	}
	refuse = "before write"
	if _, err := p.Write([]byte("never")); err != boom {
		t.Errorf("refused write: %v", err)
	}
	refuse = "after write"
	if _, err := p.Write([]byte("gone")); err != boom {
		t.Errorf("write with its answer lost: %v", err)
	}
	if o := readOnce(b, 99); o.text != "onegone" {
		t.Errorf("the other end got %q; a refused write must not leave, a write refused afterwards has", o.text)
	}
	b.Write([]byte("kept"))
	refuse = "before read"
	if o := readOnce(p, 9); o.err != boom {
		t.Errorf("refused read: %v", o.err)
	}
	refuse = "after read"
	if o := readOnce(p, 2); o.err != boom || o.text != "" {
		t.Errorf("read with its bytes lost: %q, %v", o.text, o.err)
	}
	refuse = ""
	if o := readOnce(p, 9); o.text != "pt" {
		t.Errorf("then read %q, %v", o.text, o.err)
	}
	want := []string{
		`before write 1 "one"`, `after write 1 "one"`, `before read 1 ""`, `after read 1 "two"`,
		`before write 2 "never"`, `before write 3 "gone"`, `after write 3 "gone"`,
		`before read 2 ""`, `before read 3 ""`, `after read 3 "ke"`, `before read 4 ""`, `after read 4 "pt"`,
	}
	if fmt.Sprint(story) != fmt.Sprint(want) {
		t.Errorf("announced\n%q, want\n%q", story, want)
	}
}
