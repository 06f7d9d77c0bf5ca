package till

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// errDisk is what the fake disk fails with.
var errDisk = errors.New("the disk failed")

// memory is a journal in memory. Fail, where it is set, is asked before each operation: an error refuses it,
// and kept tells that it was carried out all the same.
type memory struct {
	mu       sync.Mutex
	payments map[string]bridge.Payment
	order    []string
	owed     map[string]int // notices, by uuid
	days     []bridge.DayEnd
	events   []string
	fail     func(op string) (err error, kept bool)
}

func newMemory() *memory {
	return &memory{payments: map[string]bridge.Payment{}, owed: map[string]int{}}
}

func (m *memory) do(op string, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, op)
	if m.fail != nil {
		if err, kept := m.fail(op); err != nil {
			if kept {
				err = errors.Join(err, f())
			}
			return err
		}
	}
	return f()
}

func (m *memory) Append(_ context.Context, t bridge.Transition) error {
	return m.do("append "+t.Event.Kind.String(), func() error {
		known, there := m.payments[t.After.UUID]
		switch {
		case t.Event.Kind == bridge.Accept && there:
			return bridge.ErrExists
		case known.Entries != t.Before.Entries:
			return bridge.ErrStale
		}
		if !there {
			m.order = append(m.order, t.After.UUID)
		}
		m.payments[t.After.UUID] = t.After
		if t.Has(bridge.Notify) {
			m.owed[t.After.UUID]++
		}
		if t.Event.Kind == bridge.Report {
			delete(m.owed, t.After.UUID)
		}
		return nil
	})
}

func (m *memory) Payment(_ context.Context, uuid string) (p bridge.Payment, there bool, err error) {
	err = m.do("read", func() error {
		p, there = m.payments[uuid]
		return nil
	})
	return p, there, err
}

func (m *memory) Unsettled(context.Context) (open []bridge.Payment, err error) {
	err = m.do("unsettled", func() error {
		for _, id := range m.order {
			if p := m.payments[id]; p.State.Open() {
				open = append(open, p)
			}
		}
		return nil
	})
	return open, err
}

func (m *memory) Returns(_ context.Context, sale string) (all []bridge.Payment, err error) {
	err = m.do("returns", func() error {
		for _, id := range m.order {
			if p := m.payments[id]; p.Sale == sale {
				all = append(all, p)
			}
		}
		return nil
	})
	return all, err
}

func (m *memory) BeginDayEnd(_ context.Context, d bridge.DayEnd) (bridge.DayEnd, error) {
	err := m.do("begin day end", func() error {
		d.ID = int64(len(m.days) + 1)
		m.days = append(m.days, d)
		return nil
	})
	return d, err
}

func (m *memory) EndDayEnd(_ context.Context, d bridge.DayEnd) error {
	return m.do("end day end", func() error {
		m.days[d.ID-1] = d
		return nil
	})
}

func (m *memory) DayEnds(_ context.Context, name string) (all []bridge.DayEnd, err error) {
	err = m.do("day ends", func() error {
		for _, d := range slices.Backward(m.days) {
			if d.Terminal == name {
				all = append(all, d)
			}
		}
		return nil
	})
	return all, err
}

func (m *memory) Armed(_ context.Context, name string, from, to time.Time, limit int) (all []bridge.Payment, err error) {
	err = m.do("armed", func() error {
		for _, id := range m.order {
			if p := m.payments[id]; p.Terminal == name && p.Armed.After(from) && !p.Armed.After(to) && !p.Armed.IsZero() && len(all) < limit {
				all = append(all, p)
			}
		}
		return nil
	})
	return all, err
}

func (m *memory) SetMark(context.Context, string, terminal.Mark, string) error {
	return m.do("mark", func() error { return nil })
}

func (m *memory) SaveReceipt(context.Context, string, terminal.Receipt) error {
	return m.do("receipt", func() error { return nil })
}

func (m *memory) Renotify(_ context.Context, uuid string) (there bool, err error) {
	err = m.do("renotify", func() error {
		there = m.owed[uuid] > 0
		if !there {
			m.owed[uuid] = 1
		}
		return nil
	})
	return there, err
}

func (m *memory) Forget(_ context.Context, uuid string) error {
	return m.do("forget", func() error {
		delete(m.owed, uuid)
		return nil
	})
}

func (m *memory) Accepting() error { return m.do("accepting", func() error { return nil }) }

// get is a payment as it is now.
func (m *memory) get(uuid string) bridge.Payment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.payments[uuid]
}

// notices is how many notices of a payment are owed.
func (m *memory) notices(uuid string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owed[uuid]
}

// did is the operations so far.
func (m *memory) did() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.events...)
}

// setFail changes the faults.
func (m *memory) setFail(f func(op string) (error, bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// failing refuses some operations, which are carried out all the same where kept.
func failing(kept bool, ops ...string) func(string) (error, bool) {
	return func(op string) (error, bool) {
		for _, o := range ops {
			if o == op {
				return errDisk, kept
			}
		}
		return nil, false
	}
}

// script is a driver made of functions; nil ones succeed at once.
type script struct {
	open    func(context.Context, terminal.Env) error
	pay     func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error)
	recover func(context.Context, terminal.Attempt) (terminal.Result, error)
	mark    func() (terminal.Mark, error)

	mu    sync.Mutex
	pays  int
	opens int
	id    string // the terminal's own number
}

func (s *script) driver() terminal.Driver {
	return terminal.Driver{
		Name: "script", Title: "Script", Evidence: terminal.C2,
		Open: func(ctx context.Context, e terminal.Env, _ any) (terminal.Session, error) {
			s.mu.Lock()
			s.opens++
			open := s.open
			s.mu.Unlock()
			if open != nil {
				if err := open(ctx, e); err != nil {
					return nil, err
				}
			}
			return scripted{s}, nil
		},
	}
}

type scripted struct{ *script }

func (s scripted) Pay(ctx context.Context, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	s.mu.Lock()
	s.pays++
	s.mu.Unlock()
	if s.script.pay == nil {
		return approval(), nil
	}
	return s.script.pay(ctx, r, t)
}

func (s scripted) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if s.script.recover == nil {
		return terminal.Result{}, nil
	}
	return s.script.recover(ctx, a)
}

func (s scripted) Mark(context.Context) (terminal.Mark, error) {
	if s.mark == nil {
		return "1", nil
	}
	return s.mark()
}

func (s scripted) TerminalID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

func (scripted) Close() error { return nil }

func (s *script) paid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pays
}

func (s *script) setOpen(f func(context.Context, terminal.Env) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = f
}

func (s *script) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens
}

func approval() terminal.Result {
	return terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "A1", TxnRef: "T1", Mark: "2"}
}

// bench is a desk that runs inside a synctest bubble.
type bench struct {
	*Desk
	journal *memory
	script  *script
	stop    func()
	notify  chan struct{}
}

// start runs a desk with one terminal, "counter", until the test ends or stop is called.
func start(t *testing.T, j *memory, s *script, change ...func(*Terminal)) *bench {
	t.Helper()
	b := &bench{journal: j, script: s, notify: make(chan struct{}, 1)}
	one := Terminal{
		Name: "counter", Driver: s.driver(), Currency: eur,
		Dial: func(context.Context) (terminal.Port, error) { return nil, errors.New("no line") },
	}
	for _, f := range change {
		f(&one)
	}
	var err error
	b.Desk, err = New(Config{
		Terminals:  []Terminal{one},
		QueueLimit: time.Minute, Log: slog.New(slog.DiscardHandler),
		Hooks: Hooks{Changed: func() {}, Alarm: func() {}, Notify: func() {
			select {
			case b.notify <- struct{}{}:
			default:
			}
		}},
	}, j)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, nil) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

func order(n int) bridge.Order {
	return bridge.Order{UUID: fmt.Sprintf("p%d", n), Customer: "c", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
}
