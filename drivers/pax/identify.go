package pax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Times of a search.
const (
	overhear     = 300 * time.Millisecond
	identifyWait = 3 * time.Second
	identifyMost = 16 // things that are heard
)

var errAlien = errors.New("something answers, and not as a POSLink terminal does")

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
	p, err := e.Dial(ctx)
	if err != nil {
		return terminal.Identity{}, err
	}
	defer p.Close()
	switch heard, err := terminal.Overhear(ctx, p, overhear); {
	case err != nil:
		return terminal.Identity{}, err
	case e.Link == terminal.TCP && len(heard) > 0:
		return terminal.Identity{}, fmt.Errorf("%w: it spoke first", errAlien)
	case bytes.Contains(heard, []byte(fs+"T01"+fs)):
		return terminal.Identity{Text: "It is telling the result of a payment, so it was not asked anything. Ask again when its display is at rest."}, nil
	}
	sent := command(NewOptions().Version, "A00", "")
	line := link.NewSTX(p, format(), bodyLimit)
	if err := line.Send(sent); err != nil {
		return terminal.Identity{}, err
	}
	until, something := time.Now().Add(identifyWait), false
	for range identifyMost {
		e, err := line.Next(ctx, until, false)
		switch {
		case errors.Is(err, terminal.ErrSilent) && !something && line.Rubbish() == 0:
			return terminal.Identity{}, err
		case errors.Is(err, terminal.ErrSilent):
			return terminal.Identity{}, errAlien
		case err != nil:
			return terminal.Identity{}, err
		}
		something = true
		if e.Kind != wire.STXFrame || len(e.Body) < 2 {
			continue
		}
		if bytes.Equal(e.Body, sent) {
			return terminal.Identity{}, errors.New("what is sent comes back: the line has an echo, or a plug that joins its two ends, and no terminal")
		}
		r, ok := readReply(string(e.Body[2:]))
		if !ok || r.cmd != "A01" || e.Body[0] != '0' || len(r.code) != 6 || !digits(r.code) {
			return terminal.Identity{}, errAlien
		}
		_ = line.Ack() // what it said holds whether this arrives or not
		return terminal.Identity{TerminalID: r.field(0), Serial: r.field(0), Device: r.field(1), Software: r.field(9), Text: r.text}, nil
	}
	return terminal.Identity{}, errAlien
}
