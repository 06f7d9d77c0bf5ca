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

	"tillbridge/terminal"
)

var (
	_ terminal.Port = (*PipeEnd)(nil)
	_ terminal.Port = (*PTYPort)(nil)
)

// outcome is what a Read returned, and when.
type outcome struct {
	text string
	err  error
	at   time.Time
}

func readOnce(p terminal.Port, size int) outcome {
	b := make([]byte, size)
	n, err := p.Read(b)
	return outcome{string(b[:n]), err, time.Now()}
}

func goRead(p terminal.Port, size int) <-chan outcome {
	c := make(chan outcome, 1)
	go func() { c <- readOnce(p, size) }()
	return c
}

func TestPipeCarriesBytesBothWays(t *testing.T) {
	a, b := Pipe()
	defer a.Close()
	defer b.Close()
	for _, w := range []struct {
		to   *PipeEnd
		text string
	}{{a, "one"}, {a, "two"}, {b, "back"}} {
		if n, err := w.to.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", w.text, n, err)
		}
	}
	if o := readOnce(b, 4); o.text != "onet" || o.err != nil {
		t.Errorf("b read %q, %v", o.text, o.err)
	}
	if o := readOnce(b, 99); o.text != "wo" || o.err != nil {
		t.Errorf("b read %q, %v", o.text, o.err)
	}
	if o := readOnce(a, 99); o.text != "back" || o.err != nil {
		t.Errorf("a read %q, %v", o.text, o.err)
	}
	if o := readOnce(a, 0); o.err != nil {
		t.Errorf("an empty read: %v", o.err)
	}
}

func TestPipeDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		begin := time.Now()
		a.SetReadDeadline(begin.Add(300 * time.Millisecond))
		o := readOnce(a, 9)
		if !errors.Is(o.err, os.ErrDeadlineExceeded) || o.at.Sub(begin) != 300*time.Millisecond {
			t.Errorf("read ended with %v after %s", o.err, o.at.Sub(begin))
		}
		// A deadline in the past refuses even what is there, as a net.Conn does; a new one lets it through.
		b.Write([]byte("x"))
		if o = readOnce(a, 9); !errors.Is(o.err, os.ErrDeadlineExceeded) {
			t.Errorf("after the deadline: %v", o.err)
		}
		a.SetReadDeadline(time.Time{})
		if o = readOnce(a, 9); o.text != "x" {
			t.Errorf("without deadline: %q, %v", o.text, o.err)
		}
		// A deadline moved while a Read waits counts, in both directions.
		c := goRead(a, 9)
		synctest.Wait()
		a.SetReadDeadline(time.Now().Add(time.Hour))
		a.SetReadDeadline(time.Now().Add(time.Minute))
		begin = time.Now()
		if o = <-c; o.at.Sub(begin) != time.Minute || !errors.Is(o.err, os.ErrDeadlineExceeded) {
			t.Errorf("moved deadline: %v after %s", o.err, o.at.Sub(begin))
		}
		a.SetReadDeadline(time.Now().Add(time.Second))
		a.SetReadDeadline(time.Time{})
		c = goRead(a, 9)
		<-time.After(time.Hour)
		b.Write([]byte("late"))
		if o = <-c; o.text != "late" {
			t.Errorf("cleared deadline: %q, %v", o.text, o.err)
		}
	})
}

func TestPipeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		c := goRead(a, 9)
		synctest.Wait()
		b.Write([]byte("rest"))
		if o := <-c; o.text != "rest" {
			t.Errorf("read %q, %v", o.text, o.err)
		}
		c = goRead(b, 9)
		synctest.Wait()
		a.Write([]byte("last"))
		a.Close()
		a.Close()
		if o := <-c; o.text != "last" {
			t.Errorf("what was on the way: %q, %v", o.text, o.err)
		}
		if o := readOnce(b, 9); o.err != io.EOF {
			t.Errorf("after the other end closed: %v", o.err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("write to a closed end: %v", err)
		}
		select {
		case <-b.Gone():
		default:
			t.Error("b does not know that a is gone")
		}
		for name, err := range map[string]error{
			"read": readOnce(a, 9).err, "write": second(a.Write([]byte("x"))), "deadline": a.SetReadDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) || !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s after our own close: %v", name, err)
			}
		}
		// Closing ends a blocked Read of the same end.
		d, e := Pipe()
		c = goRead(d, 9)
		synctest.Wait()
		d.Close()
		if o := <-c; !errors.Is(o.err, net.ErrClosed) {
			t.Errorf("blocked read after close: %v", o.err)
		}
		e.Close()
	})
}

func second(_ int, err error) error { return err }

func TestPipeCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		c := goRead(a, 9)
		a.Write([]byte("lost on the way"))
		synctest.Wait()
		a.Cut()
		b.Cut()
		if o := <-c; !errors.Is(o.err, ErrCut) {
			t.Errorf("blocked read: %v", o.err)
		}
		if o := readOnce(b, 99); !errors.Is(o.err, ErrCut) || o.text != "" {
			t.Errorf("other end read %q, %v", o.text, o.err)
		}
		for name, p := range map[string]*PipeEnd{"a": a, "b": b} {
			if _, err := p.Write([]byte("x")); !errors.Is(err, ErrCut) {
				t.Errorf("write to %s: %v", name, err)
			}
			<-p.Gone()
			if p.Close() != nil {
				t.Error("close after a cut")
			}
		}
	})
}

func TestPipeWriteWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		sent := bytes.Repeat([]byte("0123456789abcdef"), 5000) // 80,000 bytes
		wrote := make(chan error, 1)
		go func() { wrote <- second(a.Write(sent)) }()
		synctest.Wait()
		select {
		case err := <-wrote:
			t.Fatalf("80,000 bytes were written without a reader: %v", err)
		default:
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("bytes differ, %v", err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		go func() { wrote <- second(a.Write(sent)) }()
		synctest.Wait()
		a.Cut()
		if err := <-wrote; !errors.Is(err, ErrCut) {
			t.Errorf("a blocked write after a cut: %v", err)
		}
	})
}

// Bytes that are written for later come then, in order, and what has not passed is lost by Abort.
func TestPipeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		begin := time.Now()
		for i, at := range []time.Duration{time.Second, 0, 3 * time.Second} {
			if _, err := a.WriteAt([]byte{byte(i), byte(i)}, begin.Add(at), 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 1)
		for i, at := range []time.Duration{1100, 1200, 1300, 1400, 3100} {
			if _, err := b.Read(buf); err != nil || time.Since(begin) != at*time.Millisecond {
				t.Errorf("byte %d is %d, %v, after %s, want %d ms", i, buf[0], err, time.Since(begin), at)
			}
		}
		if err := a.Abort(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(buf); !errors.Is(err, io.EOF) {
			t.Errorf("after Abort: %d, %v", buf[0], err)
		}
	})
}
