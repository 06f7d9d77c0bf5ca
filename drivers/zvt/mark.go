package zvt

import (
	"strconv"
	"strings"

	"tillbridge/terminal"
)

// mark is a stored transaction, as far as it must be told from others. Numbers are the terminal's own digits.
type mark struct {
	receipt, trace, turnover string
	date, clock              string
	amount                   string // minor units; empty where the terminal did not state it
	terminalID               string
}

func markOf(r StatusInformation) mark {
	m := mark{receipt: r.ReceiptNo, trace: r.Trace, turnover: r.TurnoverNo, date: r.Date, clock: r.Time, terminalID: r.TerminalID}
	if r.HasAmount {
		m.amount = strconv.FormatInt(r.AmountMinor, 10)
	}
	return m
}

// numbered tells whether the mark has a number to be told from the next by.
func (m mark) numbered() bool { return number(m.receipt) > 0 || number(m.trace) > 0 }

// String is the mark as the engine keeps it; empty where the terminal told no number.
func (m mark) String() terminal.Mark {
	if !m.numbered() {
		return ""
	}
	return terminal.Mark(strings.Join([]string{"zvt1", m.receipt, m.trace, m.turnover, m.date, m.clock, m.amount, m.terminalID}, "/"))
}

func parseMark(t terminal.Mark) (m mark, ok bool) {
	p := strings.Split(string(t), "/")
	if len(p) != 8 || p[0] != "zvt1" {
		return m, false
	}
	m = mark{receipt: p[1], trace: p[2], turnover: p[3], date: p[4], clock: p[5], amount: p[6], terminalID: p[7]}
	return m, m.numbered()
}

// same tells whether two readings are of one transaction. A field that one of them lacks does not matter, but
// one number at least must be in both.
func (m mark) same(o mark) bool {
	equal := func(a, b string) bool { return a == "" || b == "" || a == b }
	common := number(m.receipt) > 0 && number(o.receipt) > 0 || number(m.trace) > 0 && number(o.trace) > 0
	return common && equal(m.receipt, o.receipt) && equal(m.trace, o.trace) && equal(m.turnover, o.turnover) &&
		equal(m.date, o.date) && equal(m.clock, o.clock) && equal(m.amount, o.amount) && equal(m.terminalID, o.terminalID)
}

// precedes tells whether next is the very next transaction after m: every number that m has, next has one
// higher, or one has wrapped around. Receipt numbers have four digits, trace numbers six.
func (m mark) precedes(next mark) bool {
	follows := func(a, b string) (known, yes bool) {
		x, y := number(a), number(b)
		if x <= 0 {
			return false, false
		}
		wrapped := strings.Trim(a, "9") == "" && (y == 0 || y == 1)
		return true, y == x+1 || wrapped
	}
	known1, receipt := follows(m.receipt, next.receipt)
	known2, trace := follows(m.trace, next.trace)
	return (known1 || known2) && (!known1 || receipt) && (!known2 || trace)
}

// number reads digits; -1 where there is none.
func number(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
