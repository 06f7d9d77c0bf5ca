package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
	"tillbridge/terminal"
	"tillbridge/terminal/detect"
	"tillbridge/terminal/line"
	"tillbridge/terminal/simulate"
)

// street is a computer with devices at its ports, in memory.
type street struct {
	ports   []line.PortInfo
	devices map[string]*device // by the port's name, or the address
	person  bool
}

// device is what is plugged into a port. It keeps every byte that it gets.
type device struct {
	play func(ctx context.Context, far terminal.Port, k terminal.LinkKind)
	baud int // 0 for any

	mu     sync.Mutex
	opened int
	got    [][]byte // by Write, as it was sent
	wait   sync.WaitGroup
	ends   []io.Closer
}

// bytes is all that the device was sent.
func (d *device) bytes() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Concat(d.got...)
}

// near is the till's end of a line to a device.
type near struct {
	terminal.Port
	device *device
	garble byte
}

func (n near) Write(b []byte) (int, error) {
	n.device.mu.Lock()
	n.device.got = append(n.device.got, append([]byte(nil), b...))
	n.device.mu.Unlock()
	return n.Port.Write(garbled(b, n.garble))
}

func (n near) Read(b []byte) (int, error) {
	got, err := n.Port.Read(b)
	copy(b, garbled(b[:got], n.garble))
	return got, err
}

// garbled are bytes as they come to a side that listens at another speed.
func garbled(b []byte, with byte) []byte {
	out := append([]byte(nil), b...)
	for i := range out {
		out[i] ^= with
	}
	return out
}

func (s *street) dial(ctx context.Context, c line.Config) (terminal.Port, error) {
	name := c.TCP
	if name == "" {
		p, err := c.Find(s.ports)
		if err != nil {
			return nil, err
		}
		name = p.Name
	}
	d := s.devices[name]
	if d == nil {
		return nil, errors.New("nobody is at home at " + name)
	}
	till, far := simulate.Pipe()
	d.mu.Lock()
	d.opened++
	d.ends = append(d.ends, till)
	d.mu.Unlock()
	d.wait.Go(func() {
		defer far.Close()
		d.play(context.WithoutCancel(ctx), far, c.Kind())
	})
	n := near{Port: till, device: d}
	if d.baud != 0 && c.Baud != d.baud {
		n.garble = 0x95
	}
	return n, nil
}

// empty ends all lines.
func (s *street) empty() {
	for _, d := range s.devices {
		d.mu.Lock()
		for _, end := range d.ends {
			_ = end.Close()
		}
		d.mu.Unlock()
		d.wait.Wait()
	}
}

// deaf reads and never answers.
func deaf(_ context.Context, far terminal.Port, _ terminal.LinkKind) {
	_, _ = io.Copy(io.Discard, far)
}

// babbler answers everything with garbage.
func babbler(_ context.Context, far terminal.Port, _ terminal.LinkKind) {
	buf := make([]byte, 64)
	for {
		n, err := far.Read(buf)
		if err != nil {
			return
		}
		_, _ = far.Write(garbled(buf[:n], 0x21))
	}
}

// simulated plays the driver's terminal.
func simulated(t *testing.T, d terminal.Driver) (terminal.Simulator, func(context.Context, terminal.Port, terminal.LinkKind)) {
	t.Helper()
	eur, _ := config.Currency("EUR")
	sim, err := d.Simulate(terminal.SimulatorOptions{Currency: eur})
	if err != nil {
		t.Fatal(err)
	}
	return sim, func(ctx context.Context, far terminal.Port, k terminal.LinkKind) { _ = sim.Serve(ctx, far, k) }
}

// callDetect runs the verb on a street. Answers are what the person types.
func callDetect(t *testing.T, s *street, answers string, args ...string) (out, told string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	p := &program{in: strings.NewReader(answers), out: &o, err: &e, drivers: drivers.All(), env: config.SystemEnv()}
	cmd := p.detectVerb(detectWorld{
		ports: func(context.Context) ([]line.PortInfo, error) { return s.ports, nil }, dial: s.dial,
		person: func(io.Reader) bool { return s.person }, finder: detect.Finder{Quiet: detect.Quiet, Pause: detect.Pause},
	})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	s.empty()
	for text := range strings.SplitSeq(o.String(), "\n") {
		if n := utf8.RuneCountInString(text); n > portColumns && strings.Contains(strings.TrimSpace(text), " ") && !slices.Contains(args, "--json") {
			t.Errorf("a line has %d columns: %s", n, text)
		}
	}
	return o.String(), e.String(), err
}

// atSpeeds runs a test for each driver that can search, at each speed that it tries.
func atSpeeds(t *testing.T, test func(t *testing.T, d terminal.Driver, baud int)) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up ports have Linux' names")
	}
	for _, d := range drivers.All() {
		if d.Identify == nil || d.Simulate == nil || d.Line.Baud == 0 {
			continue
		}
		for _, baud := range append([]int{d.Line.Baud}, d.Bauds...) {
			t.Run(fmt.Sprintf("%s at %d", d.Name, baud), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { test(t, d, baud) })
			})
		}
	}
}

// decoys is a street with the driver's terminal among three that are none. The first two may be named.
func decoys(t *testing.T, d terminal.Driver, baud int) (*street, terminal.Simulator) {
	sim, play := simulated(t, d)
	return &street{
		ports: []line.PortInfo{
			{Name: "/dev/ttyUSB0", USB: "1a86:7523", USBPath: "1-1:1.0", Use: line.Free, Access: line.Allowed},
			{Name: "/dev/ttyUSB1", USB: "067b:2303", USBPath: "1-2:1.0", Use: line.Free, Access: line.Allowed},
			{Name: "/dev/ttyUSB2", USB: "0403:6001", SerialNumber: "FT1", USBPath: "1-3:1.0", Use: line.Free, Access: line.Allowed},
			{Name: "/dev/ttyUSB3", USB: "0a5f:0001", SerialNumber: "Z1", Manufacturer: "Zebra", Product: "label printer", USBPath: "1-4:1.0", Use: line.Free, Access: line.Allowed},
		},
		devices: map[string]*device{
			"/dev/ttyUSB0": {play: deaf}, "/dev/ttyUSB1": {play: babbler}, "/dev/ttyUSB2": {play: play, baud: baud}, "/dev/ttyUSB3": {play: deaf},
		},
	}, sim
}

// onlyListed makes sure that a device got nothing but what drivers list for a search.
func onlyListed(t *testing.T, name string, d *device) {
	t.Helper()
	for _, b := range d.got {
		if !slices.ContainsFunc(drivers.All(), func(d terminal.Driver) bool {
			return slices.ContainsFunc(d.Asks, func(m terminal.Message) bool { return m.Link == terminal.Serial && m.Matches(b) })
		}) {
			t.Errorf("%s was sent % X, which no driver lists", name, b)
		}
	}
}

func TestDetectFindsATerminalAmongDecoys(t *testing.T) {
	atSpeeds(t, func(t *testing.T, d terminal.Driver, baud int) {
		s, sim := decoys(t, d, baud)
		file := filepath.Join(t.TempDir(), "config.yaml")
		out, _, err := callDetect(t, s, "", "--probe", "--config", settingsFile(t, file, "  back-office: {driver: zvt, port: {tcp: 192.168.1.50}, currency: EUR}\n"), "/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2")
		if err != nil || !strings.Contains(out, "Found a terminal at /dev/ttyUSB2. It speaks the protocol of the driver "+d.Name) {
			t.Fatalf("%v:\n%s", err, out)
		}
		if p := s.devices["/dev/ttyUSB3"]; p.opened != 0 || len(p.bytes()) != 0 {
			t.Errorf("the printer was opened %d times and got % X", p.opened, p.bytes())
		}
		for name, one := range s.devices {
			onlyListed(t, name, one)
		}
		if len(s.devices["/dev/ttyUSB0"].bytes()) == 0 {
			t.Error("the silent one was not asked, which shows nothing")
		}
		if face := sim.Face(); len(face.Ledger) != 0 || face.Paying {
			t.Errorf("%+v", face)
		}
		// The block that is printed passes check, in the place where it is told to go.
		block := printedBlock(t, out)
		if want := `port: {usb: "0403:6001", serial_number: "FT1"`; !strings.Contains(block, want) || strings.Contains(block, "baud") != (baud != d.Line.Baud) {
			t.Errorf("want %q in:\n%s", want, block)
		}
		alone := filepath.Join(t.TempDir(), "alone.yaml")
		if err := os.WriteFile(alone, []byte("mgr: {passcode: correct-horse-battery}\n"+block), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, told := call(t, "check", "--config", alone); code != exitDone {
			t.Errorf("check: %s", told)
		}
		read, err := config.Load(alone, drivers.All(), config.SystemEnv())
		if err != nil || len(read.Terminals) != 1 || read.Terminals[0].Driver != d.Name || read.Terminals[0].Port.Baud != baud {
			t.Errorf("%v %+v", err, read)
		}
	})
}

// settingsFile writes settings with these terminals.
func settingsFile(t *testing.T, file, terminals string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte("# ours\nmgr: {passcode: correct-horse-battery} # secret\nterminals:\n"+terminals+"# end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// flat is a text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// printedBlock is the block among what the verb prints.
func printedBlock(t *testing.T, out string) string {
	t.Helper()
	_, rest, ok := strings.Cut(out, "\nterminals:\n")
	block, _, end := strings.Cut(rest, "\n\n")
	if !ok || !end {
		t.Fatalf("there is no block in:\n%s", out)
	}
	return "terminals:\n" + block + "\n"
}

// Without --probe nothing is opened; a known USB id is enough for a guess.
func TestDetectOpensNothingUnasked(t *testing.T) {
	atSpeeds(t, func(t *testing.T, d terminal.Driver, baud int) {
		s, _ := decoys(t, d, baud)
		missing := filepath.Join(t.TempDir(), "none.yaml")
		portSettings := settingsFile(t, filepath.Join(t.TempDir(), "c.yaml"), "  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n")
		out, _, err := callDetect(t, s, "y\ny\ny\ny\n", "--config", portSettings)
		if !errors.Is(err, errSaid) || !strings.Contains(out, "tillbridge detect --probe") {
			t.Errorf("%v:\n%s", err, out)
		}
		if len(d.USB) > 0 {
			s.ports[2].USB = d.USB[0].ID
			if out, _, err = callDetect(t, s, "", "--config", portSettings); err != nil || !strings.Contains(out, d.USB[0].Name) || !strings.Contains(out, "Nothing was opened") {
				t.Errorf("%v:\n%s", err, out)
			}
		}
		for name, one := range s.devices {
			if one.opened != 0 {
				t.Errorf("%s was opened", name)
			}
		}
		if _, _, err := callDetect(t, s, "", "--config", missing); err == nil {
			t.Error("settings that are named and missing are passed over")
		}
	})
}

// With --yes, or where nobody sits, ports of a known USB id are asked and no others.
func TestDetectAsksKnownIDs(t *testing.T) {
	atSpeeds(t, func(t *testing.T, d terminal.Driver, baud int) {
		if len(d.USB) == 0 {
			t.Skip("the driver knows no USB id")
		}
		file := settingsFile(t, filepath.Join(t.TempDir(), "c.yaml"), "  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n")
		for _, flags := range [][]string{{"--probe"}, {"--probe", "--yes"}} {
			s, _ := decoys(t, d, baud)
			s.ports[2].USB = d.USB[0].ID
			s.person = len(flags) == 2
			out, _, err := callDetect(t, s, "y\ny\ny\ny\n", append(flags, "--json", "--config", file)...)
			var answer detectJSON
			if jsonErr := json.Unmarshal([]byte(out), &answer); err != nil || jsonErr != nil || answer.Found != 1 || answer.Targets[0].Name != "/dev/ttyUSB2" || answer.Targets[0].State != stateFound {
				t.Fatalf("%v %v:\n%s", err, jsonErr, out)
			}
			if last := answer.Targets[0].Tries[len(answer.Targets[0].Tries)-1]; len(last.Sent) == 0 || last.Error != "" {
				t.Errorf("%+v", last)
			}
			for name, one := range s.devices {
				if name != "/dev/ttyUSB2" && one.opened != 0 {
					t.Errorf("%v: %s was opened", flags, name)
				}
			}
		}
	})
}

// The person is asked before each port, with the bytes that would be sent.
func TestDetectAsksThePerson(t *testing.T) {
	atSpeeds(t, func(t *testing.T, d terminal.Driver, baud int) {
		file := settingsFile(t, filepath.Join(t.TempDir(), "c.yaml"), "  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n")
		s, _ := decoys(t, d, baud)
		s.person = true
		out, told, err := callDetect(t, s, "\nno\nY\n", "--probe", "--config", file) // the last has no answer
		if err != nil || !strings.Contains(out, "Found a terminal at /dev/ttyUSB2") {
			t.Fatalf("%v:\n%s%s", err, out, told)
		}
		for name, want := range map[string]bool{"/dev/ttyUSB0": false, "/dev/ttyUSB1": false, "/dev/ttyUSB2": true, "/dev/ttyUSB3": false} {
			if (s.devices[name].opened > 0) != want {
				t.Errorf("%s was opened %d times", name, s.devices[name].opened)
			}
		}
		if n := strings.Count(told, "Ask it? [y/N]"); n != 4 || !strings.Contains(told, firstMessage(d, terminal.Serial).Hex) || !strings.Contains(told, "label printer") {
			t.Errorf("asked %d times:\n%s", n, told)
		}
	})
}

// What is in use, belongs to the settings, or may belong to them is left alone, named or not.
func TestDetectLeavesAlone(t *testing.T) {
	atSpeeds(t, func(t *testing.T, d terminal.Driver, baud int) {
		for name, c := range map[string]struct {
			terminals string
			change    func(s *street)
			args      []string
			want      string
		}{
			"in use":               {"  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n", func(s *street) { s.ports[2].Use, s.ports[2].Holder, s.ports[2].HolderPID = line.Held, "till", 812 }, []string{"/dev/ttyUSB2"}, "in use by till (process 812)"},
			"denied":               {"  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n", func(s *street) { s.ports[2].Access, s.ports[2].Remedies = line.Denied, []string{"join dialout"} }, []string{"/dev/ttyUSB2"}, "join dialout"},
			"in the settings":      {"  x: {driver: zvt, port: {serial: /dev/ttyUSB2}, currency: EUR}\n", nil, []string{"/dev/ttyUSB2"}, "the terminal x of the settings"},
			"in the settings, usb": {"  x: {driver: zvt, port: {usb: \"0403:6001\"}, currency: EUR}\n", nil, []string{"/dev/ttyUSB2"}, "the terminal x of the settings"},
			"settings with faults": {"  x: {driver: zvt, currency: EURO}\n", func(s *street) {
				if len(d.USB) > 0 {
					s.ports[2].USB = d.USB[0].ID
				}
			}, nil, "cannot be read whole"},
			"no such port":  {"  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n", nil, []string{"/dev/ttyNONE"}, "no serial port of that name"},
			"of no address": {"  x: {driver: zvt, port: {tcp: TILL.example}, currency: EUR}\n", nil, []string{"--tcp", "till.example:1"}, "the terminal x of the settings"},
		} {
			s, _ := decoys(t, d, baud)
			if c.change != nil {
				c.change(s)
			}
			file := settingsFile(t, filepath.Join(t.TempDir(), "c.yaml"), c.terminals)
			out, _, err := callDetect(t, s, "", append([]string{"--probe", "--config", file}, c.args...)...)
			if !errors.Is(err, errSaid) || !strings.Contains(flat(out), c.want) {
				t.Errorf("%s: %v, want %q:\n%s", name, err, c.want, out)
			}
			for port, one := range s.devices {
				if one.opened != 0 {
					t.Errorf("%s: %s was opened", name, port)
				}
			}
		}
	})
}

// A terminal in the network is asked at its address; with --write it comes into the settings, whose comments stay.
func TestDetectWrites(t *testing.T) {
	atSpeeds(t, func(t *testing.T, d terminal.Driver, baud int) {
		const before = "  counter: # the first\n    driver: zvt\n    port: {serial: /dev/ttyS9} # old\n    currency: EUR\n"
		file := filepath.Join(t.TempDir(), "c.yaml")
		settingsFile(t, file, before)
		s, _ := decoys(t, d, baud)
		out, _, err := callDetect(t, s, "", "--probe", "--write", "--config", file, "/dev/ttyUSB2")
		text, readErr := os.ReadFile(file)
		want := "# ours\nmgr: {passcode: correct-horse-battery} # secret\nterminals:\n" + before + "  counter-2:\n    driver: " + d.Name + "\n    port: {usb: \"0403:6001\""
		if err != nil || readErr != nil || !strings.HasPrefix(string(text), want) || !strings.HasSuffix(string(text), "\n# end\n") || !strings.Contains(flat(out), "as the new terminal counter-2.") {
			t.Fatalf("%v %v:\n%s\n%s", err, readErr, out, text)
		}
		if code, _, told := call(t, "check", "--config", file); code != exitDone {
			t.Error(told)
		}
		// The same port again belongs to the settings now.
		s, _ = decoys(t, d, baud)
		if out, _, err = callDetect(t, s, "", "--probe", "--config", file, "/dev/ttyUSB2"); !errors.Is(err, errSaid) || s.devices["/dev/ttyUSB2"].opened != 0 {
			t.Errorf("%v:\n%s", err, out)
		}
		settingsFile(t, file, before)
		if d.Name != "zvt" || d.Line.TCPPort == 0 {
			return
		}
		s, _ = decoys(t, d, baud)
		s.devices[fmt.Sprintf("192.168.1.50:%d", d.Line.TCPPort)] = &device{play: s.devices["/dev/ttyUSB2"].play}
		out, _, err = callDetect(t, s, "", "--probe", "--write", "--name", "counter", "--config", file, "--tcp", "192.168.1.50")
		text, readErr = os.ReadFile(file)
		after := strings.Replace(before, "{serial: /dev/ttyS9}", fmt.Sprintf("{tcp: \"192.168.1.50:%d\"}", d.Line.TCPPort), 1)
		if err != nil || readErr != nil || string(text) != "# ours\nmgr: {passcode: correct-horse-battery} # secret\nterminals:\n"+after+"# end\n" || !strings.Contains(flat(out), "the terminal counter has this driver and port now") {
			t.Errorf("%v %v:\n%s\n%s", err, readErr, out, text)
		}
		// A result that check would refuse is not written.
		broken := strings.Replace(string(text), "mgr:", "mrg:", 1)
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ = decoys(t, d, baud)
		_, _, err = callDetect(t, s, "", "--probe", "--write", "--config", file, "/dev/ttyUSB2")
		if text, readErr := os.ReadFile(file); err == nil || !strings.Contains(err.Error(), "was not changed, since") || readErr != nil || string(text) != broken {
			t.Errorf("%v %v\n%s", err, readErr, text)
		}
	})
}

func TestDetectUsage(t *testing.T) {
	for _, x := range []struct {
		args, said string
		code       int
	}{
		{"detect --yes", "add --probe", exitUsage},
		{"detect --write", "--write needs --probe", exitUsage},
		{"detect --currency EURO", "ISO 4217", exitUsage},
		{"detect --driver nonsense", "tillbridge drivers", exitUsage},
		{"detect --tcp a:b:c", "host:port", exitUsage},
		{"detect --frobnicate", "unknown flag", exitUsage},
		{"detect --explain", "10 02 05 01 00 10 03 10 06", exitDone},
	} {
		code, out, errOut := call(t, strings.Fields(x.args)...)
		if code != x.code || !strings.Contains(out+errOut, x.said) {
			t.Errorf("tillbridge %s: exit %d, want %d, and %q in:\n%s%s", x.args, code, x.code, x.said, out, errOut)
		}
	}
	// Every message of every driver is explained.
	_, out, _ := call(t, "detect", "--explain")
	for _, d := range drivers.All() {
		for _, m := range d.Asks {
			if !strings.Contains(out, m.Hex) {
				t.Errorf("%s: %s is not explained", d.Name, m.Hex)
			}
		}
		if (d.Identify == nil) != (len(d.Asks) == 0) {
			t.Errorf("%s has a search without messages, or the other way round", d.Name)
		}
	}
}
