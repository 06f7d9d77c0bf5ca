package telium

import (
	"encoding/binary"
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// describe tells in one line what bytes on the line mean, for the wire trace: the head of every message, and never its
// report, where the card stands.
func describe(k terminal.LinkKind, sent bool, b []byte) string {
	if k == terminal.TCP {
		return describeStream(sent, b)
	}
	r := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, maxBody)
	return r.Describe(b, func(e wire.STXEvent) string { return "[" + describeBody(sent, e.Body) + "]" })
}

func describeStream(sent bool, b []byte) string {
	var parts []string
	for len(b) >= 2 {
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			break
		}
		parts = append(parts, "["+describeBody(sent, b[2:2+n])+"]")
		b = b[2+n:]
	}
	if len(b) > 0 {
		parts = append(parts, fmt.Sprintf("unfinished(%d)", len(b)))
	}
	return strings.Join(parts, " ")
}

// requestLength is a request of variant E; E+ has eight characters more, and the British dialect extended data behind.
const requestLength = 26

func describeBody(sent bool, body []byte) string {
	if isXML(body) {
		for _, name := range []string{"BROADCAST", "TID"} {
			if value, ok := attribute(body, name); ok {
				return strings.ToLower(name) + " " + value
			}
		}
		return fmt.Sprintf("xml(%d)", len(body))
	}
	if !sent {
		a, err := parseAnswer(body)
		if err != nil {
			return fmt.Sprintf("unreadable(%d)", len(body))
		}
		return fmt.Sprintf("answer number=%02d status=%s amount=%d mode=%s currency=%03d", a.Number, code(a.Status), a.Minor, code(a.Mode), a.Currency)
	}
	if len(body) < requestLength {
		return fmt.Sprintf("unreadable(%d)", len(body))
	}
	text := "request"
	if _, name, ok := strings.Cut(string(body[requestLength:]), "CMD="); ok {
		return "CMD=" + wire.OneLine(name[:min(len(name), 12)])
	}
	for _, place := range [][2]int{{0, 2}, {2, 10}, {13, 16}} {
		if _, err := digits(body[place[0]:place[1]]); err != nil {
			return fmt.Sprintf("unreadable(%d)", len(body))
		}
	}
	return fmt.Sprintf("%s number=%s amount=%s mode=%s type=%s currency=%s", text, body[:2], body[2:10], code(body[11]), code(body[12]), body[13:16])
}
