package process

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"tillbridge/terminal"
)

// spawner starts a program: what it says, what it hears, and a function that ends it at once and may be called again. Closing what
// it hears tells it to end by itself.
type spawner func(o *Options, e terminal.Env) (out io.Reader, in io.WriteCloser, kill func(), err error)

// Times of a program's end; the engine leaves a driver behind after five seconds.
const (
	endWait  = time.Second            // from the stop until it is killed
	killWait = 500 * time.Millisecond // until a killed one has ended
)

const waiting = 32 // lines that wait for the program to read

var (
	errEnded = errors.New("it ended")
	errDeaf  = errors.New("it does not read its input")
)

// child is a program that was started.
type child struct {
	in   io.WriteCloser
	kill func()

	said chan message
	hear chan []byte
	done chan struct{} // closed when nothing more comes from it
	last chan struct{} // closed when it hears nothing more, which tells it to give up
	stp  chan struct{} // closed when nobody listens to it any more
	once [2]sync.Once
	err  error // why done is closed
}

func newChild(out io.Reader, in io.WriteCloser, kill func()) *child {
	c := &child{in: in, kill: kill, said: make(chan message), hear: make(chan []byte, waiting), done: make(chan struct{}), last: make(chan struct{}), stp: make(chan struct{})}
	go c.listen(out)
	go c.speak()
	return c
}

// listen reads until the program has nothing more to say. What comes after the stop is read and dropped, so that the program is not
// kept from ending.
func (c *child) listen(out io.Reader) {
	defer close(c.done)
	r := newReader(out)
	for {
		m, err := decode(r)
		if err != nil {
			c.err = err
			break
		}
		select {
		case c.said <- m:
		case <-c.stp:
		}
	}
	if errors.Is(c.err, io.EOF) {
		c.err = errEnded
		return
	}
	c.kill()                        // it says what is no message
	_, _ = io.Copy(io.Discard, out) // to its end
}

// speak writes what is to be heard.
func (c *child) speak() {
	defer func() { _ = c.in.Close() }() // a program that is gone has no input
	for {
		select {
		case b := <-c.hear:
			if _, err := c.in.Write(b); err != nil {
				return
			}
		case <-c.last:
			return
		case <-c.done:
			return
		}
	}
}

// hush closes the program's input: it is to give up what is under way, and may still say how that ended.
func (c *child) hush() { c.once[0].Do(func() { close(c.last) }) }

// send hands a line over without waiting.
func (c *child) send(m message) error {
	b, err := encode(m)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	default:
	}
	select {
	case c.hear <- b:
		return nil
	default:
		return errDeaf
	}
}

// next is the next message.
func (c *child) next(ctx context.Context) (message, error) {
	select {
	case m := <-c.said:
		return m, nil
	case <-ctx.Done():
		return message{}, ctx.Err()
	case <-c.stp:
		return message{}, errOver
	case <-c.done:
		return message{}, c.err
	}
}

// ended tells whether the program has ended or is about to.
func (c *child) ended() bool {
	select {
	case <-c.done:
	case <-c.last:
	default:
		return false
	}
	return true
}

// stop ends the program and waits for that. It may be called by several goroutines.
func (c *child) stop() {
	c.hush()
	c.once[1].Do(func() { close(c.stp) })
	for _, wait := range []time.Duration{endWait, killWait} {
		t := time.NewTimer(wait)
		select {
		case <-c.done:
			t.Stop()
			c.kill() // what it left behind in its group
			return
		case <-t.C:
			c.kill()
		}
	}
}
