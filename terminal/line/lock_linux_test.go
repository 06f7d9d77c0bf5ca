package line

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// holdEnv names the port that this test binary, started anew, opens and holds; see TestHoldPort.
const holdEnv = "TILLBRIDGE_TEST_HOLD"

// The lock refuses the superuser too, under any name of the device, and names the holder.
func TestPortIsExclusiveInThisProcess(t *testing.T) {
	link := filepath.Join(t.TempDir(), "terminal")
	pty := newPTY(t, link)
	p := openPort(t, pty.Path())
	for _, path := range []string{pty.Path(), link} {
		q, err := serialConfig(path).Open(context.Background())
		var busy *BusyError
		if q != nil || !errors.As(err, &busy) || busy.PID != os.Getpid() || busy.Path != pty.Path() {
			t.Errorf("second open of %s: %v, %v", path, q, err)
		}
	}
	// The refused ones have not disturbed the first.
	pty.Write([]byte("ok"))
	b := make([]byte, 9)
	if n, err := p.Read(b); string(b[:n]) != "ok" || err != nil {
		t.Errorf("first port: %q, %v", b[:n], err)
	}
	p.Close()
	openPort(t, link)
}

// TestHoldPort is the other process of the tests below: it opens the port that it is told, says what came of
// it, and holds the port until its input ends.
func TestHoldPort(t *testing.T) {
	path := os.Getenv(holdEnv)
	if path == "" {
		t.Skip("nothing to hold: this is the other process of other tests")
	}
	p, err := serialConfig(path).Open(context.Background())
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	p.Close()
}

// hold starts another process that opens the port and returns the first line that it says.
func hold(t *testing.T, path string, as *syscall.Credential) (cmd *exec.Cmd, end io.Closer, says string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if as != nil {
		binary = copyForAll(t, binary)
	}
	cmd = exec.Command(binary, "-test.run=^TestHoldPort$", "-test.count=1")
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	cmd.Dir = "/"
	if as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	}
	end, err = cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	var text []byte
	for b := make([]byte, 1); !bytes.HasSuffix(text, []byte("\n")); {
		if _, err := out.Read(b); err != nil {
			break
		}
		text = append(text, b...)
	}
	return cmd, end, strings.TrimSpace(string(text))
}

// copyForAll copies a program to where another user may start it.
func copyForAll(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "line")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "line.test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(to, content, 0o755)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestPortIsExclusiveAcrossProcesses(t *testing.T) {
	t.Parallel()
	pty := newPTY(t, "")
	cmd, end, says := hold(t, pty.Path(), nil)
	if says != "open" {
		t.Fatalf("the other process says %q", says)
	}
	var busy *BusyError
	_, err := serialConfig(pty.Path()).Open(context.Background())
	if !errors.As(err, &busy) || busy.PID != cmd.Process.Pid || busy.Program == "" {
		t.Errorf("open while process %d holds it: %v", cmd.Process.Pid, err)
	}
	end.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	p := openPort(t, pty.Path())
	if _, _, says := hold(t, pty.Path(), nil); !strings.Contains(says, "refused") || !strings.Contains(says, fmt.Sprint(os.Getpid())) {
		t.Errorf("the other process says %q; this is process %d", says, os.Getpid())
	}
	p.Close()

	// A killed program leaves no lock behind.
	cmd, _, says = hold(t, pty.Path(), nil)
	if says != "open" {
		t.Fatalf("the other process says %q", says)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if err := pty.Release(); err != nil { // nor the pty's exclusive mode, once lifted
		t.Error(err)
	}
	openPort(t, pty.Path())
}

// Another user is refused by the device's exclusive mode already, before our lock; the holder is named all
// the same.
func TestPortIsExclusiveForOtherUsers(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs the superuser, to start a program as somebody else")
	}
	const nobody = 65534
	pty := newPTY(t, "")
	if err := os.Chown(pty.Path(), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	p := openPort(t, pty.Path())
	_, _, says := hold(t, pty.Path(), &syscall.Credential{Uid: nobody, Gid: nobody})
	if !strings.Contains(says, "refused") || !strings.Contains(says, fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("another user's process says %q; this is process %d", says, os.Getpid())
	}
	p.Close()
	if _, _, says := hold(t, pty.Path(), &syscall.Credential{Uid: nobody, Gid: nobody}); says != "open" {
		t.Errorf("after Close another user's process says %q", says)
	}
}

// A program that holds the device without any lock is found by its open files.
func TestHolderWithoutALock(t *testing.T) {
	pty := newPTY(t, "")
	cmd := exec.Command("/bin/sh", "-c", "exec 3<>"+pty.Path()+"; echo; exec cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if pid, program := holder(pty.Path()); pid != cmd.Process.Pid || program == "" {
		t.Errorf("holder is %d %q, want %d", pid, program, cmd.Process.Pid)
	}
}

// A program that we start must not inherit the port.
func TestPortStaysOutOfChildren(t *testing.T) {
	pty := newPTY(t, "")
	openPort(t, pty.Path())
	out, err := exec.Command("/bin/ls", "-l", "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), pty.Path()) {
		t.Errorf("a child has the port:\n%s", out)
	}
}

// A program that is just being started has copies of all our descriptors for a moment. They must not keep the
// lock of a port that is closed.
func TestPortUnlocksInSpiteOfCopies(t *testing.T) {
	pty := newPTY(t, "")
	p := openPort(t, pty.Path())
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	copies := 0
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || target != pty.Path() {
			continue
		}
		c, err := syscall.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(c)
		copies++
	}
	if copies < 3 { // the pty's own, the lock's, the library's
		t.Fatalf("found %d descriptors of the device", copies)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	openPort(t, pty.Path())
}
