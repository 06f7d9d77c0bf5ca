package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// errOut is what Dial returns while nothing is plugged in.
var errOut = errors.New("nothing is plugged in")

// errDead is what a till gets that has died in the story.
var errDead = errors.New("the till is dead")

// meddler stands between driver and simulator: it dials the lines, and does to what passes what the fault says. Its clock is the
// bubble's. It also watches the money command.
type meddler struct {
	s    Subject
	kind terminal.LinkKind
	each time.Duration // a byte's time on the line
	// bytewise lets each byte pass at its time; else a write comes as a whole when its last byte has passed, as through a
	// USB adapter, which spares a thousand wake-ups a payment.
	bytewise bool
	ctx      context.Context
	story    *story
	tasks    sync.WaitGroup
	noisy    func(terminal.Port) terminal.Port // flips bits of what passes; nil for nothing

	mu      sync.Mutex
	sim     terminal.Simulator
	fault   fault
	fired   bool // the fault has happened
	firedAt time.Time
	lasts   time.Duration // what it does, from then on
	fire    func()        // what a fault does beyond the line; called in a goroutine of its own
	stage   stage
	dead    bool // the till has died
	quiet   bool // no bits are flipped any more
	out     time.Time
	port    *tillEnd
	passed  [2]int // bytes since the stage began: out as written, in as read
	wrote   [2]int // bytes written since the stage began, either way
	writes  [2]int // writes since the stage began
	lens    [2][]int
	said    [][]byte // what the terminal wrote in this stage
	all     [][]byte // what it wrote since the scenario's payment began
	hearing bool     // all is written down
	money   int      // writes of the money command for the present payment
	since   []byte   // what came since the last of them
	command [2]int   // where the first of them begins and ends, in bytes out
	inThen  int      // bytes read by then
	ears    *ears    // take down what passes; nil for nobody
	spoken  bool     // something was written since the last byte that was read
	barred  bool     // nothing may be written any more in this stage
	strange int      // results to which a code was given that nobody knows
	seenAt  [2]int   // bytes either way at the last Seen
	wrong   []string
}

func newMeddler(ctx context.Context, s Subject, k terminal.LinkKind, sim terminal.Simulator, st *story) *meddler {
	m := &meddler{s: s, kind: k, ctx: ctx, sim: sim, story: st}
	if l := s.Driver.Line; k == terminal.Serial && l.Baud > 0 {
		bits := 2 + l.DataBits // start, data, one stop
		if l.Parity == "even" || l.Parity == "odd" {
			bits++
		}
		if l.StopBits == "2" {
			bits++
		}
		m.each = time.Duration(bits) * time.Second / time.Duration(l.Baud)
	}
	return m
}

// begin counts anew for a stage, with a fault that waits for its place in it.
func (m *meddler) begin(s stage, f fault, fire func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stage, m.fault, m.fire = s, f, fire
	m.passed, m.wrote, m.writes, m.lens, m.said, m.barred = [2]int{}, [2]int{}, [2]int{}, [2][]int{}, nil, false
	m.story.add("-- %s", s)
}

// calm ends the fault, whatever it was.
func (m *meddler) calm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault, m.out, m.quiet = fault{}, time.Time{}, true
	switch p := m.port; {
	case p == nil || !p.mute:
	case m.kind == terminal.Serial:
		p.mute = false
	default: // a connection that is dead is found out at last
		p.lost(fmt.Errorf("line: %w", simulate.ErrCut))
		p.pipe.Cut()
	}
}

func (m *meddler) blame(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	m.story.add("!! %s", what)
	m.wrong = append(m.wrong, what)
}

// happened tells whether the fault found its place.
func (m *meddler) happened() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fired
}

// dial opens a line to the terminal that is there now.
func (m *meddler) dial(ctx context.Context) (terminal.Port, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	face := m.sim.Face()
	switch {
	case m.dead:
		return nil, errDead
	case time.Now().Before(m.out), !face.Cabled, m.kind == terminal.TCP && !face.Powered:
		m.story.add("dial: %v", errOut)
		return nil, errOut
	case m.kind == terminal.Serial && m.port != nil:
		m.blame("the driver dials while its serial line is open")
		return nil, errors.New("the port is open already")
	}
	till, far := simulate.Pipe()
	p := &tillEnd{m: m, pipe: till, far: far}
	if m.noisy != nil {
		p.noisy = m.noisy(pacedEnd{till, m.each})
	}
	m.port = p
	sim := m.sim
	m.story.add("dial")
	m.tasks.Go(func() { _ = sim.Serve(m.ctx, &terminalEnd{m: m, port: p, pipe: far}, m.kind) })
	return p, nil
}

// drop loses the open line, if there is one.
func (m *meddler) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.port; p != nil {
		p.lost(fmt.Errorf("line: %w", simulate.ErrCut))
		p.pipe.Cut()
		m.story.add("-- the line is lost")
	}
}

// route is the way of a write: what passes, and after how many bytes of it the fault fires; -1 for not in it.
func (m *meddler) route(w way, b []byte) (pieces []piece, at int) {
	start, number := m.wrote[w], m.writes[w]
	m.wrote[w] += len(b)
	m.writes[w]++
	m.lens[w] = append(m.lens[w], len(b))
	at = -1
	f := m.fault
	switch {
	case f.kind == none || f.way != w:
	case f.kind.fires() && w == out && f.at >= start && f.at < start+len(b):
		return []piece{{b, 0}}, f.at - start
	case f.kind == strange:
		return []piece{{m.recode(b), 0}}, -1
	case !f.kind.fires():
		changed := false
		if pieces, changed = f.change(b, start, number); changed {
			m.fired, m.firedAt, m.lasts = true, time.Now(), f.for_
			m.story.add("** %s", f.kind)
			if f.kind == astray {
				time.AfterFunc(time.Second, m.port.giveUp)
			}
			return pieces, -1
		}
	}
	return []piece{{b, 0}}, at
}

// happen does what the fault does to the line p.
func (m *meddler) happen(p *tillEnd) {
	f := m.fault
	m.fired, m.firedAt, m.lasts, m.fault = true, time.Now(), f.for_, fault{}
	m.story.add("** %s after %d bytes %s", f.kind, f.at, f.way)
	switch f.kind {
	case cut:
		m.out = time.Now().Add(f.for_)
		p.lost(fmt.Errorf("line: %w", simulate.ErrCut))
		p.pipe.Cut()
	case hangup:
		p.lost(io.EOF)
		_ = p.pipe.Close()
	case mute:
		p.mute = true
		m.out = time.Now().Add(f.for_)
		if m.kind == terminal.Serial {
			time.AfterFunc(f.for_, p.unmute)
		}
	case die:
		m.dead = true
		p.lost(errDead)
		_ = p.pipe.Abort()
	}
	switch {
	case m.fire == nil:
	case f.kind == die || f.kind == stop:
		m.fire() // ends a context; it is over before the driver goes on
	default:
		m.tasks.Go(m.fire)
	}
}

// leave puts bytes on the open line as if the terminal had said them, and tells whether there is one.
func (m *meddler) leave(b []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.port == nil || len(b) == 0 {
		return false
	}
	m.fired = true
	m.story.add("** left on the line: % x", b)
	_, err := m.port.far.WriteAt(b, time.Time{}, 0)
	return err == nil
}

// pacedEnd is the end of a pipe whose writes take their time.
type pacedEnd struct {
	*simulate.PipeEnd
	each time.Duration
}

func (p pacedEnd) Write(b []byte) (int, error) { return p.WriteAt(b, time.Now(), p.each) }

// tillEnd is the driver's end of a line.
type tillEnd struct {
	m         *meddler
	pipe, far *simulate.PipeEnd
	noisy     terminal.Port // stands before the pipe; nil for nothing

	// Under the meddler's lock:
	mute bool
	over error        // why the line is lost
	free [2]time.Time // when the last write has passed, either way
	left time.Time    // when the money command has left our side
}

func (p *tillEnd) unmute() {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.mute = false
}

// giveUp breaks the connection on the till's side; what the network holds still arrives.
func (p *tillEnd) giveUp() {
	p.m.mu.Lock()
	p.m.story.add("** the connection is given up")
	p.lost(fmt.Errorf("line: %w", simulate.ErrCut))
	p.m.mu.Unlock()
	_ = p.pipe.Close()
}

// lost makes an error what Read and Write return.
func (p *tillEnd) lost(err error) { p.over = err }

// Write hands bytes to the line.
func (p *tillEnd) Write(b []byte) (int, error) {
	m := p.m
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case p.over != nil:
		if !m.dead {
			m.handed(b) // handing over has begun, whatever the line says
			m.wrote[out] += len(b)
		}
		return 0, p.over
	case m.port != p:
		return p.pipe.Write(b)
	}
	remark := m.handed(b)
	if vote := m.s.Vote == nil || m.s.Vote(m.kind, b); vote {
		if m.spoken = true; m.barred {
			m.blame("% x is written after Till.Seen has returned an error", b)
		}
	}
	m.ears.hear(out, 0, b)
	pieces, at := m.route(out, b)
	m.story.bytes(out, b, remark)
	if at >= 0 {
		p.carry(p.pipe, pieces[0].data[:at], 0)
		pieces[0].data = pieces[0].data[at:]
		m.happen(p)
		if p.over != nil {
			return at, p.over
		}
	}
	for _, x := range pieces {
		if err := p.carry(p.pipe, x.data, x.delay); err != nil {
			return 0, err
		}
	}
	if remark != "" {
		p.left = time.Now().Add(time.Duration(len(b)) * m.each)
	}
	return len(b), nil
}

// carry lets bytes pass, unless nothing does.
func (p *tillEnd) carry(pipe *simulate.PipeEnd, b []byte, delay time.Duration) error {
	if p.mute || len(b) == 0 {
		return nil
	}
	if pipe == p.pipe && p.noisy != nil && !p.m.quiet {
		_, err := p.noisy.Write(b)
		return err
	}
	at := time.Now().Add(delay)
	if p.m.bytewise {
		_, err := pipe.WriteAt(b, at, p.m.each)
		return err
	}
	w := out
	if pipe == p.far {
		w = in
	}
	if at.Before(p.free[w]) {
		at = p.free[w]
	}
	at = at.Add(time.Duration(len(b)) * p.m.each)
	p.free[w] = at
	if f := p.m.fault; f.kind == gather && f.way == w {
		at = at.Truncate(f.for_).Add(f.for_)
	}
	_, err := pipe.WriteAt(b, at, 0)
	return err
}

// Read waits for bytes.
func (p *tillEnd) Read(b []byte) (int, error) {
	for {
		m := p.m
		m.mu.Lock()
		most := len(b)
		switch f := m.fault; {
		case p.over != nil:
			err := p.over
			m.mu.Unlock()
			return 0, err
		case f.way == in && f.kind.fires():
			most = min(most, max(1, f.at-m.passed[in]))
		case f.way == in && f.kind == singly:
			most, m.fired = min(most, 1), true
		}
		noisy := p.noisy != nil && !m.quiet
		m.mu.Unlock()
		var n int
		var err error
		if noisy {
			n, err = p.noisy.Read(b[:most])
		} else {
			n, err = p.pipe.Read(b[:most])
		}
		m.mu.Lock()
		switch {
		case p.over != nil:
			n, err = 0, p.over
		case p.mute && err == nil && n > 0:
			m.mu.Unlock()
			continue
		case n > 0:
			// A Read that waited before the fault was planned may have taken more than may pass.
			if f := m.fault; f.way == in && f.kind.losesLine() && m.passed[in]+n > f.at {
				n = max(0, f.at-m.passed[in])
			}
			if p.came(b[:n]); n == 0 {
				m.mu.Unlock()
				continue
			}
		}
		m.mu.Unlock()
		return n, err
	}
}

// came counts what was read, and fires the fault whose place that is.
func (p *tillEnd) came(b []byte) {
	m := p.m
	m.passed[in] += len(b)
	m.since = append(m.since, b...)
	m.spoken = m.spoken && len(b) == 0
	m.ears.hear(in, 1, b)
	if len(b) > 0 {
		m.story.bytes(in, b, "")
	}
	if f := m.fault; f.kind.fires() && f.way == in && m.passed[in] >= f.at {
		m.happen(p)
	}
}

// SetReadDeadline passes on.
func (p *tillEnd) SetReadDeadline(t time.Time) error { return p.pipe.SetReadDeadline(t) }

// Gone passes on.
func (p *tillEnd) Gone() <-chan struct{} { return p.pipe.Gone() }

// Close closes the line; what was written still passes.
func (p *tillEnd) Close() error {
	p.m.mu.Lock()
	if p.over == nil && !p.m.dead && time.Now().Before(p.left) {
		p.m.blame("the line is closed, and not aborted, while bytes of the money command wait on our side")
	}
	p.m.mu.Unlock()
	return p.close(p.pipe.Close)
}

// Abort closes the line; what waits on our side does not leave any more. What a network holds up still arrives.
func (p *tillEnd) Abort() error {
	if p.m.kind == terminal.TCP {
		return p.close(p.pipe.Close)
	}
	return p.close(p.pipe.Abort)
}

func (p *tillEnd) close(how func() error) error {
	p.m.mu.Lock()
	if p.m.port == p {
		p.m.port = nil
		p.m.story.add("closed by the till")
	}
	p.m.mu.Unlock()
	return how()
}

// terminalEnd is the simulator's end.
type terminalEnd struct {
	m    *meddler
	port *tillEnd
	pipe *simulate.PipeEnd
}

// Write is what the terminal says.
func (e *terminalEnd) Write(b []byte) (int, error) {
	m := e.m
	m.mu.Lock()
	defer m.mu.Unlock()
	pieces := []piece{{b, 0}}
	m.ears.hear(in, 0, b)
	if m.hearing {
		m.all = append(m.all, append([]byte(nil), b...))
	}
	if m.port == e.port {
		m.said = append(m.said, append([]byte(nil), b...))
		pieces, _ = m.route(in, b)
	}
	for _, x := range pieces {
		if err := e.port.carry(e.pipe, x.data, x.delay); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Read is what the terminal hears.
func (e *terminalEnd) Read(b []byte) (int, error) {
	e.m.mu.Lock()
	if f := e.m.fault; f.way == out && f.kind == singly && len(b) > 1 {
		b, e.m.fired = b[:1], true
	}
	e.m.mu.Unlock()
	n, err := e.pipe.Read(b)
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	e.m.ears.hear(out, 1, b[:n])
	return n, err
}

// SetReadDeadline passes on.
func (e *terminalEnd) SetReadDeadline(t time.Time) error { return e.pipe.SetReadDeadline(t) }

// Gone passes on.
func (e *terminalEnd) Gone() <-chan struct{} { return e.pipe.Gone() }

// Cut is the simulator's pulled cable.
func (e *terminalEnd) Cut() { e.pipe.Cut() }

// Close closes the terminal's side.
func (e *terminalEnd) Close() error { return e.pipe.Close() }
