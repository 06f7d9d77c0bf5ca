package sim

import (
	"encoding/binary"
	"fmt"
	"strings"

	"tillbridge/terminal/simulate"
)

// netTalk is the conversation on a connection.
type netTalk struct {
	s    *Simulator
	line *simulate.Line
	got  []byte
}

func newNetTalk(s *Simulator, l *simulate.Line) *netTalk {
	t := &netTalk{s: s, line: l}
	if s.o.british() {
		t.write(fmt.Sprintf(`<?xml version="1.0" encoding="ISO-8859-1"?><TID CODE="%s"/>`, s.TerminalID()))
	}
	return t
}

func (t *netTalk) write(text string) {
	t.line.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...))
}

func (t *netTalk) tell(what *simulate.Speech) {
	t.write(what.Text)
	if what.Over != nil {
		what.Over()
	}
}

// Lost tells that the connection is gone.
func (t *netTalk) Lost() {
	if t.s.net == t {
		t.s.net = nil
	}
}

// Hear takes what the till says.
func (t *netTalk) Hear(p []byte) {
	t.got = append(t.got, p...)
	for len(t.got) >= 2 {
		n := int(binary.BigEndian.Uint16(t.got))
		if len(t.got) < 2+n {
			return
		}
		body := t.got[2 : 2+n : 2+n]
		t.got = t.got[2+n:]
		if t.s.o.british() && !strings.HasPrefix(string(body), "<") {
			t.s.obey(t.line, body)
		}
	}
}
