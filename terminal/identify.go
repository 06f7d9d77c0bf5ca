package terminal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// USBID is a USB device that is known.
type USBID struct {
	ID   string // vendor and product, "0b00:0054", lower case
	Name string // "Ingenico Desk/3000 series"
}

// Identity is what a terminal says of itself when it is asked who it is. What it does not tell is empty.
type Identity struct {
	TerminalID string
	Software   string
	Device     string
	Serial     string // serial number
	// Text is how it is and what that means for who searches, in sentences.
	Text string
}

// Message is one thing that Driver.Identify may write.
type Message struct {
	Link LinkKind
	// Hex are its bytes as they go on the line, "10 02 05 01 00 10 03 F6 81"; ".." is a byte that changes.
	Hex string
	// Words say what it asks, and why it moves no money.
	Words string
}

// Matches tells whether bytes are this message, all of it and nothing else.
func (m Message) Matches(b []byte) bool {
	fields := strings.Fields(m.Hex)
	if len(fields) == 0 || len(fields) != len(b) {
		return false
	}
	for i, f := range fields {
		if f == ".." {
			continue
		}
		if one, err := hex.DecodeString(f); err != nil || len(one) != 1 || one[0] != b[i] {
			return false
		}
	}
	return true
}

// What a search finds that is no terminal of the protocol.
var (
	ErrNobody = errors.New("no answer")
	ErrAlien  = errors.New("something answers, and not as a terminal of this protocol does")
	ErrEcho   = errors.New("what is sent comes back: the line has an echo, or a plug that joins its two ends, and no terminal")
)

// searchQuiet is how long a stranger is listened to before anything is said.
const searchQuiet = 300 * time.Millisecond

// Approach begins a search (Driver.Identify): it dials a stranger and listens first. Where speaks says of what was heard that
// it is the protocol, somebody's dialogue is under way: the port is nil and the identity says that nothing was asked. Where
// the port is not nil the stranger may be asked, and the caller closes it.
func Approach(ctx context.Context, e Env, speaks func(heard []byte) bool) (Port, Identity, error) {
	p, err := e.Dial(ctx)
	if err != nil {
		return nil, Identity{}, err
	}
	heard, err := Overhear(ctx, p, searchQuiet)
	var id Identity
	switch {
	case speaks(heard):
		id.Text = "It is in the middle of something, such as a payment of another till, so it was not asked anything. Ask again when its display is at rest."
		err = nil
	case err == nil && e.Link == TCP && len(heard) > 0:
		err = fmt.Errorf("%w: it spoke first", ErrAlien)
	case err == nil:
		return p, id, nil
	}
	_ = p.Close() // nothing was said on it
	return nil, id, err
}

// ErrTalking is wrapped by the error of an Overhear whose line does not come to rest.
var ErrTalking = errors.New("the device talks without being asked")

// Bounds of Overhear.
const (
	overhearMost  = 4096 // bytes
	overhearTimes = 5    // quiet, at most
)

// Overhear reads what comes unasked until nothing has come for the time quiet, and returns it. What came before
// the line was opened may be among it, and so may be a byte that opening makes up. It gives up after five times
// that time, or 4096 bytes, with ErrTalking and what it heard.
func Overhear(ctx context.Context, p Port, quiet time.Duration) ([]byte, error) {
	var heard []byte
	buf := make([]byte, 512)
	for end := time.Now().Add(overhearTimes * quiet); ; {
		n, err := ReadUntil(ctx, p, buf, time.Now().Add(quiet))
		heard = append(heard, buf[:n]...)
		switch {
		case err != nil && errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
			return heard, nil
		case err != nil:
			return heard, err
		case len(heard) >= overhearMost || !time.Now().Before(end):
			return heard, fmt.Errorf("%w; nothing was sent to it", ErrTalking)
		}
	}
}

// ReadUntil is one Read that ends at a time, with os.ErrDeadlineExceeded, or with ctx, with its error.
func ReadUntil(ctx context.Context, p Port, buf []byte, until time.Time) (int, error) {
	if err := p.SetReadDeadline(until); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := p.Read(buf)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return n, err
}
