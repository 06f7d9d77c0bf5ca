package doctor

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
)

// toy is a session that says hello over its line and is asked how the terminal is.
type toy struct {
	port terminal.Port
	ask  func(terminal.Port) (terminal.Health, error)
}

func (s toy) Pay(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
	panic("doctor moves no money")
}

func (s toy) Recover(context.Context, terminal.Attempt) (terminal.Result, error) {
	panic("doctor asks for no payment")
}
func (s toy) Close() error { return s.port.Close() }

type askedToy struct{ toy }

func (s askedToy) Probe(context.Context) (terminal.Health, error) { return s.ask(s.port) }

// echo is a terminal that answers each byte with NAK, and everything longer with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String()
}

func TestProber(t *testing.T) {
	address := echo(t)
	exchange := func(p terminal.Port, text string) {
		b := make([]byte, len(text))
		if _, err := io.WriteString(p, text); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(p, b); err != nil || string(b) != text {
			t.Errorf("%q came back as %q, %v", text, b, err)
		}
	}
	driver := func(prober bool, ask func(terminal.Port) (terminal.Health, error)) terminal.Driver {
		return terminal.Driver{Name: "toy", Open: func(ctx context.Context, e terminal.Env, _ any) (terminal.Session, error) {
			p, err := e.Dial(ctx)
			if err != nil {
				return nil, err
			}
			if prober {
				return askedToy{toy{p, ask}}, nil
			}
			return toy{p, ask}, nil
		}}
	}
	well := func(p terminal.Port) (terminal.Health, error) {
		exchange(p, "how are you 4111111111111111")
		exchange(p, "how are you 4111111111111111")
		exchange(p, "\x15")
		return terminal.Health{Ready: true}, nil
	}
	var trace bytes.Buffer
	one := config.Terminal{Driver: "toy", Port: config.Port{TCP: address}}
	p := Prober{Drivers: []terminal.Driver{driver(true, well)}, Line: lineOf, Trace: &trace}
	got, err := p.Probe(t.Context(), one)
	want := LineCount{Sent: 2, Received: got.Line.Received, Repeated: 1, Refused: 1, RefusedByUs: 1}
	if err != nil || !got.Supported || !got.Health.Ready || got.Line != want || want.Received < 2 {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	if s := trace.String(); !strings.Contains(s, "sent 28 bytes") || strings.Contains(s, "4111") {
		t.Errorf("the trace says %q", s)
	}
	p.Drivers[0] = driver(false, nil)
	if got, err := p.Probe(t.Context(), one); err != nil || got.Supported {
		t.Errorf("a driver without the question: %+v %v", got, err)
	}
	p.Drivers[0] = driver(true, func(terminal.Port) (terminal.Health, error) { panic("oh") })
	if _, err := p.Probe(t.Context(), one); err == nil || !strings.Contains(err.Error(), "the driver toy broke: oh") {
		t.Errorf("a driver that panics: %v", err)
	}
	if _, err := p.Probe(t.Context(), config.Terminal{Driver: "none"}); err == nil {
		t.Error("a driver that is not there was asked")
	}
}

// TestBrokenCheck: a check that panics is not checked, and the others are made.
func TestBrokenCheck(t *testing.T) {
	w := newWorld(t)
	system := w.system()
	system.Disk = func(string) (Disk, error) { panic("oh") }
	all := Examine(t.Context(), w.theShop(), system, Checks())
	for _, f := range all {
		if f.Check == "disk" && (f.Verdict != NotChecked || !strings.Contains(f.Text, "broke")) {
			t.Errorf("%s: %s", f.Verdict, f.Text)
		}
	}
	if len(all) < 20 || all[len(all)-1].Check != "browser" {
		t.Errorf("only %d findings", len(all))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range Examine(ctx, w.theShop(), w.system(), Checks()) {
		if f.Verdict != NotChecked {
			t.Errorf("after its end %s is %s", f.Check, f.Verdict)
		}
	}
}
