package ecr17

import (
	"strings"

	"tillbridge/terminal"
)

// Characters of receipts (sheet 4.2).
const (
	newLine   = '}' // 7D
	tallBold  = 0x7F
	ticketEnd = 0x1B

	paperLines = 500 // that one receipt has at most
	lineLimit  = 100 // characters
)

// paper puts the pieces of receipts together.
type paper struct {
	till terminal.Till // nil throws receipts away
	kind terminal.ReceiptKind

	lines []terminal.Line
	line  []byte
	tall  bool
}

func newPaper(till terminal.Till, kind terminal.ReceiptKind) *paper {
	return &paper{till: till, kind: kind}
}

// ticketEnds tells whether a message is the last piece of a receipt.
func ticketEnds(m message) bool {
	return m.code == codeTicket && strings.IndexByte(m.field(11, len(m.body)), ticketEnd) >= 0
}

// add takes a piece.
func (p *paper) add(m message) {
	for _, c := range []byte(m.field(11, len(m.body))) {
		switch {
		case c == newLine:
			p.feed()
		case c == tallBold:
			p.tall = true
		case c == ticketEnd:
			p.end()
		case c >= ' ' && len(p.line) < lineLimit:
			p.line = append(p.line, c)
		}
	}
}

func (p *paper) feed() {
	if len(p.lines) < paperLines {
		p.lines = append(p.lines, terminal.Line{Text: terminal.MaskCardNumbers(string(p.line)), Tall: p.tall})
	}
	p.line, p.tall = p.line[:0], false
}

// end hands over what there is, without the empty lines that push the paper out.
func (p *paper) end() {
	if len(p.line) > 0 {
		p.feed()
	}
	for len(p.lines) > 0 && strings.TrimSpace(p.lines[len(p.lines)-1].Text) == "" {
		p.lines = p.lines[:len(p.lines)-1]
	}
	if len(p.lines) > 0 && p.till != nil {
		p.till.Receipt(terminal.Receipt{Kind: p.kind, Lines: p.lines})
	}
	p.lines, p.tall = nil, false
}
