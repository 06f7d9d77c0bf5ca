package sim

import (
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal/simulate"
)

// head is positions 1 to 10.
func (m *mouth) head(code byte) string { return m.b.TerminalID() + "0" + string(code) }

// success is E with result 00: 92 characters, or the first 71 of them. A reversal names no amount.
func (m *mouth) success(r *simulate.Record, short bool) []byte {
	auth, minor := r.AuthCode, r.Minor
	if r.Kind == simulate.Void {
		auth, minor = "", 0
	}
	at := r.At.In(time.Local)
	s := m.head('E') + "00" +
		"000" + strings.Repeat("*", 12) + simulate.CardLast4 + // 13-31
		"ICC" + // 32-34
		fmt.Sprintf("%-6s", auth) + // 35-40
		fmt.Sprintf("%03d%02d%02d", at.YearDay(), at.Hour(), at.Minute()) + // 41-47
		"2" + // 48
		"88105000001" + // 49-59
		fmt.Sprintf("%06d%06d", r.Number, (r.Number+100)%1_000_000) // 60-71
	if short || m.opt.NoExtended {
		return []byte(s)
	}
	return fmt.Appendf([]byte(s), "000%08d%s", minor%100_000_000, strings.Repeat("0", 10))
}

// failure is E with result 01.
func (m *mouth) failure(k refusal) []byte {
	s := m.head('E') + "01" +
		fmt.Sprintf("%-24s", k.text) + // 13-36
		strings.Repeat("0", 11) + // 37-47
		"2" + // 48
		"88105000001" + // 49-59
		fmt.Sprintf("%06d%06d", k.number, (k.number+100)%1_000_000) // 60-71
	if m.opt.NoExtended {
		return []byte(s)
	}
	return fmt.Appendf([]byte(s), "%s%08d%s", k.action, k.minor%100_000_000, strings.Repeat("0", 10))
}

// status is the answer to s: it is operative.
func (m *mouth) status() []byte {
	return []byte(m.head('s') + strings.Repeat("0", 10) + time.Now().In(time.Local).Format("0201061504") + "2" + "01.02.03")
}

// totals is the answer to T.
func (m *mouth) totals() []byte {
	_, minor := m.b.Totals()
	return fmt.Appendf(nil, "%s00%016d000000", m.head('T'), max(0, minor))
}

// closed is the answer to C.
func (m *mouth) closed() []byte {
	_, minor := m.b.Totals()
	return fmt.Appendf(nil, "%s00%016d%016d", m.head('C'), max(0, minor), max(0, minor))
}

// ticket is the last receipt as S: lines end with 7D, the whole with six of them and 1B.
func (m *mouth) ticket() []byte {
	if len(m.receipt) == 0 {
		return []byte(m.head('S') + "}}}}}}\x1b")
	}
	return []byte(m.head('S') + strings.Join(m.receipt, "}") + "}}}}}}\x1b")
}
