package simulate

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func openPTY(t *testing.T, link string) *PTYPort {
	t.Helper()
	p, err := PTY(link)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func openDevice(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.SetDeadline(time.Now().Add(5 * time.Second))
	return f
}

// The line is raw: no byte is echoed, translated or taken for an order.
func TestPTYCarriesEveryByteBothWays(t *testing.T) {
	p := openPTY(t, "")
	f := openDevice(t, p.Path())
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	p.SetReadDeadline(time.Now().Add(5 * time.Second))
	for _, way := range []struct {
		name string
		to   io.Writer
		from io.Reader
	}{{"to the device", p, f}, {"from the device", f, p}} {
		if _, err := way.to.Write(all); err != nil {
			t.Fatalf("%s: %v", way.name, err)
		}
		got := make([]byte, 256)
		if _, err := io.ReadFull(way.from, got); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: got % x, %v", way.name, got, err)
		}
	}
	// Programs may come and go.
	f.Close()
	p.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if o := readOnce(p, 9); !errors.Is(o.err, os.ErrDeadlineExceeded) {
		t.Errorf("with no program there: %q, %v", o.text, o.err)
	}
	f = openDevice(t, p.Path())
	f.Write([]byte("again"))
	p.SetReadDeadline(time.Now().Add(5 * time.Second))
	if o := readOnce(p, 9); o.text != "again" {
		t.Errorf("the next program: %q, %v", o.text, o.err)
	}
}

func TestPTYCloseEndsABlockedReadAndHangsUp(t *testing.T) {
	p := openPTY(t, "")
	f := openDevice(t, p.Path())
	c := goRead(p, 9)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if o := <-c; !errors.Is(o.err, os.ErrClosed) {
		t.Errorf("blocked read: %v", o.err)
	}
	if n, err := f.Read(make([]byte, 9)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the device read %d, %v, want a hang-up", n, err)
	}
}

// After Close everything says that the line was closed, as other ports do.
func TestPTYAfterClose(t *testing.T) {
	p := openPTY(t, "")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	_, wrote := p.Write([]byte("x"))
	for name, err := range map[string]error{
		"read": readOnce(p, 9).err, "write": wrote, "deadline": p.SetReadDeadline(time.Now()), "release": p.Release(), "discard": p.Discard(),
	} {
		if !errors.Is(err, os.ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestPTYLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "terminal")
	first := openPTY(t, link)
	if to, err := os.Readlink(link); err != nil || to != first.Path() {
		t.Fatalf("link leads to %q, %v, want %s", to, err, first.Path())
	}
	second := openPTY(t, link) // as after a kill that left the link behind
	first.Close()
	if to, _ := os.Readlink(link); to != second.Path() {
		t.Errorf("link leads to %q, want %s; the first must leave the second's link alone", to, second.Path())
	}
	second.Close()
	if left, err := os.ReadDir(filepath.Dir(link)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.WriteFile(link, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := PTY(link); err == nil {
		t.Error("a file was replaced by a link")
	}
	if text, err := os.ReadFile(link); string(text) != "mine" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if _, err := PTY(filepath.Join(link, "below")); err == nil {
		t.Error("a link below a file was made")
	}
}

func TestPTYDiscard(t *testing.T) {
	p := openPTY(t, "")
	f := openDevice(t, p.Path())
	p.Write([]byte("xstale"))
	b := make([]byte, 1)
	if _, err := io.ReadFull(f, b); err != nil { // all six are there now
		t.Fatal(err)
	}
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("fresh"))
	if o := readOnceFile(f); o != "fresh" {
		t.Errorf("read %q", o)
	}
}

func readOnceFile(f *os.File) string {
	b := make([]byte, 99)
	n, _ := f.Read(b)
	return string(b[:n])
}

// The exclusive mode that a program leaves behind refuses the next one, the superuser excepted, so the second
// program here is another user's.
func TestPTYRelease(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs the superuser, to start a program as somebody else")
	}
	p := openPTY(t, "")
	const nobody = 65534
	if err := os.Chown(p.Path(), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	open := func() error {
		cmd := exec.Command("/bin/sh", "-c", "exec 3<>"+p.Path())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd.Run()
	}
	if err := open(); err != nil {
		t.Fatalf("before: %v", err)
	}
	f := openDevice(t, p.Path())
	if err := control(f, syscall.TIOCEXCL, nil); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := open(); err == nil {
		t.Fatal("the exclusive mode did not outlive its program; this test proves nothing here")
	}
	if err := p.Release(); err != nil {
		t.Fatal(err)
	}
	if err := open(); err != nil {
		t.Errorf("after Release: %v", err)
	}
}
