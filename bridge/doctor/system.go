package doctor

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/terminal/line"
)

// System is what doctor asks of the machine. Every field must be set; ThisSystem sets them.
type System struct {
	OS  string // as runtime.GOOS
	Now func() time.Time

	Stat     func(path string) (File, error)
	ReadFile func(path string, limit int64) ([]byte, error)
	Glob     func(pattern string) ([]string, error)
	// Run runs one of the system's own commands, which only tell, and returns what it printed and its exit code. An
	// error means that it could not be run.
	Run func(ctx context.Context, name string, args ...string) (string, int, error)

	// JournalHolder is the process that has a journal open to write; false where none has. It takes no lock.
	JournalHolder func(path string) (Process, bool, error)
	OpenJournal   func(path string) (Journal, error)
	Disk          func(dir string) (Disk, error)
	// Facts is what the running bridge that has a journal tells of itself, as health.Ask has it.
	Facts func(ctx context.Context, journal string) (health.Facts, error)

	Ports func(context.Context) ([]line.PortInfo, error)
	Look  func(name string) (line.PortInfo, error)
	Probe func(context.Context, config.Terminal) (Probed, error)

	// Listeners are the sockets that listen on one of the ports.
	Listeners func(ctx context.Context, ports ...uint16) ([]Listener, error)
	Addresses func() ([]netip.Addr, error) // of this machine
	Web       Web
}

// File is what is known of a file without reading it.
type File struct {
	Mode         fs.FileMode
	Size         int64
	Owner, Group string // names; empty where they cannot be told
}

// Disk is what is known of the disk of a folder.
type Disk struct {
	FreeBytes int64 // for this user
	ReadOnly  bool
}

// Process is a running program.
type Process struct {
	PID  int // 0 where it cannot be told
	Name string
}

func (p Process) String() string {
	switch {
	case p.PID == 0:
		return "another program"
	case p.Name == "":
		return fmt.Sprintf("process %d", p.PID)
	}
	return fmt.Sprintf("%s (process %d)", p.Name, p.PID)
}

// Listener is a socket that listens.
type Listener struct {
	Address netip.AddrPort
	By      Process
}

// Journal is what doctor reads of a journal.
type Journal interface {
	Verify(context.Context) ([]journal.Problem, error)
	Unsettled(context.Context) ([]bridge.Payment, error)
	Due(ctx context.Context, now time.Time, limit int) ([]journal.Notice, error)
	Owed(context.Context) (int, error)
	Alarms(context.Context) ([]journal.Alarm, error)
	Close() error
}

// Web is the way into the network.
type Web struct {
	Resolve func(ctx context.Context, host string) ([]string, error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Proxy   func(*http.Request) (*url.URL, error)
	Roots   *x509.CertPool // nil for the system's
}

// ThisSystem is the machine that the program runs on. The probe is of the drivers and lines of a shop.
func ThisSystem(probe func(context.Context, config.Terminal) (Probed, error)) System {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return System{
		OS: runtime.GOOS, Now: time.Now,
		Stat: stat, ReadFile: readFile, Glob: filepath.Glob, Run: runCommand,
		JournalHolder: journalHolder,
		OpenJournal: func(path string) (Journal, error) {
			r, err := journal.OpenReadOnly(path)
			if err != nil {
				return nil, err
			}
			return r, nil
		},
		Disk: disk, Facts: health.Ask, Ports: line.Ports, Look: look, Probe: probe,
		Listeners: listeners, Addresses: addresses,
		Web: Web{Resolve: net.DefaultResolver.LookupHost, Dial: dialer.DialContext, Proxy: http.ProxyFromEnvironment},
	}
}

// look describes a port that is not listed. A pseudo-terminal is held by the program that plays the terminal at its
// other end, which is in nobody's way.
func look(name string) (line.PortInfo, error) {
	p, err := line.Look(name)
	if err == nil && p.Use == line.Held && p.HolderPID > 0 {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.HolderPID)) // only Linux has pseudo-terminals here
		if bytes.Contains(args, []byte("\x00simulate\x00")) {
			p.Use, p.HolderPID, p.Holder = line.Free, 0, ""
		}
	}
	return p, err
}

func stat(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	f := File{Mode: info.Mode(), Size: info.Size()}
	f.Owner, f.Group = owners(info)
	return f, nil
}

// readFile reads at most limit bytes of a regular file.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// commandOutput bounds what is kept of a command's output.
const commandOutput = 4 << 20

func runCommand(ctx context.Context, name string, args ...string) (string, int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	text := string(out[:min(len(out), commandOutput)])
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return text, exit.ExitCode(), nil
	}
	return text, 0, err
}

func addresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				all = append(all, ip.Unmap())
			}
		}
	}
	return all, nil
}

func itoa(n int) string { return strconv.Itoa(n) }
