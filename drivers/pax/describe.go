package pax

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// describe tells in one line what bytes on the line mean, for the wire trace: the fields that hold nothing of a card.
func describe(_ terminal.LinkKind, sent bool, b []byte) string {
	r := wire.NewSTXReader(format(), bodyLimit)
	return r.Describe(b, func(e wire.STXEvent) string { return "[" + describeBody(sent, string(e.Body)) + "]" })
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
