package simulate

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"tillbridge/terminal"
)

// faced is a simulator that answers every byte with the next one, until its cable is pulled.
type faced struct {
	*Desk
	mu  sync.Mutex
	now terminal.Port
}

func (f *faced) Actions() []string { return nil }

func (f *faced) Press(string) error {
	f.SetCabled(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.Close()
}

func (f *faced) Serve(ctx context.Context, p terminal.Port, _ terminal.LinkKind) error {
	f.mu.Lock()
	f.now = p
	f.mu.Unlock()
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	b := make([]byte, 1)
	for {
		if _, err := p.Read(b); err != nil {
			_ = p.Close()
			return errors.Join(ErrCut, err)
		}
		b[0]++
		if _, err := p.Write(b); err != nil {
			return err
		}
	}
}

func newFaced(t *testing.T) *faced {
	t.Helper()
	d, err := NewDesk(terminal.SimulatorOptions{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &faced{Desk: d}
}

// echoed writes a byte to the device at path and wants the next one back.
func echoed(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte{'a'}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.Read(b); err != nil || b[0] != 'b' {
		t.Fatalf("read %q, %v; want b", b, err)
	}
}

func TestPTYComesBackUnderTheSameLink(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are made on Linux only, this is " + runtime.GOOS)
	}
	link := filepath.Join(t.TempDir(), "tty")
	sim := newFaced(t)
	opened := make(chan string, 4)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Lines{Sim: sim, Opened: func(w string) { opened <- w }}.PTY(ctx, link) }()
	<-opened
	echoed(t, link)
	if err := sim.Press("pull"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		if _, err := os.Lstat(link); errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the device is still there while the cable is out")
		}
	}
	sim.SetCabled(true)
	<-opened
	echoed(t, link)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestTCPServesUntilItsContextEnds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Lines{Sim: newFaced(t)}.TCP(ctx, listener) }()
	for range connectionsMost {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b := []byte{'a'}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(b); err != nil || b[0] != 'b' {
			t.Fatalf("read %q, %v; want b", b, err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
