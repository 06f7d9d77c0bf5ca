package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"tillbridge/terminal"
)

const (
	// relineWait is the pause before another line is made after one that broke for no reason of the fault menu.
	relineWait = 100 * time.Millisecond
	// releaseEvery is how often the exclusive mode is lifted that a killed program left on a pseudo-terminal.
	releaseEvery = time.Second
	// connectionsMost is how many connections a simulated terminal serves at a time.
	connectionsMost = 16
)

// Lines are the lines over which a simulator is served.
type Lines struct {
	Sim terminal.Simulator
	// Wrap stands between the simulator and each line, to pace or to disturb it; nil for nothing.
	Wrap func(terminal.Port) terminal.Port
	// Opened is told of each new line: the device or the other side's address; nil for nobody.
	Opened func(where string)
}

func (l Lines) serve(ctx context.Context, p terminal.Port, k terminal.LinkKind) error {
	if l.Wrap != nil {
		p = l.Wrap(p)
	}
	return l.Sim.Serve(ctx, p, k)
}

func (l Lines) opened(where string) {
	if l.Opened != nil {
		l.Opened(where)
	}
}

// PTY serves the simulator on a pseudo-terminal, with a symbolic link to its device, until ctx ends. When the
// fault menu pulls the cable the device goes, and when it is plugged in again another one comes under the
// same link. The error says that the first device could not be made; ended by ctx it is nil. Linux only.
func (l Lines) PTY(ctx context.Context, link string) error {
	for first := true; ; first = false {
		if err := cabled(ctx, l.Sim); err != nil {
			return nil
		}
		port, err := PTY(link)
		switch {
		case err != nil && first:
			return err
		case err == nil:
			l.opened(port.Path())
			err = l.onDevice(ctx, port)
		}
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, ErrCut) && !rest(ctx, relineWait) {
			return nil
		}
	}
}

// onDevice serves one device to its end.
func (l Lines) onDevice(ctx context.Context, port *PTYPort) error {
	over := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() {
		t := time.NewTicker(releaseEvery)
		defer t.Stop()
		for {
			select {
			case <-over:
				return
			case <-t.C:
				_ = port.Release() // it fails once the device is gone, and then nothing is left to lift
			}
		}
	})
	err := l.serve(ctx, port, terminal.Serial)
	close(over)
	keeper.Wait()
	return errors.Join(err, port.Close())
}

// TCP serves the simulator on a listener until ctx ends, and closes the listener. While the cable is out,
// connections are closed as soon as they come. The error is the listener's; ended by ctx it is nil.
func (l Lines) TCP(ctx context.Context, listener net.Listener) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	slots := make(chan struct{}, connectionsMost)
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close() // nothing was said on it
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve the simulated terminal: %w", err)
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close() // a terminal has not that many tills; nothing was said on it
			continue
		}
		l.opened(conn.RemoteAddr().String())
		serving.Go(func() {
			defer func() { <-slots }()
			_ = l.serve(ctx, conn, terminal.TCP) // how a connection ended is the simulator's story, not an error
		})
	}
}

// cabled waits until the cable is plugged in, or for ctx's end.
func cabled(ctx context.Context, sim terminal.Simulator) error {
	for {
		changed := sim.Changed()
		if sim.Face().Cabled {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// rest waits; false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
