package sim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Options are the simulated terminal's own settings. Zero values mean the defaults that are named.
type Options struct {
	simulate.BodyOptions `yaml:",inline"`
	// Silent leaves the till's reference (CF) out of answers.
	Silent bool `yaml:"silent"`
	// Linger leaves a connection open after the answer.
	Linger bool `yaml:"linger"`
	// Offers is how often a result is offered on a serial line; default 3, a second apart.
	Offers int `yaml:"offers"`
	// Card is the customer's card number as answers have it; default one with digits masked.
	Card string `yaml:"card"`
}

// contract is the merchant's number.
const contract = "1999403"

// Simulator is the simulated terminal.
type Simulator struct {
	*simulate.Body
	o   Options
	enq *simulate.ENQ
}

// New makes a terminal that is idle and empty. SimulatorOptions' Options may be Options or *Options.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	own, err := simulate.Own[Options](o.Options)
	switch {
	case err != nil:
		return nil, err
	case own.Offers < 0:
		return nil, fmt.Errorf("caisseap simulator: offers %d: less than nothing", own.Offers)
	}
	own.Offers, own.Card = cmp.Or(own.Offers, 3), cmp.Or(own.Card, "411111######0043")
	s := &Simulator{o: own}
	s.Body, err = simulate.NewBody(o, simulate.Protocol{
		Name: "caisseap", Mouth: s, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "52500001", Timing: s.o.BodyOptions,
		Outcomes: []string{
			simulate.Partial, simulate.WrongAmount, simulate.OtherCurrency, simulate.NoAmount, simulate.Referral, simulate.RepeatStatus, simulate.LateFrame,
			simulate.LateThenDeclined, simulate.BadCRCOnce, simulate.KeepOnLoss, simulate.Contradiction,
		},
		Words: simulate.Words{
			Idle: "PRET", Payment: "DEBIT", Refund: "CREDIT", Void: "ANNULATION", Wait: "PATIENTEZ", Card: "PRESENTEZ CARTE", PIN: "CODE CONFIDENTIEL",
			WrongPIN: "CODE FAUX", Approved: "PAIEMENT ACCEPTE", Declined: "PAIEMENT REFUSE", Cancelled: "ABANDON", Timeout: "DELAI DEPASSE",
		},
	})
	if err != nil {
		return nil, err
	}
	s.enq = &simulate.ENQ{Body: s.Body, Every: time.Second, Awake: s.Idle, Obey: s.obey}
	return s, nil
}

// Attach begins a conversation.
func (s *Simulator) Attach(l *simulate.Line) simulate.Talk {
	if l.Kind == terminal.Serial {
		return s.enq.Attach(l)
	}
	return &netTalk{s: s, line: l}
}

// Progress is told by no message: the terminal is silent from request to result.
func (s *Simulator) Progress(*simulate.Line, terminal.Stage) {}

// State tells a result.
func (s *Simulator) State(r simulate.Result, done func()) {
	text := s.answer(r)
	if r.Line == nil || r.Line.Kind == terminal.Serial {
		s.enq.Say(&simulate.Speech{Text: text, Tries: s.o.Offers, Script: r.Script, Over: done})
		return
	}
	if r.Script == simulate.RepeatStatus {
		text += text
	}
	r.Line.Write([]byte(text))
	if !r.Stale && !s.o.Linger {
		r.Line.Close()
	}
	done()
}

// requestQuiet is how long nothing must come after a request, which has no end mark.
const requestQuiet = 100 * time.Millisecond

// netTalk is the conversation on a connection: one request, one answer.
type netTalk struct {
	s    *Simulator
	line *simulate.Line
	got  []byte
	stop func() // takes back the timer; nil for none
}

// Lost tells that the connection is gone. A request that was there to its end is obeyed all the same.
func (t *netTalk) Lost() {}

// Hear takes what the till says.
func (t *netTalk) Hear(p []byte) {
	t.got = append(t.got, p...)
	if t.stop != nil {
		t.stop()
	}
	if _, whole := read(t.got); whole {
		t.stop = t.s.After(requestQuiet, func() {
			body := t.got
			t.got = nil
			t.s.obey(t.line, body)
		})
	}
}

// pair is a field in its place.
type pair struct{ tag, value string }

// read takes fields apart and tells whether the text ends with one and has what every request has.
func read(b []byte) (all []pair, whole bool) {
	t := strings.TrimRight(string(b), "\r\n")
	for t != "" {
		if len(t) < 5 {
			return nil, false
		}
		n, err := strconv.ParseUint(t[2:5], 10, 16)
		if err != nil || int(n) > len(t)-5 {
			return nil, false
		}
		all = append(all, pair{t[:2], t[5 : 5+n]})
		t = t[5+n:]
	}
	return all, find(all, "CD") != "" && (find(all, "CB") == "" || find(all, "CE") != "")
}

func find(all []pair, tag string) string {
	for _, p := range all {
		if p.tag == tag {
			return p.value
		}
	}
	return ""
}

// write puts fields together.
func write(all ...pair) string {
	var b strings.Builder
	for _, p := range all {
		if p.value != "" {
			fmt.Fprintf(&b, "%s%03d%s", p.tag, len(p.value), p.value)
		}
	}
	return b.String()
}

// obey does what the till asks for.
func (s *Simulator) obey(l *simulate.Line, body []byte) {
	q, whole := read(body)
	if !whole {
		return
	}
	refuse := func(reason string) {
		s.State(simulate.Result{Line: l, Order: simulate.Order{Data: q}, End: reason}, func() {})
	}
	minor, err := strconv.ParseInt(find(q, "CB"), 10, 64)
	kind, known := map[string]string{"0": simulate.Sale, "1": simulate.Refund}[find(q, "CD")]
	switch {
	case q[0].tag != "CZ", len(find(q, "CJ")) != 12, err != nil || minor <= 0 || len(find(q, "CB")) < 2:
		refuse("09")
	case !known:
		refuse("12")
	case find(q, "CE") != fmt.Sprintf("%03d", s.Currency().Numeric):
		refuse("13")
	case !s.Begin(l, simulate.Order{Kind: kind, Minor: minor, Ref: find(q, "CF"), Data: q}):
		refuse(simulate.Busy)
	}
}

// reasons are the reasons of refusals.
var reasons = map[string]string{
	simulate.Declined: "04", simulate.Cancelled: "06", simulate.Timeout: "08", simulate.Referral: "02", simulate.Busy: "10",
}

// answer is the answer to a payment.
func (s *Simulator) answer(r simulate.Result) string {
	q, _ := r.Data.([]pair)
	head := []pair{{"CZ", "0320"}, {"CJ", "789300987456"}, {"CA", find(q, "CA")}}
	echo := find(q, "CF")
	if r.Stale {
		echo = r.Record.Ref
	}
	if s.o.Silent {
		echo = ""
	}
	if r.Record == nil { // the sum is missing in refusals, as at a Desk/5000
		reason, own := reasons[r.End]
		if !own {
			reason = r.End
		}
		return write(append(head, pair{"CD", find(q, "CD")}, pair{"AE", "01"}, pair{"AF", reason}, pair{"AC", "184118"}, pair{"CF", echo})...)
	}
	sum := fmt.Sprintf("%08d", r.Record.Minor)
	if r.Script == simulate.NoAmount {
		sum = ""
	}
	reason := ""
	if r.Script == simulate.Contradiction {
		reason = "07"
	}
	// The order is that of terminals that were seen: the sum and the authorisation before our reference.
	all := append(head, pair{"CE", fmt.Sprintf("%03d", r.Record.Currency.Numeric)}, pair{"CD", find(q, "CD")}, pair{"CB", sum}, pair{"AE", "10"}, pair{"AF", reason},
		pair{"CC", "00B"}, pair{"CI", "2"}, pair{"AC", r.Record.AuthCode}, pair{"AA", s.o.Card}, pair{"AI", "A0000000421010"}, pair{"AB", "2708"},
		pair{"CF", echo}, pair{"CG", contract})
	if find(q, "CK") == "100" {
		ticket := "CARTE BANCAIRE\nSANS CONTACT\n" + s.o.Card + "\nMONTANT : " + strconv.FormatInt(r.Record.Minor, 10) + "\n"
		all = append(all, pair{"ZT", write(pair{"CK", "100"}, pair{"AK", base64.StdEncoding.EncodeToString([]byte(ticket))})})
	}
	return write(all...)
}
