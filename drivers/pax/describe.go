package pax

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// describe tells in one line what bytes on the line mean, for the wire trace: the fields that hold nothing of a card.
func describe(_ terminal.LinkKind, sent bool, b []byte) string {
	var parts []string
	reader := wire.NewSTXReader(format(), bodyLimit)
	rubbish, begun := 0, 0
	add := func(part string) {
		if rubbish > 0 {
			parts = append(parts, fmt.Sprintf("noise(%d)", rubbish))
		}
		parts, rubbish = append(parts, part), 0
	}
	words := map[wire.STXKind]string{wire.STXAck: "ACK", wire.STXNak: "NAK", wire.STXEnquiry: "ENQ", wire.STXEnd: "EOT"}
	for i, c := range b {
		if !reader.Partial() {
			begun = i
		}
		switch e := reader.Feed(c); e.Kind {
		case wire.STXFrame:
			add("[" + describeBody(sent, string(e.Body)) + "]")
		case wire.STXBadLRC, wire.STXTooLong:
			add(fmt.Sprintf("damaged(%s, %d)", e.Kind, i+1-begun))
		case wire.STXGarbage:
			rubbish++
		case wire.STXNothing:
		default:
			add(words[e.Kind])
		}
	}
	switch {
	case reader.Partial():
		add(fmt.Sprintf("unfinished(%d)", len(b)-begun))
	case rubbish > 0:
		parts = append(parts, fmt.Sprintf("noise(%d)", rubbish))
	}
	return strings.Join(parts, " ")
}

func describeBody(sent bool, body string) string {
	if sent {
		g := strings.Split(body, fs)
		at := func(n int) string { return element(g, n) }
		switch at(1) {
		case "T00":
			return fmt.Sprintf("T00 type=%s amount=%s ref=%s", at(3), at(4), element(strings.Split(at(6), us), 1))
		case "R02":
			return fmt.Sprintf("R02 record=%s number=%s ref=%s", at(6), at(7), at(9))
		}
		return fmt.Sprintf("%s(%d)", at(1)[:min(3, len(at(1)))], len(body))
	}
	if len(body) < 2 {
		return fmt.Sprintf("message(%d)", len(body))
	}
	r, ok := readReply(body[2:])
	if !ok {
		return fmt.Sprintf("packet(%d)", len(body))
	}
	out := fmt.Sprintf("%s code=%s text=%q", r.cmd, r.code, r.text)
	t := r.payment()
	switch r.cmd {
	case "R03":
		t, _ = r.record()
	case "A01":
		return out + " serial=" + r.field(0) + " model=" + r.field(1)
	case "T01":
	default:
		return out
	}
	return out + fmt.Sprintf(" type=%s amount=%s auth=%s host=%s number=%s ref=%s", t.kind, element(t.amount, 1), t.auth, t.hostRef, t.number, t.ref)
}
