package line

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

var (
	_ terminal.Port = (*serialPort)(nil)
	_ terminal.Port = (*tcpPort)(nil)
)

// fakeDevice is a device whose system calls do what a test says.
type fakeDevice struct {
	read  func([]byte) (int, error)
	write func([]byte) (int, error)
	close func() error
	flush func() error

	mu     sync.Mutex
	events []string
}

func (d *fakeDevice) note(e string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *fakeDevice) noted() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.events...)
}

func (d *fakeDevice) Read(b []byte) (int, error)  { return d.read(b) }
func (d *fakeDevice) Write(b []byte) (int, error) { return d.write(b) }

func (d *fakeDevice) ResetOutputBuffer() error {
	d.note("flush")
	if d.flush != nil {
		return d.flush()
	}
	return nil
}

func (d *fakeDevice) Close() error {
	d.note("close")
	if d.close != nil {
		return d.close()
	}
	return nil
}

// quiet is the read of a device to which nothing comes.
func quiet([]byte) (int, error) {
	<-time.After(pollEvery)
	return 0, nil
}

// from reads what comes over a channel; a closed one is an unplugged device.
func from(c <-chan string) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		select {
		case s, ok := <-c:
			if !ok {
				return 0, syscall.EIO
			}
			return copy(b, s), nil
		case <-time.After(pollEvery):
			return 0, nil
		}
	}
}

func testLimits() limits {
	return limits{grace: closeGrace, close: closeTimeout, write: func(int) time.Duration { return writeTimeout }}
}

func fakePort(d *fakeDevice) (p *serialPort, released *bool) {
	released = new(bool)
	if d.read == nil {
		d.read = quiet
	}
	if d.write == nil {
		d.write = func(b []byte) (int, error) { return len(b), nil }
	}
	return newSerial("fake", d, func() { d.note("release"); *released = true }, testLimits()), released
}

func TestSerialReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan string)
		p, _ := fakePort(&fakeDevice{read: from(c)})
		defer p.Close()
		b := make([]byte, 9)
		for _, wait := range []time.Duration{time.Millisecond, 130 * time.Millisecond, 10 * time.Second} {
			begin := time.Now()
			p.SetReadDeadline(begin.Add(wait))
			n, err := p.Read(b)
			if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != wait {
				t.Errorf("deadline in %s: %d, %v after %s", wait, n, err, time.Since(begin))
			}
		}
		// The library's time-out, 0 bytes and no error, must never be seen: io.ReadFull would spin.
		begin := time.Now()
		p.SetReadDeadline(begin.Add(time.Second))
		c <- "ab"
		if n, err := io.ReadFull(p, b[:4]); n != 2 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("ReadFull: %d, %v after %s", n, err, time.Since(begin))
		}
		p.SetReadDeadline(time.Time{})
		go func() {
			<-time.After(time.Hour)
			c <- "late"
		}()
		if n, err := p.Read(b); string(b[:n]) != "late" || err != nil {
			t.Errorf("without deadline: %q, %v", b[:n], err)
		}
		// A deadline set while a Read waits ends it.
		go func() {
			<-time.After(time.Second)
			p.SetReadDeadline(time.Now())
		}()
		if _, err := p.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline during the read: %v", err)
		}
	})
}

// What the system still holds is dropped by Abort before the device is closed, and left to go by Close.
func TestSerialAbortDropsWhatIsUnsent(t *testing.T) {
	for _, c := range []struct{ abort, traced bool }{{}, {abort: true}, {abort: true, traced: true}} {
		synctest.Test(t, func(t *testing.T) {
			d := &fakeDevice{read: quiet, write: func(b []byte) (int, error) { return len(b), nil }}
			fake, _ := fakePort(d)
			p := terminal.Port(fake)
			if c.traced {
				p = Traced(p, NewTrace(TraceOptions{}))
			}
			if _, err := p.Write([]byte("a sale")); err != nil {
				t.Fatal(err)
			}
			end, want := p.Close, []string{"close", "release"}
			if c.abort {
				end, want = p.(interface{ Abort() error }).Abort, []string{"flush", "close", "release"}
			}
			if err := end(); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
			if got := d.noted(); !slices.Equal(got, want) {
				t.Errorf("%+v: the device saw %v, want %v", c, got, want)
			}
			if _, err := p.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%+v: write afterwards: %v", c, err)
			}
		})
	}
}

func TestSerialUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan string, 1)
		d := &fakeDevice{read: from(c)}
		p, released := fakePort(d)
		c <- "rest"
		close(c)
		<-p.Gone() // nobody needs to read for it to be known
		b := make([]byte, 9)
		if n, err := p.Read(b); string(b[:n]) != "rest" || err != nil {
			t.Errorf("what had come before: %q, %v", b[:n], err)
		}
		for range 2 {
			_, err := p.Read(b)
			if !errors.Is(err, ErrGone) || !errors.Is(err, syscall.EIO) || errors.Is(err, os.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, ErrGone) || errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := p.Close(); err != nil || !*released {
			t.Errorf("close: %v, lock given back: %t", err, *released)
		}
		for name, err := range map[string]error{
			"read": second(p.Read(b)), "write": second(p.Write(b)), "deadline": p.SetReadDeadline(time.Now()),
		} {
			if !errors.Is(err, os.ErrClosed) || !errors.Is(err, net.ErrClosed) || errors.Is(err, ErrGone) {
				t.Errorf("%s after our own close: %v", name, err)
			}
		}
	})
}

func second(_ int, err error) error { return err }

func TestSerialOwnCloseIsNotALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDevice{}
		d.read = func([]byte) (int, error) {
			<-time.After(pollEvery)
			d.note("read")
			return 0, nil
		}
		p, released := fakePort(d)
		ended := make(chan error)
		go func() { ended <- second(p.Read(make([]byte, 9))) }()
		synctest.Wait()
		begin := time.Now()
		closing := make(chan error)
		go func() { closing <- p.Close() }()
		if err := <-ended; !errors.Is(err, net.ErrClosed) || time.Since(begin) != 0 {
			t.Errorf("blocked read: %v after %s", err, time.Since(begin))
		}
		if err := <-closing; err != nil || time.Since(begin) > pollEvery {
			t.Errorf("close: %v after %s", err, time.Since(begin))
		}
		if err := p.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		select {
		case <-p.Gone():
			t.Error("our own close reads as a loss")
		default:
		}
		// The descriptor is closed when nobody uses it, the lock given back when it is closed.
		<-time.After(time.Second)
		if got := d.noted(); !slices.Equal(got, []string{"read", "close", "release"}) || !*released {
			t.Errorf("order was %q", got)
		}
	})
}

func TestSerialInterruptedAndSpinning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		p, _ := fakePort(&fakeDevice{read: func(b []byte) (int, error) {
			reads++
			if reads%2 == 0 {
				return 0, syscall.EINTR
			}
			return 0, nil // at once, as a broken driver does
		}})
		p.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		p.Close()
		if reads < 1000 || reads > 3000 {
			t.Errorf("%d system calls in 10 s", reads)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var got bytes.Buffer
		calls := 0
		p, _ := fakePort(&fakeDevice{write: func(b []byte) (int, error) {
			calls++
			switch calls % 3 {
			case 1:
				return 0, syscall.EINTR
			case 2:
				n, _ := got.Write(b[:(len(b)+1)/2])
				return n, syscall.EINTR
			}
			return got.Write(b)
		}})
		defer p.Close()
		if n, err := p.Write([]byte("all of it")); n != 9 || err != nil || got.String() != "all of it" {
			t.Errorf("write: %d, %v; %q went out", n, err, got.String())
		}
	})
}

// A read that hangs in the system, deaf even to Close, and a close that hangs: neither holds us up.
func TestSerialStuckSystemCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		hang := func() { <-free }
		d := &fakeDevice{read: func([]byte) (int, error) { hang(); return 0, syscall.EIO }}
		p, released := fakePort(d)
		begin := time.Now()
		p.SetReadDeadline(begin.Add(time.Second))
		if _, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("read: %v after %s", err, time.Since(begin))
		}
		for range 2 {
			begin = time.Now()
			if err := p.Close(); !errors.Is(err, ErrStuck) || time.Since(begin) > 2*time.Second {
				t.Errorf("close with a stuck read: %v after %s", err, time.Since(begin))
			}
		}
		if *released {
			t.Error("the lock was given back while a system call still used the device")
		}
		if got := d.noted(); len(got) != 1 || got[0] != "close" {
			t.Errorf("did %q; what was written must not be dropped because a read hangs", got)
		}
		close(free)
		synctest.Wait()
		if !*released || p.Close() != nil {
			t.Error("the lock was not given back when the call ended")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		p, released := fakePort(&fakeDevice{close: func() error { <-free; return nil }})
		begin := time.Now()
		if err := p.Close(); !errors.Is(err, ErrStuck) || time.Since(begin) != 2*time.Second || *released {
			t.Errorf("stuck close: %v after %s, lock given back: %t", err, time.Since(begin), *released)
		}
		close(free)
		synctest.Wait()
		if !*released {
			t.Error("the lock was not given back")
		}
	})
}

func TestSerialStuckWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		c := make(chan string, 1)
		took := 0
		d := &fakeDevice{read: from(c), write: func(b []byte) (int, error) {
			took++
			<-free
			return 1, nil // of many
		}}
		p, released := fakePort(d)
		begin := time.Now()
		data := []byte("pay 12.50")
		_, err := p.Write(data)
		if !errors.Is(err, ErrStuck) || errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != writeTimeout {
			t.Errorf("write: %v after %s", err, time.Since(begin))
		}
		begin = time.Now()
		if _, err := p.Write(data); !errors.Is(err, ErrStuck) || time.Since(begin) != 0 {
			t.Errorf("next write: %v after %s", err, time.Since(begin))
		}
		// What the terminal says may still be heard.
		c <- "result"
		b := make([]byte, 9)
		if n, err := p.Read(b); string(b[:n]) != "result" || err != nil {
			t.Errorf("read: %q, %v", b[:n], err)
		}
		if err := p.Close(); !errors.Is(err, ErrStuck) || *released {
			t.Errorf("close: %v, lock given back: %t", err, *released)
		}
		close(free)
		synctest.Wait()
		if took != 1 || !*released {
			t.Errorf("the device was written to %d times; the rest of an abandoned write must stay here", took)
		}
		if got := d.noted(); len(got) < 2 || got[0] != "flush" {
			t.Errorf("did %q; what waits in the system must be dropped", got)
		}
	})
}

func TestSerialWriteErrorIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range []func([]byte) (int, error){
			func([]byte) (int, error) { return 0, syscall.EIO },
			func([]byte) (int, error) { return 0, nil },
			func([]byte) (int, error) { panic("index out of range") },
		} {
			p, _ := fakePort(&fakeDevice{write: w})
			if n, err := p.Write([]byte("x")); n != 0 || err == nil || errors.Is(err, os.ErrClosed) {
				t.Errorf("write: %d, %v", n, err)
			}
			if n, err := p.Write(nil); n != 0 || err != nil {
				t.Errorf("empty write: %d, %v", n, err)
			}
			p.Close()
		}
	})
}

func TestSerialPanicInTheLibraryIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := fakePort(&fakeDevice{read: func([]byte) (int, error) { panic("index out of range [16]") }})
		if _, err := p.Read(make([]byte, 1)); !errors.Is(err, ErrGone) {
			t.Errorf("read: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Bytes that nobody reads wait, first here, then in the system; none is lost and memory is bounded.
func TestSerialInboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		p, _ := fakePort(&fakeDevice{read: func(b []byte) (int, error) {
			for i := range b {
				b[i] = byte(sent + i)
			}
			sent += len(b)
			return len(b), nil
		}})
		synctest.Wait()
		if sent < inboxLimit || sent > inboxLimit+8192 {
			t.Errorf("%d bytes were taken from the system without a reader", sent)
		}
		b := make([]byte, 1000)
		for got := 0; got < 3*inboxLimit; {
			n, err := p.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range b[:n] {
				if c != byte(got+i) {
					t.Fatalf("byte %d is %d", got+i, c)
				}
			}
			got += n
		}
		synctest.Wait() // the pump waits for room
		if cap(p.inbox) > 4*inboxLimit {
			t.Errorf("the inbox has grown to %d bytes", cap(p.inbox))
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSerialQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan string, 1)
		p, _ := fakePort(&fakeDevice{read: from(c)})
		if !p.Quiet() {
			t.Error("nothing has come, and it is not quiet")
		}
		c <- "x"
		synctest.Wait()
		if p.Quiet() {
			t.Error("a byte has come, and it is quiet")
		}
		if _, err := p.Read(make([]byte, 9)); err != nil || !p.Quiet() {
			t.Errorf("the byte was read (%v), and it is not quiet", err)
		}
		close(c)
		<-p.Gone()
		if p.Quiet() {
			t.Error("the line is lost, and it is quiet")
		}
		if err := p.Close(); err != nil || p.Quiet() {
			t.Errorf("closed (%v), and it is quiet", err)
		}
	})
}
