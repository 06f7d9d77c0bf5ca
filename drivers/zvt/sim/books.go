package sim

import (
	"fmt"
	"slices"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// nextTrace counts a question to the bank.
func (s *Simulator) nextTrace() { s.trace = s.trace%999_999 + 1 }

// newRecord makes the record of an approval under the trace number of the last question to the bank, and
// uses up a receipt number.
func (s *Simulator) newRecord(kind string, minor int64) *record {
	s.receipt = s.receipt%9999 + 1
	s.turnover = s.turnover%999_999 + 1
	return &record{
		kind: kind, minor: minor, numeric: s.cur.Numeric, code: s.cur.Code, trace: s.trace, receipt: s.receipt, turnover: s.turnover,
		auth: fmt.Sprintf("%06d", (int64(s.trace)*483_611+271_828)%1_000_000), at: time.Now(), card: s.card(),
	}
}

// book makes a transaction the last stored one and its money final.
func (s *Simulator) book(r *record) {
	if len(s.stored) >= storeLimit {
		s.stored = slices.Delete(s.stored, 0, 1)
	}
	s.stored = append(s.stored, r)
	s.day.add(r)
	ledger := s.desk.Ledger()
	if r.kind == simulate.Void {
		r.of.reversed = true
		ledger.Reverse(r.of.sequence())
	}
	ledger.Add(s.entry(r, r.kind != simulate.Void))
}

func (s *Simulator) entry(r *record, captured bool) terminal.Entry {
	return terminal.Entry{
		Sequence: r.sequence(), Kind: r.kind, Minor: r.minor, Currency: r.code, AuthCode: r.auth, At: r.at, Captured: captured, Manual: r.manual,
	}
}
