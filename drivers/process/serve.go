package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"tillbridge/terminal"
)

// Serve is the program's side: it makes a driver a program that hears in and says out, until in ends or ctx does. The
// environment has Dial, Link and Log; the currency comes with the handshake. What is under way when in ends is given up as
// when ctx ends, and the line is closed before Serve returns.
func Serve(ctx context.Context, d terminal.Driver, e terminal.Env, options any, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &peer{ctx: ctx, out: out, requests: make(chan message), answers: make(chan message)}
	go p.listen(in, cancel)
	hello, err := p.next()
	if err != nil {
		return err
	}
	if hello.Type != typeHello || hello.Currency == nil || !slices.Contains(hello.Versions, version) {
		return errors.Join(errors.New("the till did not greet as version 1 does"), p.say(message{Type: typeError, Text: "this program speaks version 1"}))
	}
	p.cur = terminal.Currency{Code: hello.Currency.Code, Numeric: hello.Currency.Numeric, Digits: hello.Currency.Digits}
	e.Currency = p.cur
	s, err := d.Open(ctx, e, options)
	if err != nil {
		return p.say(message{Type: typeError, Text: err.Error()})
	}
	p.begin(s)
	answer := message{Type: typeHello, Version: version, Name: d.Name, Evidence: evidenceWords(d.With(options).Evidence)}
	if _, ok := s.(terminal.Canceller); ok {
		answer.Abilities = append(answer.Abilities, abilityCancel)
	}
	if _, ok := s.(terminal.Marker); ok {
		answer.Abilities = append(answer.Abilities, abilityMark)
	}
	if i, ok := s.(terminal.Identifier); ok {
		answer.TerminalID = i.TerminalID()
	}
	err = p.say(answer)
	for err == nil {
		var m message
		if m, err = p.next(); err == nil {
			err = p.obey(s, m)
		}
	}
	if errors.Is(err, context.Canceled) { // the till has closed in, or ctx has ended
		err = nil
	}
	return errors.Join(err, s.Close())
}

// peer is the conversation with the till.
type peer struct {
	ctx      context.Context
	requests chan message
	answers  chan message
	cur      terminal.Currency

	mu      sync.Mutex // guards these
	out     io.Writer
	session terminal.Session
}

// listen sorts what the till says, until it has no more to say.
func (p *peer) listen(in io.Reader, cancel context.CancelFunc) {
	defer cancel()
	r := newReader(in)
	for {
		m, err := decode(r)
		if err != nil {
			return
		}
		to := p.requests
		switch m.Type {
		case typeCancel:
			p.cancel()
			continue
		case typeSeen, typeMark:
			to = p.answers
		}
		select {
		case to <- m:
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *peer) begin(s terminal.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session = s
}

func (p *peer) cancel() {
	p.mu.Lock()
	s := p.session
	p.mu.Unlock()
	if c, ok := s.(terminal.Canceller); ok {
		c.Cancel()
	}
}

func (p *peer) next() (message, error) {
	select {
	case m := <-p.requests:
		return m, nil
	case <-p.ctx.Done():
		return message{}, p.ctx.Err()
	}
}

func (p *peer) say(m message) error {
	b, err := encode(m)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.out.Write(b)
	return err
}

// obey carries out a request and says how it ended.
func (p *peer) obey(s terminal.Session, m message) error {
	r := terminal.Request{Reference: m.Reference, Amount: terminal.Amount{Minor: m.Minor, Currency: p.cur}}
	if m.Armed != nil {
		r.Armed = *m.Armed
	}
	var out terminal.Result
	var err error
	switch m.Type {
	case typePay:
		till := &farTill{p: p, id: m.ID}
		out, err = s.Pay(p.ctx, r, till)
	case typeRecover:
		out, err = s.Recover(p.ctx, terminal.Attempt{Request: r, Mark: m.Mark, Seen: m.Seen})
	case typeReadMark:
		marker, ok := s.(terminal.Marker)
		if !ok {
			err = fmt.Errorf("%w: there is no mark", terminal.ErrRefused)
			break
		}
		out.Mark, err = marker.Mark(p.ctx)
	default:
		err = fmt.Errorf("the request %q is not known", m.Type)
	}
	if err != nil {
		return p.say(message{
			Type: typeError, ID: m.ID, Text: err.Error(), NotSent: errors.Is(err, terminal.ErrNotSent), Busy: errors.Is(err, terminal.ErrBusy), Refused: errors.Is(err, terminal.ErrRefused),
		})
	}
	return p.say(message{Type: typeResult, ID: m.ID, Result: &out})
}

// farTill is the till at the other end.
type farTill struct {
	p  *peer
	id int64
}

// record says something that must be durable and waits for the till's word.
func (t *farTill) record(m message) error {
	if err := t.p.say(m); err != nil {
		return err
	}
	for {
		select {
		case a := <-t.p.answers:
			switch {
			case a.ID != t.id || a.Type != m.Type:
			case a.OK:
				return nil
			default:
				return fmt.Errorf("the till did not record it: %s", a.Text)
			}
		case <-t.p.ctx.Done():
			return t.p.ctx.Err()
		}
	}
}

// Seen makes a result durable.
func (t *farTill) Seen(r terminal.Result) error {
	return t.record(message{Type: typeSeen, ID: t.id, Result: &r})
}

// Mark makes a newer mark durable.
func (t *farTill) Mark(m terminal.Mark) error {
	return t.record(message{Type: typeMark, ID: t.id, Mark: m})
}

// Progress tells how far it is.
func (t *farTill) Progress(g terminal.Progress) {
	_ = t.p.say(message{Type: typeProgress, ID: t.id, Stage: g.Stage.String(), Text: g.Text}) // it cannot fail, and proves nothing
}

// Receipt hands over a receipt. One that is too long for a line is left out.
func (t *farTill) Receipt(r terminal.Receipt) {
	_ = t.p.say(message{Type: typeReceipt, ID: t.id, Receipt: &r}) // it is never worth a payment
}
