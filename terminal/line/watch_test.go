package line

import (
	"context"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	a, b := desk(portName("0"), "A1", "1-1:1.0"), desk(portName("4"), "A1", "1-3:1.0")
	stranger := desk(portName("0"), "B2", "1-2:1.0")
	for _, c := range []Config{usbConfig("0b00:0054", "A1", ""), usbConfig("0b00:0054", "", ""), serialConfig(a.Name)} {
		synctest.Test(t, func(t *testing.T) {
			m := &machine{}
			o := m.opener(c)
			m.plug(a)
			mustOpen(t, o).Close()
			m.plug()
			wantRefused(t, o, fs.ErrNotExist)
			returned, stop := o.Watch(t.Context())
			defer stop()
			silent := func(d time.Duration, what string) {
				select {
				case <-returned:
					t.Errorf("%s: %s was taken for a return", c, what)
				case <-time.After(d):
				}
			}
			silent(time.Minute, "nothing")
			m.plug(stranger)
			silent(time.Minute, "another device")
			back := b
			if c.USB == "" {
				back.Name = a.Name
			}
			m.plug(stranger, back)
			if c.USB == "" || c.SerialNumber == "" {
				m.plug(back) // they match the stranger too
			}
			begin := time.Now()
			<-returned
			if took := time.Since(begin); took > watchEvery {
				t.Errorf("%s: the return was told after %s", c, took)
			}
			mustOpen(t, o).Close()
		})
	}
}

// A return that comes between two watches, or while the look of an ended one is out, is told by the next.
func TestWatchKeepsWhatItSaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := desk(portName("0"), "A1", "1-1:1.0")
		m := &machine{}
		o := m.opener(usbConfig("0b00:0054", "", ""))
		m.plug(a)
		mustOpen(t, o).Close()
		// Present all the time: an open that failed for another reason is no return.
		returned, stop := o.Watch(t.Context())
		<-time.After(10 * time.Second)
		select {
		case <-returned:
			t.Error("a device that was not away was told as returned")
		default:
		}
		stop()
		m.plug()
		_, stop = o.Watch(t.Context())
		<-time.After(1500 * time.Millisecond)
		stop()
		m.plug(a)
		returned, stop = o.Watch(t.Context())
		<-returned
		stop()

		// A look that hangs holds up nobody, and is the only one.
		synctest.Wait()
		free, looks := make(chan struct{}), atomic.Int64{}
		inner := o.host.ports
		o.host.ports = func() ([]PortInfo, error) { looks.Add(1); <-free; return inner() }
		for range 5 {
			begin := time.Now()
			_, stop := o.Watch(t.Context())
			<-time.After(3 * time.Second)
			stop()
			if took := time.Since(begin); took != 3*time.Second {
				t.Errorf("the watch held its caller for %s", took)
			}
		}
		if n := looks.Load(); n != 1 {
			t.Errorf("%d looks hang", n)
		}
		close(free)
		synctest.Wait()
		returned, stop = o.Watch(t.Context())
		<-returned
		stop()
	})
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		ctx, cancel := context.WithCancel(t.Context())
		_, stop := m.opener(usbConfig("0b00:0054", "", "")).Watch(ctx)
		cancel()
		synctest.Wait() // it has ended without stop
		stop()
		if returned, stop := NewOpener(Config{TCP: "127.0.0.1:1"}).Watch(t.Context()); returned != nil {
			t.Error("a TCP line is watched")
		} else {
			stop()
		}
	})
}

// Where the names of the ports tell of a change, only a change is looked at.
func TestWatchLooksAtChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		o := m.opener(usbConfig("0b00:0054", "", ""))
		wantRefused(t, o, fs.ErrNotExist)
		var mu sync.Mutex
		names, looks := "COM1", atomic.Int64{}
		inner := o.host.ports
		o.host.ports = func() ([]PortInfo, error) { looks.Add(1); return inner() }
		o.host.stamp = func() string { mu.Lock(); defer mu.Unlock(); return names }
		returned, stop := o.Watch(t.Context())
		defer stop()
		<-time.After(time.Hour)
		if n := looks.Load(); n != 1 {
			t.Errorf("%d looks in an hour without a change", n)
		}
		m.plug(desk("COM7", "A1", ""))
		mu.Lock()
		names = "COM1 COM7"
		mu.Unlock()
		<-returned
	})
}
