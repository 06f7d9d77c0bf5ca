package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guestAddress is the guest's own in the emulator's network; it reaches our loopback under guestHost.
const (
	guestAddress = "10.0.2.15"
	guestHost    = "10.0.2.2"
)

// guest is a Linux that runs in an emulator. It has two USB sockets, a and b, with a serial adapter each that is
// plugged in while somebody is connected to it here.
type guest struct {
	t      testing.TB
	dir    string // the emulator's sockets
	share  string // the guest's /host
	began  time.Time
	ended  chan struct{} // the emulator is gone
	output strings.Builder

	shell   net.Conn
	answers *bufio.Reader
	asked   int
	ahead   time.Duration // the guest's clock before ours
}

// accelerators are QEMU's settings. A KVM device alone is no sign: that of a machine which is virtual itself may be
// slower than software.
func accelerators() []string {
	for _, module := range []string{"kvm_intel", "kvm_amd"} {
		if _, err := os.Stat("/sys/module/" + module); err == nil {
			return []string{"-accel", "kvm", "-accel", "tcg,thread=multi"}
		}
	}
	return []string{"-accel", "tcg,thread=multi"}
}

// bootGuest boots the image of a folder, with no adapter plugged in, and waits until it has started. The ports here
// lead to those of the guest; more are settings of QEMU. What the guest writes to its disk is dropped at the end.
func bootGuest(t testing.TB, folder string, ports map[int]int, more ...string) *guest {
	t.Helper()
	g := &guest{t: t, dir: t.TempDir(), share: t.TempDir(), began: time.Now(), ended: make(chan struct{})}
	path := func(name string) string { return filepath.Join(g.dir, name) }
	network := "user,id=net"
	for here, there := range ports {
		network += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-%s:%d", here, guestAddress, there)
	}
	args := append(accelerators(),
		"-m", "768", "-smp", "2", "-nodefaults", "-display", "none",
		"-kernel", filepath.Join(folder, "kernel"), "-initrd", filepath.Join(folder, "initrd"),
		"-append", "root=/dev/vda rw console=ttyS0 loglevel=4 systemd.show_status=1 mitigations=off",
		"-drive", "file="+filepath.Join(folder, "root.img")+",if=virtio,format=raw,snapshot=on",
		"-chardev", "file,id=console,path="+path("console"), "-serial", "chardev:console",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=shell,path="+path("shell")+",server=on,wait=off", "-device", "virtconsole,chardev=shell",
		"-chardev", "socket,id=log,path="+path("log")+",server=on,wait=off", "-device", "virtconsole,chardev=log",
		"-virtfs", "local,path="+g.share+",mount_tag=host,security_model=none",
		"-netdev", network, "-device", "virtio-net-pci,netdev=net",
		"-device", "qemu-xhci,id=usb",
		"-chardev", "socket,id=a,path="+path("a")+",server=on,wait=off", "-device", "usb-serial,chardev=a,bus=usb.0,serial=TB0001",
		"-chardev", "socket,id=b,path="+path("b")+",server=on,wait=off", "-device", "usb-serial,chardev=b,bus=usb.0,serial=TB0002",
	)
	g.start(exec.Command("qemu-system-x86_64", append(args, more...)...))
	g.shell = g.connect("shell")
	g.answers = bufio.NewReader(g.shell)
	g.greet()
	return g
}

// start starts the emulator, which dies with the test whatever becomes of that.
func (g *guest) start(cmd *exec.Cmd) {
	g.t.Helper()
	cmd.Stdout, cmd.Stderr = &g.output, &g.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes with the death of the thread that started the process (prctl(2), PR_SET_PDEATHSIG).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it was killed; what it complained of is in its output
		}
		close(g.ended)
	}()
	if err := <-started; err != nil {
		g.t.Fatalf("start the emulator: %v", err)
	}
	g.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		<-g.ended
		if g.t.Failed() {
			console, _ := os.ReadFile(filepath.Join(g.dir, "console")) // there may be none
			g.t.Logf("the emulator said: %s\nthe guest's console, its end:\n%s", g.output.String(), console[max(0, len(console)-3000):])
		}
	})
}

// connect opens a socket of the emulator, which may be about to make it.
func (g *guest) connect(name string) net.Conn {
	g.t.Helper()
	late := time.Now().Add(patience)
	for {
		conn, err := net.Dial("unix", filepath.Join(g.dir, name))
		if err == nil {
			return conn
		}
		select {
		case <-g.ended:
			g.t.Fatalf("the emulator has ended: %s", g.output.String())
		default:
		}
		if time.Now().After(late) {
			g.t.Fatal(err)
		}
		idleFor(20*time.Millisecond, g.ended)
	}
}

// greet waits for the guest's shell and its start, and compares the clocks. What is typed before the shell is there
// may be lost or answered later.
func (g *guest) greet() {
	g.t.Helper()
	g.t.Cleanup(func() { _ = g.shell.Close() })
	late := time.Now().Add(10 * time.Minute)
	for there := false; !there; {
		if time.Now().After(late) {
			g.t.Fatal("the guest has not started in ten minutes")
		}
		_, there = g.attempt("stty -echo -onlcr", 3*time.Second)
	}
	g.must("while ! systemctl is-active -q multi-user.target; do sleep 0.5; done; mkdir -p /host && mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 host /host")
	g.must("ip link set lo up; for d in /sys/class/net/e*; do ip link set ${d##*/} up; ip addr add " + guestAddress + "/24 dev ${d##*/}; done") // and no way beyond
	g.must(fmt.Sprintf("date -u -s @%.3f", float64(time.Now().UnixMilli())/1000))
	before := time.Now()
	there, err := strconv.ParseFloat(g.must("date +%s.%N"), 64)
	if err != nil {
		g.t.Fatal(err)
	}
	middle := before.Add(time.Since(before) / 2)
	g.ahead = g.when(there).Sub(middle)
}

// when is a guest's time in seconds.
func (g *guest) when(seconds float64) time.Time { return time.UnixMicro(int64(seconds * 1e6)) }

// must carries out a command of the guest's shell, which must succeed, and returns what it printed.
func (g *guest) must(command string) string {
	g.t.Helper()
	out, there := g.attempt(command, patience)
	if !there {
		g.t.Fatalf("in the guest: %s: no answer", command)
	}
	said, code, _ := strings.Cut(out, "\x00")
	if code != "0" {
		g.t.Fatalf("in the guest: %s: exit %s: %s", command, code, said)
	}
	return said
}

// finished is how the shell ends an answer: the number of the command, its exit code.
var finished = regexp.MustCompile(`<<(\d+):(\d+)>>\r?\n`)

// attempt carries out a command and returns what it printed, a zero byte and its exit code; false when no answer came.
func (g *guest) attempt(command string, patience time.Duration) (string, bool) {
	g.t.Helper()
	g.asked++
	if _, err := fmt.Fprintf(g.shell, "{ %s ; } 2>&1; echo \"<<%d:$?>>\"\n", command, g.asked); err != nil {
		g.t.Fatalf("the guest's shell: %v", err)
	}
	if err := g.shell.SetReadDeadline(time.Now().Add(patience)); err != nil {
		g.t.Fatal(err)
	}
	var said strings.Builder
	for {
		line, err := g.answers.ReadString('\n')
		said.WriteString(line)
		switch m := finished.FindStringSubmatch(line); {
		case m != nil && m[1] == strconv.Itoa(g.asked):
			text := strings.TrimSuffix(said.String(), m[0])
			return strings.TrimSpace(text) + "\x00" + m[2], true
		case m != nil:
			said.Reset() // of an earlier one
		case errors.Is(err, os.ErrDeadlineExceeded):
			return "", false
		case err != nil:
			g.t.Fatalf("the guest's shell: %v", err)
		}
	}
}

// listen hands each line that the guest writes to its log console to hear.
func (g *guest) listen(hear func(line string)) {
	conn := g.connect("log")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := bufio.NewScanner(conn); s.Scan(); {
			hear(strings.TrimRight(s.Text(), "\r"))
		}
	}()
	g.t.Cleanup(func() {
		_ = conn.Close() // it was only read
		<-ended
	})
}

// put puts a file into what the guest has as /host.
func (g *guest) put(name, text string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.share, name), []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// adapter is the lasting name of an adapter in the guest.
func adapter(serial string) string {
	return "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_" + serial + "-if00-port0"
}

// appeared says under which name an adapter is there now, and when that appeared by our clock.
func (g *guest) appeared(serial string) (name string, at time.Time) {
	g.t.Helper()
	g.must("udevadm wait --timeout=60 " + adapter(serial))
	out := g.must("stat -L -c '%.6W %.6Z' " + adapter(serial) + "; readlink " + adapter(serial))
	var birth, changed float64
	if _, err := fmt.Sscanf(out, "%f %f\n%s", &birth, &changed, &name); err != nil {
		g.t.Fatalf("where adapter %s is: %q: %v", serial, out, err)
	}
	return filepath.Base(name), g.when(birth).Add(-g.ahead)
}

// goneFrom waits until an adapter is unplugged in the guest's eyes.
func (g *guest) goneFrom(serial string) {
	g.t.Helper()
	g.must("udevadm wait --timeout=60 --removed " + adapter(serial))
}

// freePorts finds ports of the loopback that nobody listens to.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// buildStatic builds the program as it is shipped.
func buildStatic(ctx context.Context, t testing.TB, to string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "tillbridge/cmd/tillbridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
}

// decoy is whatever hangs on the second adapter. It must never be spoken to.
type decoy struct {
	conn  net.Conn
	ended chan struct{}
	heard []byte // once ended
}

func plugDecoy(g *guest) *decoy {
	g.t.Helper()
	d := &decoy{conn: g.connect("b"), ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		d.heard, _ = io.ReadAll(io.LimitReader(d.conn, 4096)) // it ends with Close
	}()
	return d
}

// unplug takes the adapter out and returns what was said to it.
func (d *decoy) unplug() []byte {
	_ = d.conn.Close() // that is the point
	<-d.ended
	return d.heard
}
