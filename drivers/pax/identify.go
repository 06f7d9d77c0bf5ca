package pax

import (
	"bytes"
	"context"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

const identifyWait = 3 * time.Second

// asks is what identify may write.
func asks() (all []terminal.Message) {
	for _, k := range []terminal.LinkKind{terminal.Serial, terminal.TCP} {
		all = append(all,
			terminal.Message{Link: k, Hex: "02 41 30 30 1C 31 2E 33 35 1C 03 5B", Words: "initialise (A00), the question which terminal it is. It names no amount, books nothing and changes no setting"},
			terminal.Message{Link: k, Hex: "06", Words: "acknowledgement of the answer to that, and of nothing else"})
	}
	return all
}

// identify asks A00. The proof is an A01 whose check byte holds.
func identify(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
	p, id, err := terminal.Approach(ctx, e, func(heard []byte) bool { return bytes.Contains(heard, []byte(fs+"T01"+fs)) })
	if p == nil {
		return id, err
	}
	defer p.Close()
	line := link.NewSTX(p, format(), bodyLimit)
	answer, err := link.Ask(ctx, line, command(NewOptions().Version, "A00", ""), identifyWait)
	switch {
	case err != nil:
		return id, err
	case len(answer.Body) < 2 || answer.Body[0] != '0':
		return id, terminal.ErrAlien
	}
	r, ok := readReply(string(answer.Body[2:]))
	if !ok || r.cmd != "A01" || len(r.code) != 6 || !wire.IsDigits(r.code) {
		return id, terminal.ErrAlien
	}
	_ = line.Ack() // what it said holds whether this arrives or not
	return terminal.Identity{TerminalID: r.field(0), Serial: r.field(0), Device: r.field(1), Software: r.field(9), Text: r.text}, nil
}
