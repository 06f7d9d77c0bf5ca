package line

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillbridge/terminal/simulate"
)

// shuffles is how often the names change in TestShuffledNames.
const shuffles = 1000

// stall bounds each wait of the test; nothing waits that long unless something is broken.
const stall = 60 * time.Second

// dummy is a device that speaks only with the one who means it: to "pay A\n" device A answers "ok A\n". Any
// other byte is one that went to the wrong device.
type dummy struct {
	t      *testing.T
	id     byte
	usb    *usbDevice
	pty    *simulate.PTYPort
	served chan struct{} // closed by the first dialogue on the pty of now
	serve  sync.WaitGroup
}

// plugIn gives the device a new pseudo-terminal, as a USB adapter that is plugged in again is a new device.
func (d *dummy) plugIn() {
	p, err := simulate.PTY("")
	if err != nil {
		d.t.Error(err)
		return
	}
	served := make(chan struct{})
	d.pty, d.served = p, served
	d.serve.Go(func() { d.answer(p, sync.OnceFunc(func() { close(served) })) })
}

func (d *dummy) answer(p *simulate.PTYPort, served func()) {
	order, reply := fmt.Appendf(nil, "pay %c\n", d.id), fmt.Appendf(nil, "ok %c\n", d.id)
	var got []byte
	for buf := make([]byte, 64); ; {
		n, err := p.Read(buf)
		got = append(got, buf[:n]...)
		for len(got) >= len(order) && bytes.HasPrefix(got, order) {
			got = got[len(order):]
			served()
			_, _ = p.Write(reply) // it may have been cut
		}
		// A dialogue that was cut leaves the beginning of an order, on this pseudo-terminal only once.
		if !bytes.HasPrefix(order, got) {
			d.t.Errorf("device %c got %q", d.id, got)
			got = nil
		}
		if err != nil {
			return
		}
	}
}

// round tells who waits that the names have changed.
type round struct {
	mu   sync.Mutex
	over chan struct{}
}

// now is closed when the names change next.
func (r *round) now() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

func (r *round) next() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.over)
	r.over = make(chan struct{})
}

// cashier goes on paying at one device: it opens the line, speaks, and opens it again when it is lost.
type cashier struct {
	t    *testing.T
	r    *round
	id   byte
	o    *Opener
	done atomic.Int64 // whole dialogues
	lost atomic.Int64 // lines that went away

	absent, other, ambiguous, busy atomic.Int64 // opens that were refused
}

func (c *cashier) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := c.r.now()
		p, err := c.o.Open(ctx)
		if err != nil {
			c.refused(ctx, err)
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		for ctx.Err() == nil {
			if err := c.pay(ctx, p); err != nil {
				if !errors.Is(err, ErrGone) {
					c.t.Errorf("cashier %c: %v", c.id, err)
				}
				c.lost.Add(1)
				break
			}
			c.done.Add(1)
		}
		if err := p.Close(); err != nil {
			c.t.Errorf("cashier %c: %v", c.id, err)
		}
	}
}

func (c *cashier) refused(ctx context.Context, err error) {
	var busy *BusyError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &busy):
		c.busy.Add(1)
	case errors.Is(err, ErrOther):
		c.other.Add(1)
	case errors.Is(err, ErrAmbiguous):
		c.ambiguous.Add(1)
	case errors.Is(err, fs.ErrNotExist):
		c.absent.Add(1)
	default:
		c.t.Errorf("cashier %c: open: %v", c.id, err)
	}
}

// pay is one dialogue.
func (c *cashier) pay(ctx context.Context, p interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	SetReadDeadline(time.Time) error
},
) error {
	if _, err := p.Write([]byte("pay ")); err != nil {
		return err
	}
	pause(ctx, 5*time.Millisecond) // most lines are cut here, in the middle
	if _, err := fmt.Fprintf(p, "%c\n", c.id); err != nil {
		return err
	}
	if err := p.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return err
	}
	want := fmt.Sprintf("ok %c\n", c.id)
	var got []byte
	for buf := make([]byte, 16); len(got) < len(want); {
		n, err := p.Read(buf)
		if err != nil {
			return err
		}
		got = append(got, buf[:n]...)
	}
	if string(got) != want {
		return fmt.Errorf("the answer is %q", got)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// The names of four terminals, two of them alike but for their serial numbers and two but for their sockets, are
// shuffled and lines are cut a thousand times while payments go on. A fifth cashier knows a name only. No byte
// may reach a device that is not meant, and each finds its own again.
func TestShuffledNames(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	dice := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	s := newShelf(t)
	names := []string{"ttyACM0", "ttyACM1", "ttyACM2", "ttyACM3"}
	devices := []*dummy{
		{t: t, id: 'A', usb: terminalOf("1-1", "A1")},
		{t: t, id: 'B', usb: terminalOf("1-2", "B2")},
		{t: t, id: 'C', usb: adapterAt("2-1")},
		{t: t, id: 'D', usb: adapterAt("2-2.4")},
	}
	for i, d := range devices {
		s.plug(d.usb)
		d.plugIn()
		s.name(d.usb, names[i], d.pty.Path())
	}
	r := &round{over: make(chan struct{})}
	byName := &cashier{t: t, r: r, id: 'D', o: &Opener{c: serialConfig(s.dev + "/ttyACM3"), host: s.host()}}
	p, err := byName.o.Open(t.Context()) // from now on it is the line to D
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	cashiers := []*cashier{
		{t: t, r: r, id: 'A', o: &Opener{c: usbConfig("0b00:0054", "A1", ""), host: s.host()}},
		{t: t, r: r, id: 'B', o: &Opener{c: usbConfig("0b00:0054", "B2", ""), host: s.host()}},
		{t: t, r: r, id: 'C', o: &Opener{c: usbConfig("1a86:7523", "", "2-1"), host: s.host()}},
		byName,
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, c := range cashiers {
		running.Go(func() { c.run(ctx) })
	}
	begin := time.Now()
	for n := 0; n < shuffles && !t.Failed(); {
		for range 1 + dice.IntN(4) { // at times again before the first is noticed
			shuffle(s, devices, dice)
			r.next()
			n++
		}
		settle(t, s, devices)
	}
	stop()
	running.Wait()
	t.Logf("%d shuffles in %s", shuffles, time.Since(begin).Round(time.Millisecond))
	for _, d := range devices {
		d.pty.Close()
		d.serve.Wait()
	}
	for _, c := range cashiers {
		t.Logf("cashier %c %s: %d dialogues, %d lines lost, refused: %d absent, %d another, %d ambiguous, %d busy", c.id, c.o.c, c.done.Load(), c.lost.Load(),
			c.absent.Load(), c.other.Load(), c.ambiguous.Load(), c.busy.Load())
		if c.done.Load() < shuffles/100 {
			t.Errorf("cashier %c had %d dialogues only", c.id, c.done.Load())
		}
	}
	if byName.other.Load() == 0 {
		t.Error("the name never led to another device, which was to be tested")
	}
}

// shuffle lets two or three devices exchange their names. Each is cut and plugged in again, or keeps its line
// under another name.
func shuffle(s *shelf, devices []*dummy, dice *rand.Rand) {
	some := make([]*dummy, 0, len(devices))
	for _, i := range dice.Perm(len(devices))[:2+dice.IntN(2)] {
		some = append(some, devices[i])
	}
	names := make([]string, len(some))
	var cut []*dummy
	for i, d := range some {
		names[(i+1)%len(some)] = filepath.Base(d.usb.dev)
		s.forget(d.usb)
		if dice.IntN(2) > 0 {
			cut = append(cut, d)
		}
	}
	for _, d := range cut {
		d.pty.Close()
		d.serve.Wait()
	}
	dice.Shuffle(len(cut), func(i, j int) { cut[i], cut[j] = cut[j], cut[i] })
	for _, d := range cut { // in another order, so that they get each other's numbers
		d.plugIn()
	}
	for i, d := range some {
		s.name(d.usb, names[i], d.pty.Path())
	}
}

// settle waits until each device that can be found has had a dialogue since it was plugged in.
func settle(t *testing.T, s *shelf, devices []*dummy) {
	t.Helper()
	late := time.NewTimer(stall)
	defer late.Stop()
	for _, d := range devices {
		if d.id == 'D' && d.usb.dev != s.dev+"/ttyACM3" {
			continue // its cashier knows it by that name only
		}
		select {
		case <-d.served:
		case <-late.C:
			t.Errorf("device %c at %s was not found again in %s", d.id, d.usb.dev, stall)
			return
		}
	}
}
