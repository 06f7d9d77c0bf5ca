package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tillbridge/terminal"
)

const (
	// askWait bounds a question that moves no money; the engine's own limit is five minutes.
	askWait = 5*time.Minute - 10*time.Second
	// lastWords is how long a program that is told to give up may take to say how that ended; the engine leaves a driver
	// behind after five seconds.
	lastWords = 3 * time.Second
	// talkMost is how much a program may say to one request, and recordsMost how often it may have something recorded.
	talkMost    = 2000
	recordsMost = 16
)

var errOver = errors.New("the session is closed")

// session is one conversation with a program, which may be started more than once in it.
type session struct {
	o     *Options
	env   terminal.Env
	spawn spawner

	mu    sync.Mutex // guards these against Close and Cancel
	child *child
	over  bool
	last  int64 // number of the newest request

	hello message // of the program that is running
	began time.Time
}

// canceller is a session whose program takes a cancellation.
type canceller struct{ *session }

var (
	_ terminal.Session    = (*session)(nil)
	_ terminal.Marker     = (*session)(nil)
	_ terminal.Identifier = (*session)(nil)
	_ terminal.Canceller  = canceller{}
)

func open(ctx context.Context, e terminal.Env, options any, spawn spawner) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &session{o: o, env: e, spawn: spawn}
	if _, err := s.ensure(ctx); err != nil {
		return nil, err
	}
	if slices.Contains(s.hello.Abilities, abilityCancel) {
		return canceller{s}, nil
	}
	return s, nil
}

// TerminalID is what the program told of its terminal.
func (s *session) TerminalID() string { return s.hello.TerminalID }

// Close ends the program: its input is closed, and it is killed where it does not end by itself.
func (s *session) Close() error {
	s.mu.Lock()
	s.over = true
	c := s.child
	s.mu.Unlock()
	if c != nil {
		c.stop()
	}
	return nil
}

// ensure makes sure of a program that has greeted. A money request is never repeated by that.
func (s *session) ensure(ctx context.Context) (*child, error) {
	s.mu.Lock()
	c, over := s.child, s.over
	s.mu.Unlock()
	switch {
	case over:
		return nil, errOver
	case c != nil && !c.ended():
		return c, nil
	}
	first := c == nil
	if wait := time.Second - time.Since(s.began); !first && wait > 0 { // one that dies at once is not started at once
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.began = time.Now()
	out, in, kill, err := s.spawn(s.o, s.env)
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	c = newChild(out, in, kill)
	s.mu.Lock()
	if over = s.over; !over {
		s.child = c
	}
	s.mu.Unlock()
	if err = s.greet(ctx, c, first); over {
		err = errOver
	}
	if err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// greet is the handshake.
func (s *session) greet(ctx context.Context, c *child, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.StartTimeout)
	defer cancel()
	cur := s.env.Currency
	if err := c.send(message{Type: typeHello, Versions: []int{version}, Currency: &currency{cur.Code, cur.Numeric, cur.Digits}, Settings: s.o.Settings}); err != nil {
		return err
	}
	m, err := c.next(ctx)
	if err != nil {
		return fmt.Errorf("the program does not greet: %w", err)
	}
	theirs, bad := evidence(m.Evidence)
	switch {
	case m.Type == typeError:
		return failure(m)
	case m.Type != typeHello:
		return fmt.Errorf("the program says %q before it has greeted", clip(m.Type))
	case m.Version != version:
		return fmt.Errorf("the program speaks version %d of the protocol, and version %d is needed", m.Version, version)
	case bad != nil:
		return fmt.Errorf("the program's evidence: %w", bad)
	case !theirs.Has(s.o.Evidence()):
		return fmt.Errorf("the settings declare evidence %s, and the program has %s only", s.o.Evidence(), theirs)
	case !first && (m.TerminalID != s.hello.TerminalID || !slices.Equal(m.Abilities, s.hello.Abilities)):
		return errors.New("after its start the program has another terminal or other abilities than before")
	}
	m.TerminalID = clip(m.TerminalID)
	s.hello = m
	s.env.Log.Info("the program is there", "name", clip(m.Name), "evidence", theirs.String())
	return nil
}

// failure is an error message as an error.
func failure(m message) error {
	text := clip(m.Text)
	if text == "" {
		text = "the program gives no reason"
	}
	switch {
	case m.NotSent:
		return &reason{text, terminal.ErrNotSent}
	case m.Busy:
		return &reason{text, terminal.ErrBusy}
	case m.Refused:
		return &reason{text, terminal.ErrRefused}
	}
	return errors.New(text)
}

// reason is an error of a kind in the program's own words.
type reason struct {
	text string
	kind error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.kind }

// Pay sends the payment once. Whatever happens from then on proves nothing but what the program says.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	c, err := s.ensure(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %v", terminal.ErrNotSent, err)
	}
	return s.request(ctx, c, message{Type: typePay, Reference: r.Reference, Minor: r.Amount.Minor, Armed: &r.Armed}, s.o.PaymentTimeout, till)
}

// Recover asks the program, which is started where it is not running.
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	c, err := s.ensure(ctx)
	if err != nil {
		return terminal.Result{}, err
	}
	return s.request(ctx, c, message{
		Type: typeRecover, Reference: a.Reference, Minor: a.Amount.Minor, Armed: &a.Armed, Mark: a.Mark, Seen: a.Seen,
	}, askWait, nil)
}

// Mark asks for the terminal's last transaction; a program without that ability tells none.
func (s *session) Mark(ctx context.Context) (terminal.Mark, error) {
	if !slices.Contains(s.hello.Abilities, abilityMark) {
		return "", nil
	}
	c, err := s.ensure(ctx)
	if err != nil {
		return "", err
	}
	r, err := s.request(ctx, c, message{Type: typeReadMark}, askWait, nil)
	return r.Mark, err
}

// Cancel asks the program to give up the request under way. It proves nothing.
func (s canceller) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		_ = s.child.send(message{Type: typeCancel, ID: s.last}) // a program that is gone needs none
	}
}

// request sends a request and hears the program to its end. After anything but an answer the program is stopped, so that nothing
// late is taken for another request's.
func (s *session) request(ctx context.Context, c *child, m message, wait time.Duration, till terminal.Till) (terminal.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	s.mu.Lock()
	s.last++
	m.ID = s.last
	s.mu.Unlock()
	err := c.send(m)
	if err != nil && m.Type == typePay { // it was not even put where the program could read it
		err = fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	records := 0
	for said := 0; err == nil; said++ {
		var a message
		if a, err = c.next(ctx); err != nil {
			break
		}
		if a.Type == typeSeen || a.Type == typeMark {
			records++
		}
		if said == talkMost || records > recordsMost {
			err = errors.New("the program talks without an end")
			break
		}
		if a.ID != m.ID {
			s.env.Log.Warn("the program says something to a request that is over", "type", clip(a.Type))
			continue
		}
		switch a.Type {
		case typeResult:
			if a.Result != nil && a.Result.Proof != terminal.Person {
				return bounded(*a.Result), nil
			}
			err = errors.New("the program states a result that it cannot have")
		case typeError:
			return terminal.Result{}, failure(a)
		default:
			err = s.heard(c, a, till)
		}
	}
	answer, there := lastWord(c, m.ID, ctx.Err() != nil)
	c.stop()
	switch {
	case there && answer.Type == typeError:
		return terminal.Result{}, errors.Join(failure(answer), err)
	case there && answer.Result != nil && answer.Result.Proof != terminal.Person:
		return bounded(*answer.Result), nil
	}
	return terminal.Result{}, fmt.Errorf("the program %q did not bring it to an end: %w", clip(s.hello.Name), err)
}

// lastWord tells a program to give up, and takes the answer that it then has to the request. What it wants recorded is not any more.
func lastWord(c *child, id int64, given bool) (message, bool) {
	c.hush()
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	for said := 0; given && said < talkMost; said++ {
		a, err := c.next(ctx)
		switch {
		case err != nil:
			return message{}, false
		case a.ID == id && (a.Type == typeResult || a.Type == typeError):
			return a, true
		}
	}
	return message{}, false
}

// heard takes what is said in the middle of a request. Without a till there is nothing to say.
func (s *session) heard(c *child, a message, till terminal.Till) error {
	recorded := func(err error) error {
		m := message{Type: a.Type, ID: a.ID, OK: err == nil}
		if err != nil {
			m.Text = clip(err.Error())
		}
		return c.send(m)
	}
	switch {
	case till == nil:
		return fmt.Errorf("the program says %q to a question", clip(a.Type))
	case a.Type == typeProgress:
		till.Progress(terminal.Progress{Stage: stage(a.Stage), Text: clip(a.Text)})
	case a.Type == typeReceipt && a.Receipt != nil:
		till.Receipt(*a.Receipt)
	case a.Type == typeSeen && a.Result != nil && a.Result.Proof != terminal.Person:
		return recorded(till.Seen(bounded(*a.Result)))
	case a.Type == typeMark:
		return recorded(till.Mark(a.Mark))
	default:
		return fmt.Errorf("the program says %q, which is not known here", clip(a.Type))
	}
	return nil
}

// bounded cuts what the engine keeps of a result.
func bounded(r terminal.Result) terminal.Result {
	const rawMost = 2048
	r.Text, r.Code, r.CardName = clip(r.Text), clip(r.Code), clip(r.CardName)
	r.Raw = r.Raw[:min(len(r.Raw), rawMost)]
	r.CardLast4 = r.CardLast4[max(0, len(r.CardLast4)-4):]
	return r
}
