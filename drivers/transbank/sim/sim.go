package sim

import (
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Options are the simulated terminal's own settings. Zero values mean the defaults that are named.
type Options struct {
	simulate.BodyOptions `yaml:",inline"`
	// Model is "integrado" (default) or "autoservicio".
	Model string `yaml:"model"`
	// NoAck books sales and never acknowledges their command.
	NoAck bool `yaml:"no_ack"`
	// TwoBlanks ends the list with two blank records, as newer terminals do; else with one.
	TwoBlanks bool `yaml:"two_blanks"`
	// NoList makes it refuse the list of sales (NAK).
	NoList bool `yaml:"no_list"`
	// CloseForgets makes it forget the last sale in a close.
	CloseForgets bool `yaml:"close_forgets"`
	// Hasty states progress messages without waiting for their acknowledgement.
	Hasty bool `yaml:"hasty"`
	// Account is what the field of the account number holds.
	Account string `yaml:"account"`
	// TimeoutCode is told when nobody presents a card; "07" if empty.
	TimeoutCode string `yaml:"timeout_code"`
}

// Commerce is the simulated merchant's code.
const Commerce = "597029414300"

// mouth is the protocol of one terminal.
type mouth struct {
	b    *simulate.Body
	opt  Options
	auto bool
	send wire.STXFormat

	asked request // the sale or void in progress
}

// request is what the till asked for; it is kept with the record too.
type request struct {
	fn               string
	ticket, commerce string
	status, voucher  bool
	of               *simulate.Record // a void's sale
}

// New makes a simulated terminal; o.Options are an Options, the model in a map[string]string, or nil.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	if words, is := o.Options.(map[string]string); is {
		o.Options = Options{Model: words["model"]}
	}
	opt, err := simulate.Own[Options](o.Options)
	if err != nil {
		return nil, err
	}
	m := &mouth{opt: opt, send: wire.STXFormat{Covers: wire.CoverBodyETX}}
	switch m.opt.Model {
	case "", "integrado":
	case "autoservicio":
		m.auto, m.send.Covers = true, wire.CoverAll
	default:
		return nil, fmt.Errorf("transbank simulator: model %q: want integrado or autoservicio", m.opt.Model)
	}
	peso := terminal.Currency{Code: "CLP", Numeric: 152, Digits: 0}
	if o.Currency != peso && o.Currency != (terminal.Currency{}) {
		return nil, fmt.Errorf("transbank simulator: the protocol has no currency but CLP, and not %s", o.Currency.Code)
	}
	outcomes := []string{
		simulate.EndOfDayPending, simulate.PrinterOut, simulate.KeepOnLoss, simulate.RepeatStatus, simulate.LateFrame, simulate.LateThenDeclined,
		simulate.NoAmount, simulate.BadCRCOnce, simulate.WrongAmount,
	}
	if !m.auto {
		outcomes = append(outcomes, simulate.Tip)
	}
	m.b, err = simulate.NewBody(o, simulate.Protocol{
		Name: "transbank", Mouth: m, Currency: peso, TerminalID: "75001637", Timing: m.opt.BodyOptions, Outcomes: outcomes,
		Words: simulate.Words{
			Idle: "BIENVENIDO", Payment: "VENTA", Refund: "DEVOLUCION", Void: "ANULACION", Wait: "ESPERE POR FAVOR", Card: "OPERE TARJETA",
			PIN: "INGRESE PIN", WrongPIN: "PIN INCORRECTO", Approved: "APROBADA", Declined: "RECHAZADA", Cancelled: "CANCELADA",
			Timeout: "TIEMPO AGOTADO",
		},
	})
	if err != nil {
		return nil, err
	}
	return m.b, nil
}

// Attach begins the conversation on a line.
func (m *mouth) Attach(l *simulate.Line) simulate.Talk {
	t := &talk{m: m}
	reader := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, 1000)
	t.STX = simulate.STX{Body: m.b, Line: l, Format: m.send, Reader: reader, Wait: ackWait, Obey: t.command}
	return t
}

// Progress tells the till how far the sale is, if it wants that.
func (m *mouth) Progress(l *simulate.Line, s terminal.Stage) {
	status := map[terminal.Stage]string{
		terminal.Started: "83", terminal.CardWait: "84", terminal.CardRead: "81", terminal.HostWait: "82",
	}[s]
	t, there := l.Talk().(*talk)
	body := []byte("0900|" + status)
	switch {
	case status == "" || !m.asked.status || !there:
	case m.opt.Hasty:
		t.Hasty(body)
	default:
		t.Say(simulate.Frame{Body: body, Once: true, Wait: progressWait})
	}
}

// State tells a result to the till.
func (m *mouth) State(r simulate.Result, done func()) {
	f := simulate.Frame{Script: r.Script, Over: done}
	data, _ := r.Data.(request)
	switch {
	case r.Record != nil && r.Kind == simulate.Void:
		f.Body = m.voided("00", r.Of.AuthCode, r.Of.Sequence())
	case r.Kind == simulate.Void:
		f.Body = m.voided(m.refusalCode(r.End), "", r.Of.Sequence())
	case r.Record != nil:
		if r.Stale {
			data, _ = r.Record.Data.(request)
		}
		f.Body = m.sale(data.answer(), r.Record, r.Script != simulate.NoAmount, data.voucher)
	default:
		f.Body = m.refusal(data, m.refusalCode(r.End), r.Minor)
	}
	if r.Record != nil && !r.Stale && r.Kind != simulate.Void {
		m.print(r.Record)
	}
	if t, there := r.Line.Talk().(*talk); there {
		t.Say(f)
		return
	}
	done()
}

// answer is the function code of the result.
func (r request) answer() string {
	if r.fn == "0270" {
		return "0271"
	}
	return "0210"
}

func (m *mouth) refusalCode(end string) string {
	if end == simulate.Timeout && m.opt.TimeoutCode != "" {
		return m.opt.TimeoutCode
	}
	return map[string]string{
		simulate.Declined: "01", simulate.Cancelled: "07", simulate.Timeout: "07", simulate.Busy: "12", simulate.EndOfDayPending: "13",
		simulate.PrinterOut: "24",
	}[end]
}

// last is the last sale; nil where none is stored.
func (m *mouth) last() *simulate.Record {
	all := m.b.Records()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == simulate.Sale {
			return all[i]
		}
	}
	if r := m.b.Last(); r != nil && r.Kind == simulate.Sale && !m.opt.CloseForgets {
		return r
	}
	return nil
}

// byOperation finds a sale since the last close.
func (m *mouth) byOperation(operation string) *simulate.Record {
	for _, r := range m.b.Records() {
		if r.Kind == simulate.Sale && strings.TrimLeft(r.Sequence(), "0") == strings.TrimLeft(operation, "0") {
			return r
		}
	}
	return nil
}

// print prints a receipt on the terminal's own paper.
func (m *mouth) print(r *simulate.Record) {
	m.b.Print(m.receipt(r))
}

func (m *mouth) receipt(r *simulate.Record) []string {
	return []string{
		"COMERCIO TILLBRIDGE", "TERMINAL " + m.b.TerminalID(), "OPERACION " + r.Sequence(), r.At.In(time.Local).Format("02/01/06 15:04:05"),
		"************" + simulate.CardLast4, fmt.Sprintf("TOTAL $ %d", r.Minor), "CODIGO AUT. " + r.AuthCode,
	}
}

const (
	ackWait      = 10 * time.Second
	progressWait = time.Second
)
