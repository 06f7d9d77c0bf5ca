package sim

import (
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Options are the simulated terminal's own settings. Zero values mean the defaults that are named.
type Options struct {
	simulate.BodyOptions `yaml:",inline"`
	// LRC is what the check byte covers: "full" (default), "no-stx", "no-etx" or "text".
	LRC string `yaml:"lrc"`
	// NoExtended makes the terminal refuse X (NAK), and name no amount in any result.
	NoExtended bool `yaml:"no_extended"`
	// NoLast makes it refuse G (NAK).
	NoLast bool `yaml:"no_last"`
	// CheckID makes it refuse other terminal numbers than its own and 00000000 (NAK).
	CheckID bool `yaml:"check_id"`
	// DropTCP closes a connection after each operation.
	DropTCP bool `yaml:"drop_tcp"`
	// NakBusy answers NAK to a command that comes while it works on another one; else it is silent.
	NakBusy bool `yaml:"nak_busy"`
	// TicketsFirst states receipts before the result; else they follow it after a second.
	TicketsFirst bool `yaml:"tickets_first"`
	// NoNumber leaves the STAN out (zeros) of what it refuses without asking the bank.
	NoNumber bool `yaml:"no_number"`
}

// format is how its frames are made.
func (o Options) format() (wire.STXFormat, error) {
	covers, ok := map[string]wire.Covers{
		"": wire.CoverAll, "full": wire.CoverAll, "no-stx": wire.CoverBodyETX, "no-etx": wire.CoverSTXBody, "text": wire.CoverBody,
	}[o.LRC]
	if !ok {
		return wire.STXFormat{}, fmt.Errorf("ecr17 simulator: lrc %q: want full, no-stx, no-etx or text", o.LRC)
	}
	return wire.STXFormat{Seed: 0x7F, Covers: covers, LongAck: true}, nil
}

// mouth is the protocol of one terminal.
type mouth struct {
	b      *simulate.Body
	opt    Options
	format wire.STXFormat

	refused *refusal // the last one, kept in the terminal's memory
	receipt []string
}

// refusal is a result other than 00, as it is kept.
type refusal struct {
	after  *simulate.Record // what was booked last then
	number int              // 0 for none
	text   string
	action string
	minor  int64 // what the bank was asked for; 0 where it was not asked
}

// New makes a simulated terminal; o.Options are an Options or nil.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	opt, err := simulate.Own[Options](o.Options)
	if err != nil {
		return nil, err
	}
	m := &mouth{opt: opt}
	if m.format, err = m.opt.format(); err != nil {
		return nil, err
	}
	euro := terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	if o.Currency != euro && o.Currency != (terminal.Currency{}) {
		return nil, fmt.Errorf("ecr17 simulator: the protocol has no currency but the euro, and not %s", o.Currency.Code)
	}
	outcomes := []string{
		simulate.EndOfDayPending, simulate.PrinterOut, simulate.KeepOnLoss, simulate.RepeatStatus, simulate.LateFrame, simulate.LateThenDeclined,
		simulate.NoAmount, simulate.BadCRCOnce,
	}
	if !m.opt.NoExtended { // else nobody could see it
		outcomes = append(outcomes, simulate.WrongAmount)
	}
	m.b, err = simulate.NewBody(o, simulate.Protocol{
		Name: "ecr17", Mouth: m, Currency: euro, TerminalID: "17000001", Timing: m.opt.BodyOptions,
		Outcomes: outcomes,
		Words: simulate.Words{
			Idle: "BENVENUTO", Payment: "PAGAMENTO", Refund: "ACCREDITO", Void: "STORNO", Wait: "ATTENDERE PREGO", Card: "INSERIRE CARTA",
			PIN: "DIGITARE PIN", WrongPIN: "PIN ERRATO", Approved: "TRANSAZIONE ESEGUITA", Declined: "TRANSAZIONE RIFIUTATA",
			Cancelled: "TRANSAZIONE ANNULLATA", Timeout: "TEMPO SCADUTO",
		},
	})
	if err != nil {
		return nil, err
	}
	return m.b, nil
}

// Attach begins the conversation on a line. A terminal that is busy closes a new connection at once.
func (m *mouth) Attach(l *simulate.Line) simulate.Talk {
	t := newTalk(m, l)
	if l.Kind == terminal.TCP && m.b.Paying() {
		l.Close()
	}
	return t
}

// Progress shows the till what the display shows. It is not acknowledged.
func (m *mouth) Progress(l *simulate.Line, s terminal.Stage) {
	text := map[terminal.Stage]string{
		terminal.Started: "ATTENDERE PREGO", terminal.CardWait: "INSERIRE CARTA", terminal.CardRead: "DIGITARE PIN",
		terminal.HostWait: "COLLEGAMENTO...",
	}[s]
	if text != "" && l != nil {
		l.Write(fmt.Appendf(nil, "\x01%-20s\x04", text))
	}
}

// State tells a result to the till, and its receipt where the till wants that.
func (m *mouth) State(r simulate.Result, done func()) {
	f := simulate.Frame{Script: r.Script, Over: done}
	if r.Record != nil {
		f.Body = m.success(r.Record, r.Script == simulate.NoAmount)
	} else {
		m.keep(r)
		f.Body = m.failure(*m.refused)
	}
	t, there := r.Line.Talk().(*talk)
	wanted := there && !r.Stale && t.receipts
	ticket := m.print(r, wanted)
	switch {
	case !there:
		done()
		return
	case !r.Stale:
		t.receipts = false // the terminal prints again after each procedure
	}
	switch {
	case ticket == nil:
	case m.opt.TicketsFirst:
		t.Say(simulate.Frame{Body: ticket})
	default:
		f.Over = func() { t.later(ticketDelay, simulate.Frame{Body: ticket, Over: done}) }
	}
	t.Say(f)
}

// keep puts a refusal into the terminal's memory.
func (m *mouth) keep(r simulate.Result) {
	k := &refusal{after: m.b.Last(), action: "000"}
	k.text = map[string]string{
		simulate.Declined: "TRANSAZIONE RIFIUTATA", simulate.Cancelled: "TRANSAZIONE ANNULLATA", simulate.Timeout: "TEMPO SCADUTO",
		simulate.Busy: "TERMINALE OCCUPATO", simulate.EndOfDayPending: "ESEGUIRE CHIUSURA", simulate.PrinterOut: "ROTOLO ESAURITO",
	}[r.End]
	if r.End == simulate.Declined {
		k.minor, k.action = r.Minor, "100"
	}
	if k.minor != 0 || !m.opt.NoNumber {
		k.number = m.b.NextNumber()
	}
	m.refused = k
}

// last is the terminal's memory; nil where there is nothing in it.
func (m *mouth) last() []byte {
	booked := m.b.Last()
	switch {
	case m.opt.NoLast:
		return nil
	case m.refused != nil && m.refused.after == booked:
		return m.failure(*m.refused)
	case booked != nil:
		return m.success(booked, false)
	}
	return nil
}

// print makes the receipt of a success, on the terminal's paper or as a message to the till; nil where there is none for the till.
func (m *mouth) print(r simulate.Result, wanted bool) []byte {
	if r.Record == nil || r.Stale {
		return nil
	}
	m.receipt = []string{
		"NEGOZIO TILLBRIDGE", "TML " + m.b.TerminalID() + " STAN " + r.Record.Sequence(), r.Record.At.Format("02/01/06 15:04"),
		"************" + simulate.CardLast4, fmt.Sprintf("IMPORTO EUR %d,%02d", r.Record.Minor/100, r.Record.Minor%100), "AUT. " + r.Record.AuthCode,
	}
	if wanted {
		return m.ticket()
	}
	m.b.Print(m.receipt)
	return nil
}

const (
	ackWait     = 3 * time.Second
	ticketDelay = time.Second
)
