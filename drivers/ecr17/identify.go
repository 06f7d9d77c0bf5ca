package ecr17

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Times of a search.
const (
	overhear     = 300 * time.Millisecond
	identifyWait = 2500 * time.Millisecond
	identifyMost = 32 // things that are heard
)

var (
	errNobody = errors.New("no answer")
	errAlien  = errors.New("something answers, and not as an ECR17 terminal does")
)

// usbIDs are terminals that are sold in Italy too, by the ids under which they are commonly known.
func usbIDs() []terminal.USBID {
	return []terminal.USBID{
		{ID: "079b:0028", Name: "Ingenico Telium terminal"},
		{ID: "0b00:0052", Name: "Ingenico Move/5000"},
		{ID: "0b00:0053", Name: "Ingenico Move/3000 series"},
		{ID: "0b00:0054", Name: "Ingenico Desk/3000 series"},
		{ID: "0b00:0066", Name: "Ingenico iCT200 series"},
		{ID: "0b00:0080", Name: "Ingenico Desk/5000"},
	}
}

// asks is what identify may write.
func asks() []terminal.Message {
	const (
		enquiry = "status request (s), the question how the terminal is. It names no amount, books nothing and changes no setting. " +
			"Its last byte checks the others; terminals differ in how it is made, so up to four forms of it are sent"
		ack = "acknowledgement of the answer to the status request, and of nothing else"
	)
	var out []terminal.Message
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		for _, lrc := range []string{"3D", "3F", "3C", "3E"} {
			out = append(out, terminal.Message{Link: k, Hex: "02 30 30 30 30 30 30 30 30 30 73 03 " + lrc, Words: enquiry})
		}
		out = append(out, terminal.Message{Link: k, Hex: "06 03 7A", Words: ack})
	}
	return out
}

// identify asks for the status, s, with the terminal number that every terminal takes that does not compare it. The proof is an
// answer in the layout of the paper whose check byte holds. The iSelf terminals, which share the frames and not the messages, have
// another layout.
func identify(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
	p, err := e.Dial(ctx)
	if err != nil {
		return terminal.Identity{}, err
	}
	defer p.Close()
	heard, err := terminal.Overhear(ctx, p, overhear)
	switch {
	case busy(heard):
		return terminal.Identity{Text: "It is in the middle of something, such as a payment of another till, so it was not asked anything. Ask again when its display is at rest."}, nil
	case err != nil:
		return terminal.Identity{}, err
	case e.Link == terminal.TCP && len(heard) > 0:
		return terminal.Identity{}, fmt.Errorf("%w: it spoke first", errAlien)
	}
	f := &search{port: p, reader: wire.NewSTXReader(format(wire.CoverAll, false), bodyLimit)}
	for _, c := range coverages() {
		id, refused, err := f.ask(ctx, c)
		if !refused {
			return id, err
		}
	}
	return terminal.Identity{}, fmt.Errorf("%w: it says NAK to the status request, as such a terminal does that compares its number; try the driver with its terminal_id", errAlien)
}

// busy tells whether a message of the protocol has come unasked: a result or a part of a receipt.
func busy(heard []byte) bool {
	r := wire.NewSTXReader(format(wire.CoverAll, false), bodyLimit)
	for _, b := range heard {
		if e := r.Feed(b); e.Kind == wire.STXFrame {
			if m, ok := parse(e.Body); ok && digits(m.terminalID) && (m.code == codeTicket || m.code == codeResult || m.code == codeDCC) {
				return true
			}
		}
	}
	return false
}

// search is a status request to something that may be a terminal.
type search struct {
	port   terminal.Port
	reader *wire.STXReader
	bytes  int
}

// ask asks in one coverage; refused means that the answer was NAK.
func (f *search) ask(ctx context.Context, c wire.Covers) (id terminal.Identity, refused bool, err error) {
	sent := register{terminalID: "00000000"}.status()
	if _, err := f.port.Write(format(c, true).Append(nil, sent)); err != nil {
		return id, false, err
	}
	buf := make([]byte, 1024)
	for n, until := 0, time.Now().Add(identifyWait); n < identifyMost; n++ {
		got, err := terminal.ReadUntil(ctx, f.port, buf, until)
		f.bytes += got
		for _, b := range buf[:got] {
			switch e := f.reader.Feed(b); e.Kind {
			case wire.STXNak:
				return id, true, nil
			case wire.STXFrame:
				if string(e.Body) == string(sent) {
					return id, false, errors.New("what is sent comes back: the line has an echo, or a plug that joins its two ends, and no terminal")
				}
				id, ok := identity(e.Body)
				if !ok {
					return id, false, errAlien
				}
				_, _ = f.port.Write(format(c, true).AppendAck(nil, wire.ACK)) // what it said holds whether this arrives or not
				return id, false, nil
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && f.bytes == 0:
			return id, false, errNobody
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
			return id, false, errAlien
		case err != nil:
			return id, false, err
		}
	}
	return id, false, errAlien
}

// identity is what the answer to s says; false where the message is none in its long form.
func identity(body []byte) (terminal.Identity, bool) {
	m, _ := parse(body)
	st, ok := readStatus(m)
	if !ok || !digits(m.terminalID) || m.field(9, 1) != "0" || m.field(11, 10) != "0000000000" || !digits(st.clock) || !digits(st.state) {
		return terminal.Identity{}, false
	}
	return terminal.Identity{TerminalID: m.terminalID, Software: st.release, Text: stateText(st.state)}, true
}
