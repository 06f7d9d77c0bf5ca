package sim

import (
	"fmt"
	"strconv"
	"strings"

	"tillbridge/terminal/simulate"
)

// asked is a request of the till.
type asked struct {
	number   string
	minor    int64
	report   bool
	kind     byte
	currency string
	extended string
}

// read takes a request apart: 26 characters (E), 34 (E+), or more (extended data).
func read(body []byte) (q asked, ok bool) {
	if len(body) < 26 {
		return q, false
	}
	t := string(body)
	minor, err := strconv.ParseUint(t[2:10], 10, 63)
	if err != nil || strings.Trim(t[:2]+t[13:16], "0123456789") != "" {
		return q, false
	}
	q = asked{number: t[:2], minor: int64(minor), report: t[10] == '1', kind: t[12], currency: t[13:16]}
	if len(t) > 34 && strings.HasPrefix(t[16:], "EXT01") {
		q.extended = t[34:]
	}
	return q, true
}

// reply is an answer: with a report or without.
func reply(number string, status byte, minor int64, mode byte, report *string, currency, private string) string {
	head := fmt.Sprintf("%2.2s%c%08d%c", number, status, minor, mode)
	if report != nil {
		head += fmt.Sprintf("%-55.55s", *report)
	}
	return head + fmt.Sprintf("%3.3s%-10.10s", currency, private)
}

// pan is the simulated customer's card number, which old French terminals send whole.
const pan = "4111111111110043"

// answer is the answer to a payment.
func (s *Simulator) answer(r simulate.Result) string {
	q, _ := r.Data.(asked)
	currency := fmt.Sprintf("%03d", s.Currency().Numeric)
	if r.Record == nil {
		status := byte('7')
		if s.o.british() {
			switch r.End {
			case simulate.Cancelled:
				status = '6'
			case simulate.Referral:
				status = '2'
			}
		}
		empty := ""
		if !q.report {
			return reply(q.number, status, r.Minor, '0', nil, currency, s.private())
		}
		return reply(q.number, status, r.Minor, '0', &empty, currency, s.private())
	}
	number := q.number
	if r.Stale {
		number = numberOf(r.Record)
	}
	return s.stated(number, r.Record, q.report)
}

// numberOf is the number that a transaction was asked for with; one made at the terminal itself has 00.
func numberOf(r *simulate.Record) string {
	if q, ok := r.Data.(asked); ok {
		return q.number
	}
	return "00"
}

// stated is the answer that states a transaction.
func (s *Simulator) stated(number string, r *simulate.Record, report bool) string {
	currency := fmt.Sprintf("%03d", r.Currency.Numeric)
	if s.o.british() {
		tlv := field('C', r.AuthCode) + field('P', "3") + field('M', fmt.Sprintf("%08d", r.Minor))
		if r.Extra > 0 {
			tlv += field('Y', strconv.FormatInt(r.Extra, 10))
		}
		return reply(number, '0', r.Minor-r.Extra, '0', &tlv, currency, s.private())
	}
	if !report {
		return reply(number, '0', r.Minor, '1', nil, currency, s.private())
	}
	text := fmt.Sprintf("%-18s%037d", pan, 0)
	return reply(number, '0', r.Minor, '1', &text, currency, s.private())
}

func field(tag byte, value string) string { return fmt.Sprintf("%c%02X%s", tag, len(value), value) }

func (s *Simulator) private() string {
	if s.o.Private != "" && !s.o.british() {
		return s.o.Private
	}
	return "0000000000"
}

// repeated is an answer as CMD=DUPLIC states it.
func (s *Simulator) repeated(answer string) string {
	if len(answer) < 80 {
		return answer
	}
	return answer[:70] + "DUPLICDONE"
}

// lastResult is what CMD=DUPLIC states: the last answer, or a transaction made since. Empty is nothing.
func (s *Simulator) lastResult() string {
	if r := s.Last(); r != nil && r != s.lastRecord {
		return s.repeated(s.stated(numberOf(r), r, true))
	}
	return s.last
}

// state is the report of CMD=STATE, with lengths in decimal.
func (s *Simulator) state() string {
	ready := '0'
	if s.Idle() {
		ready = '1'
	}
	return fmt.Sprintf("S18%c0E0B0C8F000F0A001V0501.02H011T%02d%s", ready, len(s.TerminalID()), s.TerminalID())
}
