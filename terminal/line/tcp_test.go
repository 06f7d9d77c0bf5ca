package line

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillbridge/terminal"
)

// joined opens a connection through Config and returns both ends.
func joined(t *testing.T) (ours terminal.Port, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err = Config{TCP: l.Addr().String()}.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ours.SetReadDeadline(time.Now().Add(10 * time.Second))
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return ours, conn.(*net.TCPConn)
}

func TestTCPSegmentsAndDeadline(t *testing.T) {
	ours, theirs := joined(t)
	frame := []byte{0x04, 0x0F, 0xFF, 0x05, 0x00, 1, 2, 3, 4, 5}
	theirs.SetNoDelay(true)
	go func() {
		for i := range frame { // every byte a segment of its own, as far as the system keeps them apart
			theirs.Write(frame[i : i+1])
		}
		theirs.Write(bytes.Repeat(frame, 5000)) // and many frames in one
	}()
	got := make([]byte, len(frame)*5001)
	if _, err := io.ReadFull(ours, got); err != nil || !bytes.Equal(got, bytes.Repeat(frame, 5001)) {
		t.Errorf("bytes differ, %v", err)
	}
	begin := time.Now()
	ours.SetReadDeadline(begin.Add(100 * time.Millisecond))
	n, err := ours.Read(got)
	if took := time.Since(begin); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrGone) || took < 100*time.Millisecond {
		t.Errorf("deadline: %d, %v after %s", n, err, took)
	}
	if _, err := ours.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(theirs, got[:6]); string(got[:6]) != "answer" || err != nil {
		t.Errorf("the peer read %q, %v", got[:6], err)
	}
}

func TestTCPPeerCloses(t *testing.T) {
	for _, reset := range []bool{false, true} {
		ours, theirs := joined(t)
		theirs.Write([]byte("bye"))
		b := make([]byte, 3)
		if _, err := io.ReadFull(ours, b); err != nil {
			t.Fatal(err)
		}
		if reset {
			theirs.SetLinger(0)
		}
		theirs.Close()
		_, err := ours.Read(b)
		// Wine 10 tells a reset as a stream's end about once in fifteen; either way the line is gone.
		told := errors.Is(err, io.EOF) && (!reset || runtime.GOOS == "windows") || reset && errors.Is(err, errReset)
		if !errors.Is(err, ErrGone) || !told || errors.Is(err, os.ErrClosed) {
			t.Errorf("reset %t: read: %v", reset, err)
		}
		for deadline := time.Now().Add(5 * time.Second); err == nil || !errors.Is(err, ErrGone); {
			if _, err = ours.Write([]byte("x")); time.Now().After(deadline) {
				t.Fatalf("reset %t: writing to nobody: %v", reset, err)
			}
		}
		if err := ours.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func TestTCPOwnClose(t *testing.T) {
	ours, theirs := joined(t)
	ended := make(chan error, 1)
	go func() { ended <- second(ours.Read(make([]byte, 1))) }()
	if err := ours.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := ours.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	for name, err := range map[string]error{
		"blocked read": <-ended, "read": second(ours.Read(make([]byte, 1))),
		"write": second(ours.Write([]byte("x"))), "deadline": ours.SetReadDeadline(time.Now()),
	} {
		if !errors.Is(err, net.ErrClosed) || !errors.Is(err, os.ErrClosed) || errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer: %v", err)
	}
}

// A peer that takes no more bytes must not hold us for ever.
func TestTCPStuckWrite(t *testing.T) {
	t.Parallel()
	ours, theirs := joined(t)
	ours.(*tcpPort).limit = 200 * time.Millisecond
	theirs.SetReadBuffer(4096)
	chunk := make([]byte, 1<<20)
	var err error
	begin := time.Now()
	for i := 0; err == nil && i < 64; i++ {
		begin = time.Now()
		_, err = ours.Write(chunk)
	}
	if took := time.Since(begin); !errors.Is(err, ErrStuck) || errors.Is(err, os.ErrDeadlineExceeded) || took > 5*time.Second {
		t.Fatalf("write: %v after %s", err, took)
	}
	if n, err := ours.Write([]byte("x")); n != 0 || !errors.Is(err, ErrStuck) {
		t.Errorf("the next write: %d, %v", n, err)
	}
	if err := ours.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	// What had not left is dropped, not sent later.
	if _, err := io.Copy(io.Discard, theirs); !errors.Is(err, errReset) {
		t.Errorf("the peer's stream ended with %v, want a reset", err)
	}
}

// What waits on our side because the peer does not read must not reach it after Abort, nor after a kill: it may be
// a sale that is taken for not sent by then. Close lets it leave.
func TestTCPAbortDropsWhatIsUnsent(t *testing.T) {
	for _, end := range []string{"close", "abort", "abort of a trace", "killed"} {
		ours, theirs := joined(t)
		// The peer has stopped reading: it answers nothing to a stream that fills what its system takes.
		filler := bytes.Repeat([]byte{0x80, 0, 0}, 100_000)
		ours.(*tcpPort).conn.SetWriteBuffer(4 << 20)
		theirs.SetDeadline(time.Now().Add(60 * time.Second))
		sent := 0
		for range 8 {
			n, err := ours.Write(filler)
			sent += n
			if err != nil {
				t.Fatalf("%s: %v", end, err)
			}
		}
		sale := []byte{0x06, 0x01, 0x0A, 0x04, 0, 0, 0, 0, 0x12, 0x50, 0x49, 0x09, 0x78}
		if n, err := ours.Write(sale); n != len(sale) || err != nil {
			t.Fatalf("%s: the sale: %d, %v", end, n, err)
		}
		var err error
		switch end {
		case "close":
			err = ours.Close()
		case "abort":
			err = ours.(interface{ Abort() error }).Abort()
		case "abort of a trace":
			err = Traced(ours, NewTrace(TraceOptions{})).(interface{ Abort() error }).Abort()
		case "killed": // the system closes what a killed program had open, and nothing of ours runs any more
			err = ours.(*tcpPort).conn.Close()
		}
		if err != nil {
			t.Errorf("%s: %v", end, err)
		}
		got, err := io.ReadAll(theirs)
		if arrived := bytes.Contains(got, sale); arrived != (end == "close") {
			t.Errorf("%s: the peer read %d of %d bytes, then %v; the sale among them: %t", end, len(got), sent+len(sale), err, arrived)
		}
		if end != "close" && !errors.Is(err, errReset) {
			t.Errorf("%s: the peer's stream ended with %v, want a reset", end, err)
		}
		if _, err := ours.Write(sale); end != "killed" && !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: write afterwards: %v", end, err)
		}
	}
}

func TestTCPRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	p, err := Config{TCP: address}.Open(context.Background())
	if p != nil || !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("nobody listens: %v, %v", p, err)
	}
	// .invalid never exists, RFC 6761.
	if p, err := (Config{TCP: "terminal.invalid:1"}).Open(context.Background()); p != nil || err == nil {
		t.Errorf("no such name: %v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if p, err := (Config{TCP: address}).Open(ctx); p != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v, %v", p, err)
	}
}

func TestTCPDialTimesOut(t *testing.T) {
	t.Parallel()
	// A listener whose queue is full lets further connections wait, as a dead address does.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Skipf("no plain socket to be had: %v", err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	for range 8 {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		begin := time.Now()
		p, err := Config{TCP: address}.Open(ctx)
		cancel()
		if err == nil {
			defer p.Close()
			continue // still room in the queue
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		return
	}
	t.Skip("this system's queue takes every connection")
}
