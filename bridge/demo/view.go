package demo

import (
	"context"
	"slices"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// shown is how many lines of each ledger the page has, the newest.
const shown = 8

// view is what the page shows.
type view struct {
	MGR      mgrView      `json:"mgr"`
	Bridge   bridgeView   `json:"bridge"`
	Terminal terminalView `json:"terminal"`
	Story    storyView    `json:"story"`
	Verdict  Verdict      `json:"verdict"`
}

type mgrView struct {
	Payments []mgrPayment `json:"payments"` // newest first
	Mode     string       `json:"mode"`
}

type mgrPayment struct {
	UUID    string    `json:"uuid"`
	Amount  string    `json:"amount"`
	At      time.Time `json:"at"`
	Waiting bool      `json:"waiting"` // for the bridge's answer
	Status  int       `json:"status"`
	Problem string    `json:"problem,omitempty"`
	Outcome string    `json:"outcome,omitempty"`
	Code    string    `json:"code,omitempty"`
	Ref     string    `json:"ref,omitempty"`
	Notices int       `json:"notices"`
}

type bridgeView struct {
	process
	Webhook  string       `json:"webhook"`
	Counter  string       `json:"counter"`
	Password string       `json:"password"`
	Dir      string       `json:"dir"`
	Reached  bool         `json:"reached"` // it has reached the terminal at least once
	Payments []journalRow `json:"payments"`
	Trouble  string       `json:"trouble,omitempty"` // why the journal cannot be read
}

type journalRow struct {
	UUID    string `json:"uuid"`
	Amount  string `json:"amount"`
	State   string `json:"state"`
	Outcome string `json:"outcome,omitempty"`
	Code    string `json:"code,omitempty"`
	Proof   string `json:"proof,omitempty"`
}

type terminalView struct {
	Face    terminal.Face `json:"face"`
	Script  string        `json:"script"`
	Line    string        `json:"line"`
	Note    string        `json:"note,omitempty"`
	Entries []entryRow    `json:"entries"` // newest first
}

type entryRow struct {
	Sequence string `json:"sequence"`
	Kind     string `json:"kind"`
	Amount   string `json:"amount"`
	Code     string `json:"code"`
	Captured bool   `json:"captured"`
	Manual   bool   `json:"manual"`
}

type storyView struct {
	UUID   string     `json:"uuid,omitempty"`
	Amount string     `json:"amount,omitempty"`
	State  string     `json:"state,omitempty"`
	States []stateRow `json:"states"` // those that it went through, in their order
	Steps  []stepRow  `json:"steps"`
}

type stateRow struct {
	Word string `json:"word"`
	Tone string `json:"tone,omitempty"`
}

type stepRow struct {
	Seconds float64 `json:"seconds"` // since the charge
	Who     string  `json:"who"`
	Words   string  `json:"words"`
	Tone    string  `json:"tone,omitempty"` // "good", "bad", "doubt"
}

// choices are what was chosen on the page and cannot be seen elsewhere.
type choices struct {
	script string // of the terminal; by-hand where somebody presses
	mode   string // of MGR
}

// look gathers everything. The last pages stand for a journal that cannot be read at the moment.
func (w *world) look(ctx context.Context, c choices, last pages) (view, pages) {
	payments := w.mgr.Payments()
	uuid := told(payments)
	now, err := w.books.read(ctx, uuid)
	trouble := ""
	if err != nil {
		now, trouble = last, err.Error()
	}
	now.marked = now.marked || last.marked // a mark is forgotten while a payment is held
	v := view{
		MGR: mgrView{Payments: []mgrPayment{}, Mode: c.mode},
		Bridge: bridgeView{
			process: w.keeper.process(), Webhook: w.webhook(), Counter: "http://" + w.counter + "/", Password: w.password(), Dir: w.Dir,
			Reached: w.reached(now.marked), Payments: []journalRow{}, Trouble: trouble,
		},
		Terminal: terminalView{Face: w.sim.Face(), Script: c.script, Line: w.line.address, Note: w.line.note, Entries: []entryRow{}},
		Verdict:  Compare(w.ledgers(now)),
	}
	for _, p := range newest(payments) {
		v.MGR.Payments = append(v.MGR.Payments, mgrRow(p))
	}
	for _, p := range now.payments[:min(shown, len(now.payments))] {
		v.Bridge.Payments = append(v.Bridge.Payments, journalRowOf(p))
	}
	for _, e := range newest(v.Terminal.Face.Ledger) {
		v.Terminal.Entries = append(v.Terminal.Entries, entryRow{e.Sequence, e.Kind, money(e, w.currency()), e.AuthCode, e.Captured, e.Manual})
	}
	v.Terminal.Face.Ledger = nil
	if uuid != "" {
		v.Story = storyOf(payments, now, uuid, w.currency())
	}
	return v, now
}

// told is the payment whose story is told: the newest that the bridge did not refuse, or else the newest. It is
// empty where nobody asked for any.
func told(payments []standin.Payment) (uuid string) {
	for _, p := range slices.Backward(payments) {
		if len(p.Asks) == 0 {
			continue
		}
		if a := p.Asks[0]; a.Answered.IsZero() || a.Status == 0 || p.Accepted() {
			return p.UUID
		}
		if uuid == "" {
			uuid = p.UUID
		}
	}
	return uuid
}

// newest are the last few of a list, the last one first.
func newest[T any](all []T) []T {
	last := slices.Clone(all[max(0, len(all)-shown):])
	slices.Reverse(last)
	return last
}

func mgrRow(p standin.Payment) mgrPayment {
	r := mgrPayment{UUID: p.UUID, Notices: len(p.Notices)}
	if len(p.Asks) > 0 {
		a := p.Asks[0]
		r.Amount, r.At, r.Waiting, r.Status, r.Problem = a.Amount, a.At, a.Answered.IsZero(), a.Status, a.Problem
	}
	if n, told := p.Told(); told {
		r.Outcome, r.Code, r.Ref = n.Outcome, n.AuthCode, n.TxnRef
	}
	return r
}

func journalRowOf(p bridge.Payment) journalRow {
	r := journalRow{UUID: p.UUID, Amount: p.Amount.String(), State: p.State.String()}
	if n, final := p.Notice(); final {
		r.Outcome, r.Code, r.Proof = standin.Denied, n.AuthCode, proofWords(p)
		if n.Approved {
			r.Outcome = standin.Approved
		}
	}
	return r
}

// storyOf puts what MGR asked and was told and what the journal recorded into one row of steps.
func storyOf(payments []standin.Payment, now pages, uuid string, c terminal.Currency) storyView {
	s := storyView{UUID: uuid, Steps: []stepRow{}, States: []stateRow{}}
	if p, there := now.payment(uuid); there {
		s.State, s.Amount = p.State.String(), p.Amount.String()
	}
	for _, e := range now.story {
		if r := (stateRow{e.State.String(), tone(e.State)}); len(s.States) == 0 || s.States[len(s.States)-1] != r {
			s.States = append(s.States, r)
		}
	}
	i := slices.IndexFunc(payments, func(p standin.Payment) bool { return p.UUID == uuid })
	m := payments[i]
	type step struct {
		at time.Time
		stepRow
	}
	var steps []step
	add := func(at time.Time, who, words, tone string) {
		steps = append(steps, step{at, stepRow{Who: who, Words: words, Tone: tone}})
	}
	ask := m.Asks[0]
	add(ask.At, "MGR", "Asks for "+ask.Amount+" "+c.Code+".", "")
	switch {
	case ask.Answered.IsZero():
	case ask.Status == 0:
		add(ask.Answered, "MGR", "Gets no answer from the bridge.", "doubt")
	case !m.Accepted():
		add(ask.Answered, "MGR", "Is refused: "+ask.Problem, "bad")
	default:
		add(ask.Answered, "MGR", "Is told that the payment is accepted.", "")
	}
	for _, e := range now.story {
		add(e.At, "Bridge", e.Event.Words(), tone(e.State))
	}
	for _, n := range m.Notices[:min(len(m.Notices), 20)] {
		words, mood := "Is told "+words(n.Outcome, n.AuthCode, n.TxnRef)+answerWords(n)+".", "good"
		if n.Outcome == standin.Denied {
			mood = "bad"
		}
		if !n.Taken {
			mood = "doubt"
		}
		add(n.At, "MGR", words, mood)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	for _, x := range steps {
		x.Seconds = max(0, x.at.Sub(ask.At).Seconds())
		s.Steps = append(s.Steps, x.stepRow)
	}
	return s
}

func tone(s bridge.State) string {
	switch {
	case s.NotKnown():
		return "doubt"
	case s == bridge.Approved:
		return "good"
	case s == bridge.Declined, s == bridge.Expired, s == bridge.NotSent:
		return "bad"
	}
	return ""
}

// menu is what the page offers; it does not change.
type menu struct {
	Outcomes []simulate.Choice `json:"outcomes"`
	Modes    []standin.Mode    `json:"modes"`
	Title    string            `json:"title"`
	Currency string            `json:"currency"`
	Amount   string            `json:"amount"`  // to begin with
	ByHand   bool              `json:"by_hand"` // the terminal has no connection: somebody keys in at it and reads what it prints
}

func (w *world) menu() menu {
	c := w.currency()
	return menu{
		Outcomes: simulate.Choices(w.sim, w.sim.Outcomes()), Modes: standin.Modes(), Title: w.Driver.Title, Currency: c.Code,
		Amount: terminal.Amount{Minor: 1250, Currency: c}.Decimal(), ByHand: w.hand != nil,
	}
}
