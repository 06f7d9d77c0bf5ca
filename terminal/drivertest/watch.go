package drivertest

import (
	"cmp"
	"time"

	"tillbridge/terminal"
)

// newPayment begins to count the money command for another payment.
func (m *meddler) newPayment() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.money, m.since, m.command, m.inThen, m.seenAt = 0, nil, [2]int{}, 0, [2]int{}
}

// handed watches what the driver hands over.
func (m *meddler) handed(b []byte) (remark string) {
	if m.s.Money == nil || !m.s.Money(m.kind, b) {
		return ""
	}
	m.money++
	switch {
	case m.stage != paying:
		m.blame("the money command is written while the engine is %s: % x", m.stage, b)
	case m.money > cmp.Or(m.s.Sends, 3):
		m.blame("the money command is written %d times", m.money)
	case m.money > 1 && m.fault.kind == refuse && m.fired:
		m.blame("the money command is repeated after a NAK that came behind the terminal's acknowledgement")
	case m.money > 1 && len(m.since) == 0:
		m.blame("the money command is repeated on silence")
	case m.money > 1 && !m.s.asksAgain(m.kind, m.since):
		m.blame("the money command is repeated, and the terminal did not ask for that: it said % x", m.since)
	}
	if m.money == 1 {
		m.command, m.inThen = [2]int{m.wrote[out], m.wrote[out] + len(b)}, m.passed[in]
	}
	m.since = nil
	return "  (money)"
}

// seen marks the place of a recorded result.
func (m *meddler) seen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seenAt = [2]int{m.wrote[out], m.passed[in]}
}

// sent tells whether the money command of the present payment was handed over.
func (m *meddler) sent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.money > 0
}

// answered tells whether something was written since the last byte that was read.
func (m *meddler) answered() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spoken
}

// recode gives a code that nobody knows to a result that the terminal states once the money command is written, for as long as the
// fault lasts.
func (m *meddler) recode(b []byte) []byte {
	if m.stage == paying && m.money == 0 || m.fired && time.Since(m.firedAt) > m.fault.for_ {
		return b
	}
	other := m.s.Strange(m.kind, append([]byte(nil), b...))
	if other == nil {
		return b
	}
	if !m.fired {
		m.fired, m.firedAt, m.lasts = true, time.Now(), m.fault.for_
	}
	m.strange++
	m.story.add("** a code that nobody knows: % x becomes % x", b, other)
	return other
}

// stranger counts the results to which a code was given that nobody knows.
func (m *meddler) stranger() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.strange
}

// hear writes down from now on all that the terminal says.
func (m *meddler) hear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hearing = true
}

// allSaid is what was written down, to which nothing is added any more.
func (m *meddler) allSaid() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hearing = false
	return m.all
}

// bar makes everything wrong that is written in this stage from now on.
func (m *meddler) bar() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.barred = true
}

// asked counts a question to a person as the money command, which it is to a terminal without a connection.
func (m *meddler) asked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stage != paying {
		m.blame("a person is asked while the engine is %s", m.stage)
	}
	m.money = 1
}

func (m *meddler) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// revive starts the till anew.
func (m *meddler) revive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = false
	m.story.add("-- the till starts again")
}

// orphaned looks for a line that a driver left open which has no session any more, and closes it as the engine does.
func (m *meddler) orphaned() {
	m.mu.Lock()
	p := m.port
	if p != nil && !m.dead {
		m.blame("the driver left its line open")
	}
	m.mu.Unlock()
	if p != nil {
		_ = p.Close()
	}
}

// shut closes a line that is still open, at the end of everything.
func (m *meddler) shut() {
	m.mu.Lock()
	p := m.port
	m.mu.Unlock()
	if p != nil {
		_ = p.Close()
	}
}

// exchange puts another terminal at the other end of every line from now on.
func (m *meddler) exchange(sim terminal.Simulator) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sim = sim
}

// whats is what was learnt of a stage: sizes of the writes either way, and where the payment's parts are.
func (m *meddler) whats() traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := traffic{lens: m.lens, said: m.said, sent: m.money > 0, recorded: m.seenAt != [2]int{}}
	t.bytes = [2]int{m.wrote[out], m.wrote[in]}
	t.command, t.inThen, t.seenAt = m.command, m.inThen, m.seenAt
	return t
}

// traffic is what an undisturbed stage let pass.
type traffic struct {
	lens     [2][]int // of the writes
	bytes    [2]int
	said     [][]byte
	sent     bool
	recorded bool
	command  [2]int
	inThen   int
	seenAt   [2]int
}

// stretch is a range of bytes, the last one excluded.
func (t traffic) stretch(w way, p phase) (from, to int) {
	end := t.bytes[w]
	marks := [...]int{0, t.command[0], t.command[1], t.seenAt[out], end}
	if w == in {
		marks = [...]int{0, t.inThen, t.inThen, t.seenAt[in], end}
	}
	if !t.recorded {
		marks[3] = end
	}
	switch p {
	case before:
		return marks[0], marks[1]
	case command:
		return marks[1], marks[2]
	case dialogue:
		return marks[2], marks[3]
	case ending:
		return marks[3], marks[4]
	}
	return 0, end
}

// places are the positions of a kind of trouble in a phase.
func (t traffic) places(k trouble, w way, p phase) (at []int) {
	from, to := t.stretch(w, p)
	switch {
	case k.everywhere():
		return []int{0}
	case k.fires() && w == in: // after the byte
		from, to = from+1, to+1
		fallthrough
	case k.atByte():
		for i := from; i < to; i++ {
			at = append(at, i)
		}
		return at
	}
	start := 0
	for i, n := range t.lens[w] {
		if start >= from && start < to {
			at = append(at, i)
		}
		start += n
	}
	return at
}
