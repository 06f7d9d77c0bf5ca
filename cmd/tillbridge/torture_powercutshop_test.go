//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// powerShop is a shop whose computer loses its power each time that its program is killed. Its journal is on a disk
// of its own.
type powerShop struct {
	run    *powerRun
	n      int
	folder string
	fs     fileSystemKind
	shop   *killShop
	dice   *rand.Rand // for restore only

	begun   int // entries in the terminal's ledger when the payment in hand began
	plan    plan
	lives   []*powerLife // of the payment in hand, to be judged
	settled []settledPayment
	base    diskImage // the disk when the program was started

	listeners sync.WaitGroup

	mu     sync.Mutex
	disk   *loggedDisk
	victim *victim
	armed  bool // the disk is to stand still, and the power to fail then
	off    bool // the power has failed
	life   int
	seen   []witnessed // of the payment in hand
	uuid   string      // of the payment in hand
	slip   *rand.Rand
}

// openPowerShop opens a shop on an empty disk and starts its program.
func openPowerShop(run *powerRun, n int) (_ *powerShop, err error) {
	d := killDice(run.seed, n, 0)
	s := &powerShop{run: run, n: n, dice: powerDice(run.seed, n, 1), slip: powerDice(run.seed, n, 2)}
	s.fs = pick(s.dice, run.kinds...)
	s.base = run.empty[s.fs.name]
	if s.folder, err = os.MkdirTemp(run.folder, "shop-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := os.Mkdir(s.mount(), 0o700); err != nil {
		return nil, err
	}
	if s.disk, err = s.insert(s.base); err != nil {
		return nil, err
	}
	s.shop, err = openKillShop(n, run.exe, s.folder, planShop(d), run.tally.kills, func(k *killShop) {
		k.data, k.power, k.trigger.power = s.mount(), s, s
	})
	return s, err
}

// powerDice are the dice for what killDice are not for.
func powerDice(seed uint64, shop, use int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(shop)<<20|uint64(0xFFFFF-use)))
}

func (s *powerShop) mount() string { return filepath.Join(s.folder, "journal") }

// insert mounts a disk with a content.
func (s *powerShop) insert(m diskImage) (*loggedDisk, error) {
	folder := filepath.Join(s.folder, fmt.Sprintf("disk-%d", s.life))
	d, err := openDisk(folder, s.mount(), s.fs, m)
	var refused *mountError
	if !errors.As(err, &refused) || s.fs.repair == nil {
		return s.listened(d), err
	}
	file := folder + ".repair"
	if err = errors.Join(m.save(file), repair(s.fs, file)); err == nil {
		m, err = loadImage(file)
	}
	if err = errors.Join(err, os.RemoveAll(file)); err != nil {
		return nil, err
	}
	s.run.tally.add(func(t *powerTally) { t.repaired++ })
	d, err = openDisk(folder, s.mount(), s.fs, m)
	return s.listened(d), err
}

// listened begins to listen to a disk; to nil is nothing to listen.
func (s *powerShop) listened(d *loggedDisk) *loggedDisk {
	if d != nil {
		bell := d.bell
		s.listeners.Go(func() { s.listen(d, bell) })
	}
	return d
}

// close ends everything and removes the folder.
func (s *powerShop) close() (err error) {
	if s.shop != nil {
		err = s.shop.close()
	}
	if s.disk != nil {
		err = errors.Join(err, s.disk.discard())
	}
	s.listeners.Wait()
	return errors.Join(err, os.RemoveAll(s.folder))
}

// saw notes what was seen of the program.
func (s *powerShop) saw(m moment, state bridge.State) {
	switch m {
	case atAccepted, atCommand, atVote, atState:
		s.witness(witnessed{what: m, state: state})
	}
}

func (s *powerShop) witness(w witnessed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.life, w.records = s.life, math.MaxInt32 // what is seen so late was done by a program that is dead now
	if s.disk != nil {
		w.records = s.disk.records()
	}
	s.seen = append(s.seen, w)
}

// noticed notes what MGR is told. A notice that was not read to its end was not told.
func (s *powerShop) noticed(r *http.Request) *http.Request {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	r.Body = io.NopCloser(bytes.NewReader(body))
	var n struct {
		UUID     string `json:"payment_uuid"`
		Status   string `json:"status"`
		AuthCode string `json:"auth_code"`
		TxnRef   string `json:"txn_ref"`
	}
	if err == nil && json.Unmarshal(body, &n) == nil {
		s.witness(witnessed{what: atNotice, uuid: n.UUID, outcome: noticeLine(n.Status, n.AuthCode, n.TxnRef)})
	}
	return r
}

// started lets a program's end be a power cut. Some that come back find the power failing again soon.
func (s *powerShop) started(v *victim) {
	v.after = func() { s.cut(v) }
	s.mu.Lock()
	s.victim, s.off = v, false
	s.mu.Unlock()
	if chance(s.dice, 15) {
		s.arm(1 + s.dice.IntN(70))
	}
}

// arm lets the power fail in the middle of what the disk does: the program is killed when the disk has carried out so
// many requests more and has another.
func (s *powerShop) arm(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = true
	s.disk.arm(more)
}

// listen kills the program when a disk stands still. It returns when the disk is taken out.
func (s *powerShop) listen(d *loggedDisk, bell *os.File) {
	for b := make([]byte, 1); ; {
		if _, err := bell.Read(b); err != nil {
			return
		}
		s.mu.Lock()
		now, v := s.armed && s.disk == d && !s.off && s.victim != nil, s.victim
		if now {
			s.off = true
		}
		s.mu.Unlock()
		if now {
			v.kill()
		}
	}
}

// cut takes the power away once the program was killed: at once, or a few requests of the disk later, in the middle of
// what the program waited for.
func (s *powerShop) cut(v *victim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.victim != v {
		return // it is dead already, and its disk is out
	}
	s.off = true
	s.disk.fail(pick(s.slip, 0, 0, 0, 1, 1, 2, 3, 5, 8))
}

// steady lets no power fail that has not failed yet, and starts the computer again where it has.
func (s *powerShop) steady() error {
	s.mu.Lock()
	if !s.off {
		s.armed = false
		s.disk.disarm()
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	state, err := s.shop.bury(false)
	if err != nil {
		return err
	}
	s.shop.note("killed when all was settled, the payment being %s", state)
	if err := s.shop.start(); err != nil {
		return err
	}
	return s.steady()
}

// restore starts the computer again after a power cut: with one of the disks that the cut may have left behind. The
// others are judged with it once the payment is settled.
func (s *powerShop) restore() error {
	s.mu.Lock()
	old, life, uuid := s.disk, s.life, s.uuid
	s.disk, s.victim, s.armed = nil, nil, false
	s.mu.Unlock()
	log, err := old.pull()
	if err = errors.Join(err, old.discard()); err != nil {
		return fmt.Errorf("take the disk out: %w", err)
	}
	s.mu.Lock()
	seen := slices.Clone(s.seen)
	s.mu.Unlock()
	var now []witnessed // in this life
	for _, w := range seen {
		if w.life == life {
			now = append(now, w)
		}
	}
	l := &powerLife{n: life, base: s.base, log: log, seen: seen, uuid: uuid, settled: slices.Clone(s.settled)}
	l.crashes = planCrashes(s.dice, life, log, now, *powerImages, s.run.forgets)
	s.run.tally.cut(l, s.fs.name)
	going := l.crashes[0]
	s.shop.note("power cut; the computer goes on with %s", going)
	if s.run.planted {
		if err := s.judge(l); err != nil {
			return err
		}
	} else {
		s.lives = append(s.lives, l)
	}
	s.mu.Lock()
	s.life++
	s.seen = append(s.seen, witnessed{what: atStart, life: s.life})
	s.mu.Unlock()
	s.base = l.crashed(going)
	disk, err := s.insert(s.base)
	if err != nil {
		return fmt.Errorf("go on with %s: %w", going, err)
	}
	s.mu.Lock()
	s.disk = disk
	s.mu.Unlock()
	return nil
}

// errPromise says that an image does not hold what was promised.
var errPromise = errors.New("a power cut breaks a promise")

// judge looks at all images of a life.
func (s *powerShop) judge(l *powerLife) error {
	v := verdictOn{script: s.plan.script, keeps: s.shop.premises.terminal.KeepOnLoss, entries: s.entries()}
	s.shop.mu.Lock()
	v.again = s.shop.repeats
	s.shop.mu.Unlock()
	if !s.run.planted {
		var err error
		if v.payment, err = s.shop.read(); err != nil {
			return err
		}
	}
	for _, c := range l.crashes {
		wrong, err := s.inspect(l, c, v)
		if err != nil {
			return fmt.Errorf("look at %s: %w", c, err)
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%w: %s on %s: %s\nseen:%s\n%s", errPromise, c, s.fs.name, strings.Join(wrong, "; "), storyOf(l.seen), s.keep(l, c))
		}
		s.run.tally.image(c)
	}
	return nil
}

// entries is what the terminal's ledger has of the payment in hand.
func (s *powerShop) entries() []terminal.Entry { return s.shop.ledger()[s.begun:] }

// keep leaves an image where it can be looked at after the test.
func (s *powerShop) keep(l *powerLife, c crash) string {
	if s.run.planted {
		return "not kept"
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("tillbridge-powercut-%d-%d-%d-%d.img", s.run.seed, s.n, c.life, c.n))
	if err := l.crashed(c).save(path); err != nil {
		return "not kept: " + err.Error()
	}
	return "the image, before the file system's recovery: " + path
}

// storyOf is what was seen, for people.
func storyOf(seen []witnessed) string {
	var b strings.Builder
	for _, w := range seen {
		fmt.Fprintf(&b, "\n  life %d, request %d: %s", w.life, w.records, momentWords[w.what])
		switch w.what {
		case atState:
			fmt.Fprintf(&b, " %s", w.state)
		case atNotice:
			fmt.Fprintf(&b, " of %s: %s", w.uuid, w.outcome)
		}
	}
	return b.String()
}

// pay makes one payment with its power cuts, judges it by the three ledgers, and then every image.
func (s *powerShop) pay(i int) (p plan, err error) {
	p = planPayment(killDice(s.run.seed, s.n, i), s.shop.premises)
	s.plan, s.begun = p, len(s.shop.ledger())
	s.mu.Lock()
	s.uuid, s.seen = s.shop.name(i), nil
	s.mu.Unlock()
	if chance(s.dice, 40) {
		more := 1 + s.dice.IntN(40)
		if i == 1 {
			more += 50 // which the empty disk's first start needs
		}
		s.arm(more)
	}
	ledgers := s.shop.cycle(i, p)
	if ledgers != nil {
		ledgers = fmt.Errorf("the three ledgers after power cuts: %w", ledgers)
	}
	err = errors.Join(ledgers, s.judgeAll())
	if err != nil {
		return p, err
	}
	if paid, err := s.shop.read(); err != nil {
		return p, err
	} else if paid != nil {
		s.mu.Lock()
		s.settled = append(s.settled, settledPayment{Payment: *paid, life: s.life, records: s.disk.records()})
		s.mu.Unlock()
	}
	return p, nil
}

func (s *powerShop) judgeAll() error {
	s.run.judges <- struct{}{}
	defer func() { <-s.run.judges }()
	for _, l := range s.lives {
		if err := s.judge(l); err != nil {
			return err
		}
	}
	s.lives = nil
	return nil
}

// verify cuts the power once more, when all is settled, and checks the whole shop.
func (s *powerShop) verify() error {
	s.shop.victim.kill()
	if _, err := s.shop.bury(false); err != nil {
		return err
	}
	return errors.Join(s.shop.verify(), s.judgeAll())
}
