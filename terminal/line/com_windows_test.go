package line

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"tillbridge/terminal"
)

// TestCOMPort uses a COM port whose far side sends back what it is sent: one with a loop-back plug (pins 2 and 3
// bridged), or one that Wine maps to such a thing, which TestWindows in cmd/tillbridge does.
func TestCOMPort(t *testing.T) {
	name := os.Getenv("TILLBRIDGE_COM")
	if name == "" {
		t.Skip("skipped: TILLBRIDGE_COM does not name a COM port that sends back what it is sent")
	}
	o := NewOpener(Config{Serial: name, Baud: 115200, DataBits: 8, Parity: "none", StopBits: "1"})
	open := func(t *testing.T) terminal.Port {
		t.Helper()
		p, err := o.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() }) // it may be closed already
		if q, ok := p.(*serialPort).dev.(queued); !ok || q.handle == 0 {
			t.Error("the library's handle is not found, so that each byte costs a call")
		}
		return p
	}
	t.Run("echo", func(t *testing.T) { echoed(t, open(t)) })
	t.Run("read deadline", func(t *testing.T) { expires(t, open(t)) })
	// Each opens the port again, which the one before must have let go.
	for _, end := range []string{"close", "abort", "close"} {
		t.Run(end+" while a read waits", func(t *testing.T) { endsRead(t, open(t), end) })
	}
	t.Run("echo after all", func(t *testing.T) { echoed(t, open(t)) })
}

// echoed sends frames of a terminal's sizes and reads them back.
func echoed(t *testing.T, p terminal.Port) {
	t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	total, begin := 0, time.Now()
	for _, size := range []int{1, 3, 64, 260, 1024, 4000} {
		frame := make([]byte, size)
		for i := range frame {
			frame[i] = byte(i*7 + size)
		}
		if _, err := p.Write(frame); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size)
		if n, err := io.ReadFull(p, got); err != nil || !bytes.Equal(got, frame) {
			t.Fatalf("of %d bytes %d came back, %v; as they were: %t", size, n, err, bytes.Equal(got, frame))
		}
		total += size
	}
	took := time.Since(begin)
	t.Logf("note: line: %d bytes there and back in %s, %.0f µs a byte", total, took.Round(time.Millisecond), float64(took.Microseconds())/float64(total))
}

// expires lets a read wait for what does not come.
func expires(t *testing.T, p terminal.Port) {
	t.Helper()
	for range 3 {
		const wait = 100 * time.Millisecond
		begin := time.Now()
		if err := p.SetReadDeadline(begin.Add(wait)); err != nil {
			t.Fatal(err)
		}
		n, err := p.Read(make([]byte, 10))
		if took := time.Since(begin); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || took < wait {
			t.Fatalf("read %d bytes, %v, after %s", n, err, took)
		}
	}
}

// endsRead closes the port while a read waits, in our own code and in the system.
func endsRead(t *testing.T, p terminal.Port, end string) {
	t.Helper()
	port := p.(*serialPort)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Read(make([]byte, 10))
		ended <- err
	}()
	begin := time.Now()
	finish := port.Close
	if end == "abort" {
		finish = port.Abort
	}
	if err := finish(); err != nil {
		t.Errorf("%s: %v", end, err)
	}
	t.Logf("note: line: %s took %s", end, time.Since(begin).Round(time.Millisecond))
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("the read ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the read has not ended")
	}
	if !port.ended() {
		t.Errorf("a system call goes on after %s", end)
	}
}
