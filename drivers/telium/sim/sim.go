package sim

import (
	"cmp"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Options are the simulated terminal's own settings. Zero values mean the defaults that are named.
type Options struct {
	simulate.BodyOptions `yaml:",inline"`
	// Dialect is "fr" (default) or "uk".
	Dialect string `yaml:"dialect"`
	// Offers is how often the terminal asks for the line to tell a result before it gives up; default 3. Between two of
	// them passes OfferEvery; default 1 s.
	Offers     int           `yaml:"offers"`
	OfferEvery time.Duration `yaml:"offer_every"`
	// Private is what stands in the last field of a French answer; default zeros.
	Private string `yaml:"private"`
}

// British dialect or not.
func (o Options) british() bool { return o.Dialect == "uk" }

// Simulator is the simulated terminal.
type Simulator struct {
	*simulate.Body
	o Options

	// Under the body's lock:
	enq *simulate.ENQ
	net *netTalk // the newest connection

	last       string           // the last answer to a payment, as CMD=DUPLIC states it; empty for none
	lastRecord *simulate.Record // the newest transaction when that was told
}

// New makes a terminal that is idle and empty. SimulatorOptions' Options may be Options, *Options, or a map with "dialect".
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	if words, is := o.Options.(map[string]string); is {
		o.Options = Options{Dialect: words["dialect"]}
	}
	opt, err := simulate.Own[Options](o.Options)
	if err != nil {
		return nil, err
	}
	opt.Dialect, opt.Offers, opt.OfferEvery = cmp.Or(opt.Dialect, "fr"), cmp.Or(opt.Offers, 3), cmp.Or(opt.OfferEvery, time.Second)
	if opt.Dialect != "fr" && opt.Dialect != "uk" {
		return nil, fmt.Errorf("telium simulator: dialect %q: want fr or uk", opt.Dialect)
	}
	if opt.Offers < 0 || opt.OfferEvery < 0 || len(opt.Private) > 10 {
		return nil, fmt.Errorf("telium simulator: offers, offer_every: less than nothing, or private: more than ten characters")
	}
	s := &Simulator{o: opt}
	outcomes := []string{
		simulate.RepeatStatus, simulate.LateFrame, simulate.LateThenDeclined, simulate.BadCRCOnce, simulate.KeepOnLoss, simulate.WrongAmount,
		simulate.OtherCurrency,
	}
	p := simulate.Protocol{
		Name: "telium", Mouth: s, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "52500001",
		Outcomes: outcomes, Timing: opt.BodyOptions, NoAuthCode: true,
		Words: simulate.Words{
			Idle: "PRET", Payment: "DEBIT", Refund: "CREDIT", Void: "ANNULATION", Wait: "PATIENTEZ", Card: "PRESENTEZ CARTE", PIN: "CODE CONFIDENTIEL",
			WrongPIN: "CODE FAUX", Approved: "PAIEMENT ACCEPTE", Declined: "PAIEMENT REFUSE", Cancelled: "ABANDON", Timeout: "DELAI DEPASSE",
		},
	}
	if opt.british() {
		p.NoAuthCode = false
		p.Currency = terminal.Currency{Code: "GBP", Numeric: 826, Digits: 2}
		p.Outcomes = append(p.Outcomes, simulate.Tip, simulate.Referral)
		p.Words = simulate.Words{
			Idle: "READY", Payment: "SALE", Refund: "REFUND", Void: "REVERSAL", Wait: "PLEASE WAIT", Card: "PRESENT CARD", PIN: "ENTER PIN",
			WrongPIN: "PIN INCORRECT", Approved: "APPROVED", Declined: "DECLINED", Cancelled: "CANCELLED", Timeout: "TIMED OUT",
		}
	}
	if s.Body, err = simulate.NewBody(o, p); err != nil {
		return nil, err
	}
	s.enq = &simulate.ENQ{
		Body: s.Body, Every: opt.OfferEvery,
		// A French terminal at work does not answer; a British one takes a cancellation.
		Awake: func() bool { return opt.british() || s.Idle() },
		Obey:  func(l *simulate.Line, body []byte) { s.obey(l, body) },
	}
	return s, nil
}

// Attach begins a conversation.
func (s *Simulator) Attach(l *simulate.Line) simulate.Talk {
	if l.Kind == terminal.TCP {
		s.net = newNetTalk(s, l)
		return s.net
	}
	return s.enq.Attach(l)
}

// Progress is told by the British dialect, as a broadcast.
func (s *Simulator) Progress(l *simulate.Line, stage terminal.Stage) {
	code := map[terminal.Stage]string{terminal.CardWait: "A9", terminal.CardRead: "B1", terminal.HostWait: "A0"}[stage]
	if !s.o.british() || code == "" || l == nil {
		return
	}
	text := fmt.Sprintf(`<?xml version="1.0" encoding="ISO-8859-1"?><BROADCAST CODE="%s">%s</BROADCAST>`, code, code)
	s.say(l, &simulate.Speech{Text: text, Passing: true})
}

// State tells a result.
func (s *Simulator) State(r simulate.Result, done func()) {
	text := s.answer(r)
	if !r.Stale {
		s.last, s.lastRecord = s.repeated(text), s.Last()
	}
	s.say(r.Line, &simulate.Speech{Text: text, Tries: s.o.Offers, Script: r.Script, Over: done})
}

// say says something over the connection that asked, or over the serial line. Nobody hears it where the connection is gone.
func (s *Simulator) say(l *simulate.Line, what *simulate.Speech) {
	switch {
	case l == nil || l.Kind == terminal.Serial:
		s.enq.Say(what)
	case s.net != nil && s.net.line == l:
		s.net.tell(what)
	case what.Over != nil:
		what.Over()
	}
}
