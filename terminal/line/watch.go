package line

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// watchEvery is how often a Watch looks.
const watchEvery = time.Second

// isAway tells the errors of an Open that may be mended by plugging in.
func isAway(err error) bool {
	for _, target := range []error{fs.ErrNotExist, fs.ErrPermission, ErrOther, ErrAmbiguous} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// Watch looks once a second whether a line that could not be opened can be opened now: its device is plugged
// in again, is the right one, and is ours to open. Then it closes returned, and looks no more. A look costs
// about a millisecond or less and opens nothing. That the device was away is kept between watches, so that one
// that came back in between is told by the next.
//
// It does not tell of a line that could not be opened for another reason, such as a program that uses the
// port; that takes another Open. Nor of a TCP connection, where returned is nil.
//
// The watch ends with ctx and with stop, which must be called and waits for its end.
func (o *Opener) Watch(ctx context.Context) (returned <-chan struct{}, stop func()) {
	if o.c.TCP != "" || o.c.Validate() != nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	back, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if o.watch(ctx) {
			close(back)
		}
	}()
	return back, func() { cancel(); <-ended }
}

// watch tells true once the line can be opened again, false when ctx ends before.
func (o *Opener) watch(ctx context.Context) bool {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var look <-chan bool // the one that is out
	stamp := ""
	for {
		select {
		case <-ctx.Done():
			return false
		case back := <-look:
			if look = nil; back {
				return true
			}
		case <-tick.C:
			if look != nil {
				continue
			}
			if now := o.host.stamp(); now == "" || now != stamp {
				if look = o.glance(); look != nil {
					stamp = now
				}
			}
		}
	}
}

// glance looks in a goroutine of its own, since the system's calls may hang. There is one at a time; nil while
// an earlier one is out. The result says whether the line was away and can be opened now.
func (o *Opener) glance() <-chan bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.looking {
		return nil
	}
	o.looking = true
	result := make(chan bool, 1)
	go func() {
		err := o.ready()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.looking = false
		o.away = o.away || err != nil // until an Open finds out
		result <- err == nil && o.away
	}()
	return result
}

// ready tells by nil that an Open would find the device that is meant and may open it. Whether others use it
// is not looked at.
func (o *Opener) ready() error {
	if o.c.USB != "" {
		p, ports, err := o.look()
		if err != nil {
			return err
		}
		if now, err := o.host.find(p.Name); err != nil || now != p.number {
			return errors.Join(err, fs.ErrNotExist)
		}
		return o.compare(p, ports)
	}
	number, err := o.host.find(o.c.Serial)
	if err != nil {
		return err
	}
	o.mu.Lock()
	known := o.known
	o.mu.Unlock()
	if !known {
		return nil
	}
	ports, err := o.host.ports()
	if err != nil {
		return err
	}
	return o.compare(numbered(ports, &held{path: o.c.Serial, number: number}), ports)
}
