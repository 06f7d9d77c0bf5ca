package transbank

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// question is a command that moves no money.
type question struct {
	body string
	// take is given what is heard; took tells that it is of the answer, and done that the answer is whole. Nil where an ACK ends it.
	take  func(m message) (took, done bool)
	wait  time.Duration // from each sign of life to the next
	again bool          // it may be sent again on silence
}

// ask asks, and asks again where the terminal says NAK or, if the question allows it, nothing. An error that wraps ErrRefused
// means that the terminal said NAK three times; after any other the line is closed.
func (s *session) ask(ctx context.Context, q question) error {
	for n := 1; ; n++ {
		if err := s.line.Send([]byte(q.body)); err != nil {
			s.drop()
			return err
		}
		heard, err := s.await(ctx, q)
		if err == nil {
			return nil
		}
		nak, silent := errors.Is(err, errNak), errors.Is(err, terminal.ErrSilent)
		if n == link.SendsMost || heard || !nak && !(silent && q.again) {
			s.loose = s.loose || silent && q.take != nil
			if !nak {
				s.drop()
			}
			return err
		}
		late, err := s.line.Drain(ctx, nakPause) // after it the line counts as clean
		if err == nil {
			err = s.unasked(late)
		}
		if err != nil {
			s.drop()
			return err
		}
		s.env.Quality.SentAgain()
	}
}

// await hears the terminal out; heard tells that it began to answer.
func (s *session) await(ctx context.Context, q question) (heard bool, err error) {
	began, naks := time.Now(), 0
	for until := began.Add(ackWait); ; {
		e, err := s.line.Next(ctx, until, false)
		if err != nil {
			return heard, err
		}
		switch e.Kind {
		case wire.STXAck:
			switch {
			case heard || e.Dirty:
				continue // what it is for is not known
			case q.take == nil:
				s.env.Quality.Answered(time.Since(began))
				return true, nil
			}
			s.env.Quality.Answered(time.Since(began))
			heard, until = true, time.Now().Add(q.wait)
		case wire.STXNak:
			if !heard {
				s.env.Quality.Refused()
				return false, errNak
			}
		case wire.STXBadLRC, wire.STXTooLong:
			s.env.Quality.BadCheck()
			if naks++; naks >= link.SendsMost {
				return heard, fmt.Errorf("what the terminal says is damaged: %w", terminal.ErrSilent)
			}
			if err := s.line.Nak(); err != nil {
				return heard, err
			}
		case wire.STXFrame:
			s.env.Quality.Message()
			took, done, err := s.offer(q, e.Body)
			switch {
			case err != nil || done:
				return heard || took, err
			case took:
				heard, naks, until = true, 0, time.Now().Add(q.wait)
			case time.Since(began) < hostWait:
				if next := time.Now().Add(ackWait); next.After(until) {
					until = next // it speaks, and may answer next
				}
			}
		}
	}
}

// offer gives a message to the question, and acknowledges it.
func (s *session) offer(q question, body []byte) (took, done bool, err error) {
	m, ok := parse(body)
	if ok && q.take != nil {
		if took, done = q.take(m); took {
			return took, done, s.line.Ack()
		}
	}
	return false, false, s.aside(body)
}

// one asks for a single message with a function code.
func (s *session) one(ctx context.Context, body string, wait time.Duration, again bool, fns ...string) (message, error) {
	var got message
	err := s.ask(ctx, question{body: body, wait: wait, again: again, take: func(m message) (bool, bool) {
		if m.is(fns...) {
			got = m
		}
		return m.is(fns...), true
	}})
	return got, err
}

// poll is 0100. A terminal that acknowledges it is idle: during a payment it does not answer.
func (s *session) poll(ctx context.Context) error {
	err := s.ask(ctx, question{body: reqPoll, again: true})
	switch {
	case errors.Is(err, terminal.ErrSilent) && ctx.Err() == nil:
		return fmt.Errorf("%w: it does not answer; it may be in a payment, switched off, not connected, or not in its integrated mode", terminal.ErrBusy)
	case errors.Is(err, errNak):
		return errors.New("the terminal says NAK to the poll: the line is disturbed, or it speaks another protocol")
	}
	return err
}

// readsMost is how often something is read until two readings agree.
const readsMost = 3

var errFickle = errors.New("the terminal tells something else each time that it is asked")

// lastSale asks for the last sale. It tells false where none is stored. What an Autoservicio tells anew is read twice; an Integrado prints
// each time. An error that wraps ErrRefused means that the terminal does not tell.
func (s *session) lastSale(ctx context.Context, voucher bool) (r sale, stored bool, err error) {
	told := ""
	for range readsMost {
		m, err := s.one(ctx, s.o.reqLast(voucher), answerWait, true, "0260", "0281")
		if err != nil {
			return sale{}, false, err
		}
		r, _ := s.o.readSale(m)
		stored := m.code != codeNoSale
		if s.o.Model == Autoservicio && told != m.body && (r.terminalID != s.terminalID || !stored || s.markOf(r).text() != s.last) {
			told = m.body
			continue
		}
		switch {
		case stored && m.code != codeOK:
			return sale{}, false, fmt.Errorf("%w to tell its last sale: %s", terminal.ErrRefused, codeText(m.code))
		case stored && r.operation == "":
			return sale{}, false, errors.New("the terminal's last sale has no operation number")
		}
		return r, stored, s.meet(r.terminalID)
	}
	return sale{}, false, errFickle
}

// list asks for the sales since the last close, oldest first; a void is a record with a negative amount. It is whole where there is
// no error. It is of all sales if sure; the second form of the question may leave those for several merchants out, as far as is known. An
// error that wraps ErrRefused means that the terminal does not know the command.
func (s *session) list(ctx context.Context) (all []sale, sure bool, err error) {
	for n, body := range s.o.reqLists() {
		if all, err = s.listBy(ctx, body); err == nil || !errors.Is(err, terminal.ErrRefused) {
			s.listed = s.listed || err == nil
			return all, n == 0, err
		}
	}
	return nil, false, err
}

// listBy asks in one form, again where the terminal's number was told once only and is not the known one.
func (s *session) listBy(ctx context.Context, body string) ([]sale, error) {
	before := ""
	for range readsMost {
		l, err := s.readList(ctx, body)
		if err != nil {
			return nil, err
		}
		id, votes, tie := l.leader()
		if !tie && (id == "" || id == s.terminalID || id == before || votes > 1) {
			return l.all, s.meet(id)
		}
		if before = id; tie {
			before = ""
		}
	}
	return nil, errFickle
}

// listing is a list of sales as it comes.
type listing struct {
	all     []sale
	ids     map[string]int // terminal numbers and how often they were told
	refused string         // the code of a refusal
}

// leader is the terminal number that was told most often, and how often. With a tie there is none to go by: a record was damaged, or
// two terminals answer.
func (l *listing) leader() (id string, votes int, tie bool) {
	for name, n := range l.ids {
		switch {
		case n > votes:
			id, votes, tie = name, n, false
		case n == votes:
			tie = true
		}
	}
	return id, votes, tie
}

// take takes a message; done tells that it was the last one.
func (l *listing) take(o *Options, m message) (took, done bool) {
	r, ok := o.readSale(m)
	if !ok || !m.is("0261", "0291") {
		return false, false
	}
	if r.terminalID != "" {
		l.ids[r.terminalID]++
	}
	switch {
	case m.code != codeOK && m.code != codeNoSale:
		l.refused = m.code
		return true, true
	case m.code == codeNoSale || r.blank():
		return true, true
	}
	l.all = append(l.all, r)
	return true, false
}

func (s *session) readList(ctx context.Context, body string) (*listing, error) {
	l := &listing{ids: map[string]int{}}
	take := func(m message) (took, done bool) { return l.take(s.o, m) }
	if err := s.ask(ctx, question{body: body, take: take, wait: answerWait, again: true}); err != nil {
		return nil, err
	}
	if err := s.tail(ctx); err != nil {
		s.loose = true
		s.drop()
		return nil, err
	}
	if l.refused != "" {
		return nil, fmt.Errorf("%w to tell its sales: %s", terminal.ErrRefused, codeText(l.refused))
	}
	return l, nil
}

// tail hears out the end of the list. A record of a sale behind it says that it was none.
func (s *session) tail(ctx context.Context) error {
	for until := time.Now().Add(listTail); ; {
		e, err := s.line.Next(ctx, until, false)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			return nil
		case err != nil:
			return err
		case e.Kind == wire.STXBadLRC || e.Kind == wire.STXTooLong:
			s.env.Quality.BadCheck()
			return errors.New("what came behind the terminal's list is damaged")
		case e.Kind != wire.STXFrame:
			continue
		}
		m, _ := parse(e.Body)
		if r, ok := s.o.readSale(m); ok && m.is("0261", "0291") && !r.blank() {
			return errors.New("the terminal's list went on behind its end")
		}
		if err := s.aside(e.Body); err != nil {
			return err
		}
	}
}
