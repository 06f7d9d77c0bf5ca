package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
	"tillbridge/terminal"
	"tillbridge/terminal/detect"
	"tillbridge/terminal/line"
	"tillbridge/terminal/simulate"
)

// TestDetectOnPseudoTerminals searches on real devices, with the real opener: a terminal, something that gives back what it gets, and
// two that nobody named.
func TestDetectOnPseudoTerminals(t *testing.T) {
	t.Parallel()
	for _, d := range drivers.All() {
		if d.Identify == nil || d.Simulate == nil || d.Line.Baud == 0 {
			continue
		}
		t.Run(d.Name, func(t *testing.T) { t.Parallel(); detectOnPseudoTerminals(t, d) })
	}
}

func detectOnPseudoTerminals(t *testing.T, d terminal.Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	var mu sync.Mutex
	got := map[string][]byte{}
	var ports []line.PortInfo
	plug := func(name string, play func(context.Context, terminal.Port, terminal.LinkKind)) {
		pty, err := simulate.PTY(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, line.PortInfo{Name: filepath.Join(dir, name), Use: line.Free, Access: line.Allowed})
		context.AfterFunc(ctx, func() { _ = pty.Close() })
		playing.Go(func() {
			play(ctx, overheard{pty, func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				got[name] = append(got[name], b...)
			}}, terminal.Serial)
		})
	}
	sim, play := simulated(t, d)
	plug("parrot", parrot)
	plug("silent", deaf)
	plug("terminal", play)
	plug("label-printer", deaf)

	file := settingsFile(t, filepath.Join(t.TempDir(), "c.yaml"), "  x: {driver: zvt, port: {tcp: till}, currency: EUR}\n")
	var out, told bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &out, err: &told, drivers: drivers.All(), env: config.SystemEnv()}
	cmd := p.detectVerb(detectWorld{
		ports:  func(context.Context) ([]line.PortInfo, error) { return ports, nil },
		dial:   func(ctx context.Context, c line.Config) (terminal.Port, error) { return c.Open(ctx) },
		person: func(io.Reader) bool { return false }, finder: detect.Finder{Quiet: 100 * time.Millisecond, Pause: 50 * time.Millisecond},
	})
	cmd.SetArgs([]string{"--probe", "--write", "--driver", d.Name, "--config", file, filepath.Join(dir, "parrot"), filepath.Join(dir, "terminal")})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), told.String())
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got["label-printer"])+len(got["silent"]) != 0 || len(got["parrot"]) == 0 || len(got["terminal"]) == 0 {
		t.Errorf("they got %q", got)
	}
	if len(sim.Face().Ledger) != 0 {
		t.Errorf("%+v", sim.Face())
	}
	s, err := config.Load(file, drivers.All(), config.SystemEnv())
	if err != nil {
		t.Fatal(err)
	}
	if one, ok := s.Terminal("counter"); !ok || one.Port.Serial != filepath.Join(dir, "terminal") || one.Driver != d.Name {
		t.Errorf("%+v", s.Terminals)
	}
}

func parrot(_ context.Context, far terminal.Port, _ terminal.LinkKind) { _, _ = io.Copy(far, far) }

// overheard is a device that tells what it gets.
type overheard struct {
	terminal.Port
	tell func([]byte)
}

func (o overheard) Read(b []byte) (int, error) {
	n, err := o.Port.Read(b)
	o.tell(b[:n])
	return n, err
}
