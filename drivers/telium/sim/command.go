package sim

import (
	"fmt"
	"strings"

	"tillbridge/terminal/simulate"
)

// obey does what the till asks for. What it cannot read it passes over.
func (s *Simulator) obey(l *simulate.Line, body []byte) {
	tell := func(text string) { s.say(l, &simulate.Speech{Text: text, Tries: s.o.Offers}) }
	q, ok := read(body)
	if !ok {
		return
	}
	name, isCommand := strings.CutPrefix(strings.TrimSuffix(q.extended, ";"), "CMD=")
	if !isCommand {
		s.charge(l, q, tell)
		return
	}
	answer := func(status byte, report string) {
		tell(reply(q.number, status, q.minor, '0', &report, q.currency, "0000000000"))
	}
	switch {
	case name == "STATE":
		answer('0', s.state())
	case name == "PID":
		answer('0', "SERIAL0001")
	case name == "DUPLIC" && s.lastResult() == "":
		answer('7', "")
	case name == "DUPLIC":
		tell(s.lastResult())
	case name == "CANCEL":
		status := byte('7')
		if s.Cancel() {
			status = '9'
		}
		answer(status, "")
	case name == "REVERSE":
		s.reverse(l, q, answer)
	case name == "EOD" && s.Idle():
		count, minor := s.Totals()
		s.Settle()
		tell(fmt.Sprintf(`<?xml version="1.0" encoding="ISO-8859-1"?><REPORT><COUNT>%d</COUNT><TOTAL>%d</TOTAL></REPORT>`, count, minor))
		answer('9', "")
	default:
		answer('7', "")
	}
}

// charge begins a sale or a refund.
func (s *Simulator) charge(l *simulate.Line, q asked, tell func(string)) {
	refused := func() {
		empty := ""
		text := reply(q.number, '7', q.minor, '0', &empty, q.currency, "0000000000")
		if !q.report {
			text = reply(q.number, '7', q.minor, '0', nil, q.currency, "0000000000")
		}
		tell(text)
	}
	kind, known := map[byte]string{'0': simulate.Sale, '1': simulate.Refund}[q.kind]
	switch {
	case !known, q.currency != fmt.Sprintf("%03d", s.Currency().Numeric), q.minor == 0:
		refused()
	case !s.Begin(l, simulate.Order{Kind: kind, Minor: q.minor, Data: q}):
		refused()
	}
}

// reverse takes back the last transaction, if it is one that can be.
func (s *Simulator) reverse(l *simulate.Line, q asked, answer func(byte, string)) {
	last := s.Last()
	switch {
	case last == nil, last.Voided, last.Kind == simulate.Void:
		answer('9', "")
	case !s.Begin(l, simulate.Order{Kind: simulate.Void, Of: last, Data: q}):
		answer('7', "")
	}
}
