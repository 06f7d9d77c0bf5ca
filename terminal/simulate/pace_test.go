package simulate

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals reads n bytes one by one and tells when each came, measured from begin.
func arrivals(t *testing.T, r io.Reader, n int, begin time.Time) (at []time.Duration) {
	t.Helper()
	for b := make([]byte, 1); len(at) < n; {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("byte %d: %v", len(at), err)
		}
		at = append(at, time.Since(begin))
	}
	return at
}

// Each byte arrives when its last bit has passed: at 9600 8N1 the byte k, from 1, after k * 10/9600 s.
func TestPaceIsALinesSpeedBothWays(t *testing.T) {
	for _, c := range []struct {
		bps, bits int
		each      time.Duration
	}{{9600, 10, 1041666}, {115200, 10, 86805}, {1200, 11, 9166666}} {
		synctest.Test(t, func(t *testing.T) {
			a, b := Pipe()
			p := Pace(a, c.bps, c.bits)
			begin := time.Now()
			p.Write(make([]byte, 100))
			p.Write(make([]byte, 50)) // follows the first without a gap
			if took := time.Since(begin); took != 0 {
				t.Errorf("%d: Write waited for the line: %s", c.bps, took)
			}
			for k, at := range arrivals(t, b, 150, begin) {
				if want := time.Duration(k+1) * c.each; at != want {
					t.Fatalf("%d: sent byte %d came after %s, want %s", c.bps, k, at, want)
				}
			}
			begin = time.Now()
			b.Write(make([]byte, 100))
			for k, at := range arrivals(t, p, 100, begin) {
				if want := time.Duration(k+1) * c.each; at != want {
					t.Fatalf("%d: received byte %d came after %s, want %s", c.bps, k, at, want)
				}
			}
			p.Close()
		})
	}
}

func TestPaceCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		p := Pace(a, 9600, 10)
		defer p.Close()
		b.Write(make([]byte, 100))
		<-time.After(50 * time.Millisecond) // a reader that comes late finds all that has passed: 48 bytes
		if o := readOnce(p, 99); len(o.text) != 48 {
			t.Errorf("%d bytes were there after 50 ms, want 48", len(o.text))
		}
		begin := time.Now()
		arrivals(t, p, 52, begin)
		if took := time.Since(begin); took != 100*1041666-50*time.Millisecond {
			t.Errorf("the rest took %s", took)
		}
	})
}

func TestPaceKeepsThePortsContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		p := Pace(a, 9600, 10)
		begin := time.Now()
		p.SetReadDeadline(begin.Add(5 * time.Millisecond))
		b.Write(make([]byte, 10))
		n := 0
		var err error
		for buf := make([]byte, 10); err == nil; {
			var m int
			m, err = p.Read(buf)
			n += m
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || n != 4 || time.Since(begin) != 5*time.Millisecond {
			t.Errorf("4 bytes pass in 5 ms; read %d, %v after %s", n, err, time.Since(begin))
		}
		// What was written before Close still leaves, in its time.
		sent := bytes.Repeat([]byte("ack!"), 100)
		p.Write(sent)
		begin = time.Now()
		got := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(b)
			got <- all
		}()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 400*1041666 {
			t.Errorf("close took %s", took)
		}
		if all := <-got; !bytes.Equal(all, sent) {
			t.Errorf("%d of %d bytes left", len(all), len(sent))
		}
		p.Close()
		if _, err := p.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if o := readOnce(p, 1); !errors.Is(o.err, net.ErrClosed) {
			t.Errorf("read after close: %v", o.err)
		}
	})
}

func TestPaceLearnsOfTheLinesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		p := Pace(a, 9600, 10)
		b.Write([]byte("tail"))
		b.Close()
		all, err := io.ReadAll(p)
		if string(all) != "tail" || err != nil {
			t.Errorf("read %q, %v before the end", all, err)
		}
		<-p.(interface{ Gone() <-chan struct{} }).Gone()
		p.Close()

		a, b = Pipe()
		p = Pace(a, 9600, 10)
		c := goRead(p, 9)
		synctest.Wait()
		b.Cut()
		if o := <-c; !errors.Is(o.err, ErrCut) {
			t.Errorf("blocked read: %v", o.err)
		}
		p.Write([]byte("x")) // the line takes it and finds out
		<-time.After(time.Second)
		if _, err := p.Write([]byte("y")); !errors.Is(err, ErrCut) {
			t.Errorf("write after the cut: %v", err)
		}
		begin := time.Now()
		p.Close()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("close of a cut line took %s", took)
		}
	})
}

// A peer that does not read must not hold up Close for ever.
func TestPaceCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		a.Write(make([]byte, pipeLimit))
		p := Pace(a, 115200, 10)
		p.Write(make([]byte, 100))
		begin := time.Now()
		p.Close()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("close took %s", took)
		}
		b.Close()
	})
}
