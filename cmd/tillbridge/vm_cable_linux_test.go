package main

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"time"

	"tillbridge/terminal/wire"
)

// cutMoment is where in a dialogue the adapter is unplugged.
type cutMoment uint8

const (
	cutNever    cutMoment = iota
	cutCommand            // of the command to pay the first bytes have come
	cutAck                // the terminal's line has acknowledged the command
	cutAnswer             // the terminal has said that it is at it
	cutCard               // the terminal waits for a card
	cutStated             // a result was sent and not acknowledged
	cutVoteLost           // the acknowledgement of the result is on its way and does not arrive
	cutVoted              // the acknowledgement has arrived
	cutEnd                // the end, good (06 0F) or bad (06 1E), is about to be sent
	cutEnquiry            // the terminal is asked whether it is ready: recovery
	cutRecord             // the terminal is asked for its last transaction: recovery
)

// frame is the begin of a message on the line (PA00P016).
func frame(apdu ...byte) []byte { return append([]byte{wire.DLE, wire.STX}, apdu...) }

// dialogue follows what passes between bridge and terminal over all cables, and says when to cut.
type dialogue struct {
	mu       sync.Mutex
	at       cutMoment
	came     []byte // the last bytes from the bridge
	sale     bool   // the command to pay was seen
	stated   bool   // a result of it was sent
	waits    bool   // the intermediate status "insert card" was sent
	wrote    []byte // the last message of the terminal
	repeated bool   // it was sent again in this payment
}

// begin begins a payment and aims at a moment of it.
func (d *dialogue) begin(at cutMoment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.came, d.sale, d.stated, d.waits, d.repeated = at, nil, false, false, false, false
}

// aim aims at a moment of the payment in hand.
func (d *dialogue) aim(at cutMoment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
}

// again tells whether the terminal has sent a message again since begin.
func (d *dialogue) again() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.repeated
}

// waiting tells whether the terminal has said in this payment that it waits for a card.
func (d *dialogue) waiting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waits
}

// due tells once that the moment is there.
func (d *dialogue) due(at cutMoment, there bool) bool {
	if !there || d.at != at {
		return false
	}
	d.at = cutNever
	return true
}

// took takes a byte of the bridge. The terminal does not get it any more where it is lost.
func (d *dialogue) took(b byte) (cut, lost bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.came = append(d.came, b)
	if len(d.came) > 32 {
		d.came = d.came[len(d.came)-32:]
	}
	ends := func(p []byte) bool { return bytes.HasSuffix(d.came, p) }
	vote := append(frame(0x80, 0x00, 0x00), wire.DLE, wire.ETX)
	whole := len(d.came) > 2 && bytes.HasSuffix(d.came[:len(d.came)-2], vote) // the checksum is there too
	if ends(frame(0x06, 0x01)) {
		d.sale = true
		if d.due(cutCommand, true) {
			return true, true
		}
	}
	switch {
	case d.due(cutVoteLost, d.stated && ends(vote)), d.due(cutEnquiry, ends(frame(0x05, 0x01))), d.due(cutRecord, ends(frame(0x06, 0x20))):
		return true, true
	case d.due(cutVoted, d.stated && whole), d.due(cutCard, d.waits && whole):
		return true, false
	}
	return false, false
}

// gives is told of what the terminal is about to send, and tells whether it is cut off.
func (d *dialogue) gives(b []byte) (cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.due(cutEnd, d.sale && (bytes.Contains(b, frame(0x06, 0x0F)) || bytes.Contains(b, frame(0x06, 0x1E))))
}

// gave is told of what the terminal has sent.
func (d *dialogue) gave(b []byte) (cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if bytes.Contains(b, frame()) {
		d.repeated = d.repeated || d.sale && bytes.Equal(d.wrote, b)
		d.wrote = bytes.Clone(b)
	}
	plain := bytes.ReplaceAll(b, []byte{wire.DLE, wire.DLE}, []byte{wire.DLE})
	if i := bytes.Index(plain, frame(0x04, 0xFF)); d.sale && i >= 0 && len(plain) > i+5 {
		d.waits = d.waits || plain[i+5] == 0x0A // "insert card", behind the length
	}
	d.stated = d.stated || d.sale && bytes.Contains(b, frame(0x04, 0x0F))
	return d.due(cutAck, d.sale && slices.Equal(b, []byte{wire.ACK})) ||
		d.due(cutAnswer, d.sale && bytes.Contains(b, frame(0x80, 0x00))) ||
		d.due(cutStated, d.sale && bytes.Contains(b, frame(0x04, 0x0F)))
}

// cable joins the terminal to the adapter that it is for. It is a terminal.Port.
type cable struct {
	net.Conn
	d     *dialogue
	ended chan struct{} // the terminal has left it

	mu     sync.Mutex
	spoken time.Time // when the first byte came from the bridge
	first  chan struct{}
}

// Read takes a byte at a time, so that a message can be cut anywhere.
func (c *cable) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(1, len(b))])
	if n == 0 {
		return n, err
	}
	c.mu.Lock()
	if c.spoken.IsZero() {
		c.spoken = time.Now()
		close(c.first)
	}
	c.mu.Unlock()
	cut, lost := c.d.took(b[0])
	if cut {
		_ = c.Close() // that is the point
	}
	if lost {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *cable) Write(b []byte) (int, error) {
	if c.d.gives(b) {
		_ = c.Close() // that is the point
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(b)
	if err == nil && c.d.gave(b) {
		_ = c.Close() // that is the point
	}
	return n, err
}

// spokenAt is when the bridge has sent its first byte.
func (c *cable) spokenAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoken
}
