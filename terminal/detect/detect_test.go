package detect_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tillbridge/terminal"
	"tillbridge/terminal/detect"
	"tillbridge/terminal/line"
	"tillbridge/terminal/simulate"
)

// asker is a made-up driver whose search is told by a function.
func asker(name string, baud int, identify func(context.Context, terminal.Env) (terminal.Identity, error)) terminal.Driver {
	return terminal.Driver{
		Name: name, Line: terminal.LineDefaults{Baud: baud, DataBits: 8, Parity: "none", StopBits: "1", TCPPort: 1000},
		Asks:     []terminal.Message{{Hex: "05 .. 06", Words: "who"}, {Link: terminal.TCP, Hex: "AA", Words: "who"}},
		Identify: identify,
	}
}

// ask asks one target, at a far side that is played.
func ask(t *testing.T, play func(far terminal.Port), tcp bool, drivers ...terminal.Driver) (f detect.Finding, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var playing sync.WaitGroup
		finder := detect.Finder{
			Drivers: drivers, Log: slog.New(slog.DiscardHandler), Quiet: detect.Quiet, Pause: detect.Pause,
			Dial: func(context.Context, line.Config) (terminal.Port, error) {
				near, far := simulate.Pipe()
				playing.Go(func() { play(far) })
				return near, nil
			},
		}
		target := detect.Target{Port: line.PortInfo{Name: "/dev/x"}, Line: line.Config{Serial: "/dev/x"}}
		if tcp {
			target = detect.Target{Line: line.Config{TCP: "till"}}
		}
		began := time.Now()
		f, err = finder.Ask(t.Context(), target)
		took = time.Since(began)
		playing.Wait()
	})
	return f, took, err
}

func drain(far terminal.Port) {
	buf := make([]byte, 64)
	for {
		if _, err := far.Read(buf); err != nil {
			return
		}
	}
}

func write(t *testing.T, e terminal.Env, ctx context.Context, messages ...string) error {
	t.Helper()
	p, err := e.Dial(ctx)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if _, err := p.Write([]byte(m)); err != nil {
			return err
		}
	}
	return p.Close()
}

// A driver cannot send what it does not list, nor anything after that, nor dial again.
func TestOnlyListedMessagesLeave(t *testing.T) {
	var got []byte
	var again error
	d := asker("a", 9600, func(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
		err := write(t, e, ctx, "\x05!\x06", "\x06\x01 pay", "\x05!\x06")
		_, again = e.Dial(ctx)
		return terminal.Identity{}, err
	})
	f, _, err := ask(t, func(far terminal.Port) {
		buf := make([]byte, 64)
		for {
			n, err := far.Read(buf)
			if got = append(got, buf[:n]...); err != nil {
				return
			}
		}
	}, false, d)
	if err != nil || f.Found || string(got) != "\x05!\x06" || len(f.Tries) != 1 || len(f.Tries[0].Sent) != 1 {
		t.Errorf("%+v %v, the device got % X", f, err, got)
	}
	if f.Tries[0].Err == nil || !strings.Contains(f.Tries[0].Err.Error(), "does not list") || again == nil {
		t.Errorf("%v %v", f.Tries[0].Err, again)
	}
	// What is listed for a serial line is not for TCP.
	d.Identify = func(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
		return terminal.Identity{}, write(t, e, ctx, "\x05!\x06")
	}
	if f, _, _ := ask(t, drain, true, d); f.Found || len(f.Tries[0].Sent) != 0 {
		t.Errorf("%+v", f)
	}
}

// A device that talks after some seconds of quiet is sent nothing, and what it said is there for the driver to read.
func TestTalkingDeviceIsSentNothing(t *testing.T) {
	heard := ""
	d := asker("a", 9600, func(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
		p, err := e.Dial(ctx)
		if err != nil {
			return terminal.Identity{}, err
		}
		defer p.Close()
		b, err := terminal.Overhear(ctx, p, 300*time.Millisecond)
		heard = string(b)
		if err == nil {
			_, err = p.Write([]byte("\x05!\x06"))
		}
		return terminal.Identity{}, err
	})
	f, _, err := ask(t, func(far terminal.Port) {
		_, _ = far.Write([]byte{0}) // as some adapters make of being opened
		<-time.After(5 * time.Second)
		_, _ = far.Write([]byte("result"))
		drain(far)
	}, false, d)
	if err != nil || f.Found || heard != "\x00result" || !errors.Is(f.Tries[0].Err, terminal.ErrTalking) || len(f.Tries[0].Sent) != 0 {
		t.Errorf("%+v %v, heard %q", f, err, heard)
	}
	// The stray byte alone keeps nobody from asking.
	f, _, err = ask(t, func(far terminal.Port) {
		_, _ = far.Write([]byte{0})
		drain(far)
	}, false, d)
	if err != nil || !f.Found || len(f.Tries[0].Sent) != 1 {
		t.Errorf("%+v %v", f, err)
	}
}

// Drivers that fail in any way keep none of the others from asking, and each has its time.
func TestDriversAreContained(t *testing.T) {
	broken := asker("broken", 1200, func(context.Context, terminal.Env) (terminal.Identity, error) { panic("ouch") })
	hanging := asker("hanging", 2400, func(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
		p, err := e.Dial(ctx)
		if err != nil {
			return terminal.Identity{}, err
		}
		_, err = terminal.ReadUntil(ctx, p, make([]byte, 1), time.Now().Add(time.Hour))
		return terminal.Identity{}, err
	})
	right := asker("right", 4800, func(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
		return terminal.Identity{Software: "1"}, write(t, e, ctx, "\x05!\x06")
	})
	none := terminal.Driver{Name: "none", Line: terminal.LineDefaults{Baud: 9600}}
	f, took, err := ask(t, drain, false, none, broken, hanging, right)
	if err != nil || !f.Found || f.Driver.Name != "right" || f.Identity.Software != "1" || f.At.Baud != 4800 || len(f.Tries) != 3 || took > 2*time.Minute {
		t.Errorf("%+v %v after %s", f, err, took)
	}
}

func TestQuestionsInOrder(t *testing.T) {
	search := func(context.Context, terminal.Env) (terminal.Identity, error) { return terminal.Identity{}, nil }
	a, b, c := asker("a", 1200, search), asker("b", 9600, search), asker("c", 2400, search)
	a.Bauds, b.Bauds = []int{9600, 1200}, []int{115200}
	c.Line.TCPPort = 0
	finder := detect.Finder{Drivers: []terminal.Driver{a, b, c}}
	var got []string
	for _, target := range []detect.Target{
		{Line: line.Config{Serial: "x"}, Known: []detect.Known{{Driver: "b"}}},
		{Line: line.Config{TCP: "till"}},
	} {
		for _, q := range finder.Questions(target) {
			got = append(got, q.Driver.Name+" "+q.Line.String())
		}
	}
	want := []string{"b x 9600 8N1", "b x 115200 8N1", "a x 1200 8N1", "c x 2400 8N1", "a x 9600 8N1", "a tcp till:1000", "b tcp till:1000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A serial port that cannot be opened is tried once, an address on each driver's port.
func TestUnopenedLine(t *testing.T) {
	dials := 0
	finder := detect.Finder{
		Drivers: []terminal.Driver{asker("a", 9600, func(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
			return terminal.Identity{}, write(t, e, ctx)
		})},
		Log: slog.New(slog.DiscardHandler),
		Dial: func(context.Context, line.Config) (terminal.Port, error) {
			dials++
			return nil, &line.BusyError{Path: "x", PID: 7, Program: "till"}
		},
	}
	finder.Drivers = append(finder.Drivers, finder.Drivers[0])
	var busy *line.BusyError
	if f, err := finder.Ask(t.Context(), detect.Target{Line: line.Config{Serial: "x"}}); !errors.As(err, &busy) || dials != 1 || f.Found {
		t.Errorf("%+v %v, %d dials", f, err, dials)
	}
	if f, err := finder.Ask(t.Context(), detect.Target{Line: line.Config{TCP: "x"}}); err != nil || dials != 3 || f.Found || !errors.As(f.Tries[1].Err, &busy) {
		t.Errorf("%+v %v, %d dials", f, err, dials)
	}
	dials = 1
	if f, err := finder.Ask(t.Context(), detect.Target{Line: line.Config{Serial: "x"}, Skip: "no"}); err != nil || dials != 1 || len(f.Tries) != 0 {
		t.Errorf("%+v %v, %d dials", f, err, dials)
	}
}

func TestSurvey(t *testing.T) {
	known := asker("a", 9600, nil)
	known.USB = []terminal.USBID{{ID: "0b00:0054", Name: "Desk"}}
	ports := []line.PortInfo{
		{Name: "COM1", Use: line.Free},
		{Name: "COM2", USB: "1a86:7523", Use: line.Free},
		{Name: "COM3", USB: "0B00:0054", SerialNumber: "1", Use: line.Free},
		{Name: "COM4", USB: "0b00:0054", SerialNumber: "2", Use: line.Held},
		{USB: "11ca:0222", Remedies: []string{"modprobe"}},
	}
	type row struct{ name, skip string }
	survey := func(w detect.Wish) (rows []row) {
		for _, x := range detect.Survey(ports, []terminal.Driver{known}, w) {
			rows = append(rows, row{x.Name(), x.Skip})
		}
		return rows
	}
	none := "the system made no serial port of it: modprobe"
	for name, c := range map[string]struct {
		wish detect.Wish
		want []row
	}{
		"nothing wished": {detect.Wish{}, []row{{"COM3", ""}, {"COM4", "in use by another program"}, {"COM1", ""}, {"COM2", ""}, {"USB 11ca:0222", none}}},
		"an id that two have belongs to the settings": {
			detect.Wish{Taken: []detect.Taken{{Terminal: "x", Line: line.Config{USB: "0b00:0054"}}}, Ports: []string{"COM2"}, Addresses: []string{"till", "till"}},
			[]row{{"COM3", "it belongs to the terminal x of the settings"}, {"COM4", "it belongs to the terminal x of the settings"}, {"COM2", ""}, {"till", ""}, {"COM1", ""}, {"USB 11ca:0222", none}},
		},
		"not sure": {
			detect.Wish{Unsure: "not sure", Ports: []string{"COM2"}},
			[]row{{"COM3", "not sure"}, {"COM4", "not sure"}, {"COM2", ""}, {"COM1", "not sure"}, {"USB 11ca:0222", "not sure"}},
		},
		"addresses of the settings": {
			detect.Wish{Taken: []detect.Taken{{Terminal: "x", Line: line.Config{TCP: "till:7"}}, {Terminal: "y", Line: line.Config{TCP: "127.0.0.1:1000"}}}, Addresses: []string{"TILL:9", "127.0.0.1", "127.0.0.1:9"}},
			[]row{{"COM3", ""}, {"COM4", "in use by another program"}, {"TILL:9", "it belongs to the terminal x of the settings"}, {"127.0.0.1", "it belongs to the terminal y of the settings"}, {"127.0.0.1:9", ""}, {"COM1", ""}, {"COM2", ""}, {"USB 11ca:0222", none}},
		},
	} {
		if diff := cmp.Diff(c.want, survey(c.wish), cmp.AllowUnexported(row{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// Whoever plays a simulated terminal has its device open, which is no reason to leave it alone.
	pts := detect.Survey([]line.PortInfo{{Name: "/dev/pts/99999", Use: line.Held}}, nil, detect.Wish{Ports: []string{"/dev/pts/99999"}})
	if len(pts) != 1 || !pts[0].Named || pts[0].Skip != "" {
		t.Errorf("%+v", pts)
	}
	if _, err := line.Look("COM99"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if got := survey(detect.Wish{Ports: []string{"COM99"}}); !strings.Contains(got[2].skip, "no serial port of that name") {
		t.Errorf("%+v", got)
	}
}
