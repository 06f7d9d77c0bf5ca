// Package sim plays the terminal's side of the example protocol. It shares nothing with the driver above terminal/wire, so that a
// mistake in the driver's reading of the paper is not made a second time here (docs/decisions 0001).
//
// Display, customer, bank, books, faults and ledger are simulate.Body's; what is left is what the terminal says.
package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const ackWait = 2 * time.Second

// mouth is the protocol.
type mouth struct {
	*simulate.Body
	talk *simulate.STX // on the newest line; nil before the first one
}

// New makes a terminal.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	m := &mouth{}
	var err error
	m.Body, err = simulate.NewBody(o, simulate.Protocol{
		Name: "example", Mouth: m, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "11000001",
		Outcomes: []string{
			simulate.EndOfDayPending, simulate.PrinterOut, simulate.RepeatStatus, simulate.LateFrame, simulate.LateThenDeclined, simulate.Partial,
			simulate.NoAmount, simulate.BadCRCOnce, simulate.KeepOnLoss, simulate.WrongAmount, simulate.OtherCurrency, simulate.Referral,
		},
		Words: simulate.Words{
			Idle: "READY", Payment: "SALE", Wait: "PLEASE WAIT", Card: "PRESENT CARD", PIN: "ENTER PIN", WrongPIN: "WRONG PIN",
			Approved: "APPROVED", Declined: "DECLINED", Cancelled: "CANCELLED", Timeout: "TIMED OUT",
		},
	})
	return m, err
}

// Attach begins the conversation on a line. Frames that are said until they are acknowledged are simulate.STX's.
func (m *mouth) Attach(l *simulate.Line) simulate.Talk {
	format := wire.STXFormat{Covers: wire.CoverBodyETX}
	t := &simulate.STX{Body: m.Body, Line: l, Format: format, Reader: wire.NewSTXReader(format, 64), Wait: ackWait}
	t.Obey = func(body []byte) { m.obey(t, strings.Split(string(body), "|")) }
	m.talk = t
	return t
}

// Progress says T.
func (m *mouth) Progress(_ *simulate.Line, s terminal.Stage) {
	word := map[terminal.Stage]string{terminal.CardWait: "CARD", terminal.CardRead: "PIN", terminal.HostWait: "BANK"}[s]
	if o, paying := m.Order(); paying && word != "" && m.talk != nil {
		m.talk.Say(simulate.Frame{Body: []byte("T|" + o.Ref + "|" + word)})
	}
}

// State says R.
func (m *mouth) State(r simulate.Result, done func()) {
	code := map[string]string{
		simulate.Declined: "51", simulate.Cancelled: "17", simulate.Timeout: "68", simulate.Busy: "95", simulate.EndOfDayPending: "96",
		simulate.PrinterOut: "97", simulate.Referral: "02",
	}[r.End]
	body := fmt.Sprintf("R|%s|%s|%d|%03d|||", r.Ref, code, r.Minor, m.Currency().Numeric)
	if r.Record != nil {
		body = "R|" + record(r.Record, r.Script == simulate.NoAmount)
	}
	if m.talk == nil {
		done()
		return
	}
	m.talk.Say(simulate.Frame{Body: []byte(body), Script: r.Script, Over: done})
}

// record is what R and S say of a booked sale.
func record(r *simulate.Record, noAmount bool) string {
	minor := strconv.FormatInt(r.Minor, 10)
	if noAmount {
		minor = ""
	}
	return fmt.Sprintf("%s|00|%s|%03d|%s|%s|%s", r.Ref, minor, r.Currency.Numeric, r.AuthCode, r.Sequence(), simulate.CardLast4)
}

// obey takes a command, which is acknowledged whatever it is.
func (m *mouth) obey(t *simulate.STX, f []string) {
	t.Control(wire.ACK)
	say := func(body string) { t.Say(simulate.Frame{Body: []byte(body)}) }
	f = append(f, "", "", "")
	order, paying := m.Order()
	switch f[0] {
	case "I":
		say("I|" + m.TerminalID())
	case "P":
		minor, err := strconv.ParseInt(f[2], 10, 64)
		switch r := m.Find(f[1]); {
		case paying && order.Ref == f[1]: // the same frame once more
		case r != nil:
			say("R|" + record(r, false))
		case err != nil || minor <= 0 || paying || !m.Begin(t.Line, simulate.Order{Kind: simulate.Sale, Minor: minor, Ref: f[1]}):
			say("R|" + f[1] + "|95")
		}
	case "C":
		if paying && order.Ref == f[1] {
			m.Cancel()
		}
	case "Q":
		switch r := m.Find(f[1]); {
		case paying:
			say("S|" + f[1] + "|B")
		case r == nil:
			say("S|" + f[1] + "|N")
		default:
			say("S|" + record(r, false))
		}
	}
}
