package ecr17

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

const identifyWait = 2500 * time.Millisecond

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
	p, id, err := terminal.Approach(ctx, e, busy)
	if p == nil {
		return id, err
	}
	defer p.Close()
	for n, c := range coverages() {
		line := link.NewSTXBetween(p, format(c, true), format(wire.CoverAll, false), bodyLimit)
		answer, err := link.Ask(ctx, line, register{terminalID: "00000000"}.status(), identifyWait)
		switch {
		case errors.Is(err, terminal.ErrNobody) && n > 0:
			return id, terminal.ErrAlien // it said NAK before
		case err != nil:
			return id, err
		case answer.Kind == wire.STXNak:
			continue
		}
		id, ok := identity(answer.Body)
		if !ok {
			return id, terminal.ErrAlien
		}
		_ = line.Ack() // what it said holds whether this arrives or not
		return id, nil
	}
	return id, fmt.Errorf("%w: it says NAK to the status request, as such a terminal does that compares its number; try the driver with its terminal_id", terminal.ErrAlien)
}

// busy tells whether a message of the protocol has come unasked: a result or a part of a receipt.
func busy(heard []byte) bool {
	r := wire.NewSTXReader(format(wire.CoverAll, false), bodyLimit)
	for _, b := range heard {
		if e := r.Feed(b); e.Kind == wire.STXFrame {
			if m, ok := parse(e.Body); ok && wire.IsDigits(m.terminalID) && (m.code == codeTicket || m.code == codeResult || m.code == codeDCC) {
				return true
			}
		}
	}
	return false
}

// identity is what the answer to s says; false where the message is none in its long form.
func identity(body []byte) (terminal.Identity, bool) {
	m, _ := parse(body)
	st, ok := readStatus(m)
	if !ok || !wire.IsDigits(m.terminalID) || m.field(9, 1) != "0" || m.field(11, 10) != "0000000000" || !wire.IsDigits(st.clock) || !wire.IsDigits(st.state) {
		return terminal.Identity{}, false
	}
	return terminal.Identity{TerminalID: m.terminalID, Software: st.release, Text: stateText(st.state)}, true
}
