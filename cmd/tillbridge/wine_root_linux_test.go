package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// wine is a Windows of its own: Wine's prefix, in the Linux that .ci/wine makes. A program in it sees this machine's
// loopback, and this machine's folders under Z:.
type wine struct {
	t      testing.TB
	enter  string // the command that goes into Wine's Linux
	prefix string // the folder that holds drive C:
}

// openWine makes a Windows with serial ports: the device behind each, by its name.
func openWine(t testing.TB, folder string, ports map[string]string) *wine {
	t.Helper()
	w := &wine{t: t, enter: filepath.Join(folder, "enter"), prefix: filepath.Join(t.TempDir(), "prefix")}
	t.Cleanup(w.close)
	w.must("wineboot", "-i")
	for name, device := range ports {
		w.must("wine", "reg", "add", `HKLM\Software\Wine\Ports`, "/v", name, "/t", "REG_SZ", "/d", device, "/f")
	}
	w.must("wineserver", "-w") // the ports are there from the next start on
	w.keep()
	return w
}

// keep holds Windows up between the programs that a test runs: its services end with the last ordinary program, and
// programs that had to start them would lend them their output.
func (w *wine) keep() {
	w.t.Helper()
	keeper := w.command(context.Background(), "wine", "cmd")
	in, err := keeper.StdinPipe()
	if err == nil {
		err = keeper.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = in.Close()
		_ = keeper.Wait() // it ends when it has read everything
	})
}

// close ends every program of this Windows, and removes what Wine keeps beside its prefix.
func (w *wine) close() {
	w.must("wineserver", "-k")
	w.must("wineserver", "-w")
	if name, err := os.ReadFile(filepath.Join(w.prefix, "wineserver")); err == nil {
		if name := strings.Trim(string(name), "\x00\n"); name != "" && filepath.Base(name) == name {
			if err := os.RemoveAll(filepath.Join("/tmp", name)); err != nil {
				w.t.Error(err)
			}
		}
	}
}

// c is the path here of a path on drive C:.
func (w *wine) c(path ...string) string {
	return filepath.Join(append([]string{w.prefix, "drive_c"}, path...)...)
}

// command is one that runs in Wine's Linux. Its process is the program's own, not one that waits for it.
func (w *wine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.enter, args...)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+w.prefix)
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// run runs a command to its end.
func (w *wine) run(args ...string) (code int, out, errOut string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var o, e bytes.Buffer
	cmd := w.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		w.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, &o, &e)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// must runs a command of Wine's own. What it prints goes into a file, which a service that it starts may keep open.
func (w *wine) must(args ...string) {
	w.t.Helper()
	said, err := os.CreateTemp(w.t.TempDir(), "said")
	if err != nil {
		w.t.Fatal(err)
	}
	defer said.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := w.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = said, said
	// The server that is told to end may have ended by itself.
	if err := cmd.Run(); err != nil && !slices.Equal(args, []string{"wineserver", "-k"}) {
		text, _ := os.ReadFile(said.Name()) // it helps where it can be read
		w.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// spawn starts a program that goes on, and keeps what it prints.
func (w *wine) spawn(args ...string) *child {
	w.t.Helper()
	c := &child{cmd: w.command(context.Background(), append([]string{"wine"}, args...)...), ended: make(chan struct{}), more: make(chan struct{})}
	r, out := io.Pipe()
	c.cmd.Stdout, c.cmd.Stderr = out, out
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			c.mu.Lock()
			c.lines = append(c.lines, s.Text())
			close(c.more)
			c.more = make(chan struct{})
			c.mu.Unlock()
		}
	}()
	go func() {
		_ = c.cmd.Wait() // how it ended is in its state
		_ = out.Close()
		close(c.ended)
	}()
	w.t.Cleanup(func() {
		c.kill()
		if w.t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			w.t.Logf("%s printed:\n%s", strings.Join(args, " "), strings.Join(c.lines[max(0, len(c.lines)-80):], "\n"))
		}
	})
	return c
}

// buildWindows builds a package for Windows as it is shipped: "build" a program, "test -c" the tests of a package.
func buildWindows(t testing.TB, to, pkg string, verb ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append(verb, "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s for Windows: %v\n%s", pkg, err, out)
	}
}
