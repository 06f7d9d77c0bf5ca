package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// storeLimit is how many transactions can be reversed; older ones are forgotten.
const storeLimit = 1000

// defaultTID is the terminal's number when none is given.
const defaultTID = "52500001"

// manualMinor is the amount of a manual sale that names none.
const manualMinor = 1000

// Simulator is the simulated terminal. It implements terminal.Simulator.
type Simulator struct {
	opt  Options
	cur  terminal.Currency
	tid  string
	desk *simulate.Desk

	mu     sync.Mutex
	links  []*link
	serial *talk // the conversation on the serial line, whichever it is
	off    bool

	// Lost in a power cut:
	reg registration
	job *job // what the terminal is working on

	// Kept:
	trace    int // of the last question to the bank, 1 to 999999
	receipt  int // of the last receipt number used up, 1 to 9999
	turnover int
	stored   []*record // booked transactions, oldest first, at most storeLimit
	day      totals
	boot     timer // ends a reboot
	mend     timer // restores what a script of a payment took
}

// registration is what the till asked for with 06 00.
type registration struct {
	done    bool
	config  byte
	blocks  bool // prints come as 06 D3
	charset byte // of texts, as in tag 14
}

// job is a dialogue in progress.
type job struct {
	talk  *talk
	timer timer
	pay   *payment // nil for what moves no money
}

// Bits of the config byte, PA00P015 ch. 2.1.
const (
	cfgPrintPayments = 0x02
	cfgPrintAdmin    = 0x04
	cfgIntermediate  = 0x08
	cfgPrintCommands = 0x80
	cfgLoggedOff     = 0x86
)

// New makes a terminal that is idle, plugged in and not registered, with an empty ledger. SimulatorOptions'
// Options may be Options or *Options.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	opt, err := simulate.Own[Options](o.Options)
	if err == nil {
		err = opt.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("zvt simulator: %w", err)
	}
	tid := o.TerminalID
	if tid == "" {
		tid = defaultTID
	}
	if len(tid) > 8 || !allDigits(tid) {
		return nil, fmt.Errorf("zvt simulator: terminal id %q: want at most eight digits", tid)
	}
	if o.Currency == (terminal.Currency{}) {
		o.Currency = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	}
	if o.Currency.Numeric <= 0 || o.Currency.Numeric > 999 {
		return nil, fmt.Errorf("zvt simulator: currency %s has no number of three digits", o.Currency.Code)
	}
	desk, err := simulate.NewDesk(o, outcomes(), simulate.CustomerChoices())
	if err != nil {
		return nil, fmt.Errorf("zvt simulator: %w", err)
	}
	s := &Simulator{opt: opt.withDefaults(), cur: o.Currency, tid: strings.Repeat("0", 8-len(tid)) + tid, desk: desk, trace: 161, receipt: 52}
	s.turnover = s.receipt
	s.day.reset(s.receipt)
	s.serial = &talk{s: s, kind: terminal.Serial}
	s.forgetRegistration()
	s.idle()
	return s, nil
}

// outcomes are the scripts of a payment.
func outcomes() []string {
	return []string{
		simulate.Approved, simulate.Declined, simulate.Cancelled, simulate.Timeout, simulate.WrongPIN,
		simulate.EndOfDayPending, simulate.PrinterOut, simulate.Busy, simulate.RebootBefore, simulate.RebootAfter,
		simulate.LostReply, simulate.LostAck, simulate.KeepOnLoss, simulate.RepeatStatus, simulate.LateFrame,
		simulate.LateThenDeclined, simulate.Partial, simulate.Tip, simulate.NoAmount, simulate.BadCRCOnce,
		simulate.SplitFrames, simulate.CablePulled, simulate.PowerCut, simulate.PowerCutBefore, simulate.WrongAmount,
		simulate.OtherCurrency, simulate.Referral, simulate.NoStatus, simulate.Contradiction,
	}
}

// Outcomes are the scripts of a payment.
func (s *Simulator) Outcomes() []string { return s.desk.Outcomes() }

// Actions are what Press takes beside the outcomes.
func (s *Simulator) Actions() []string {
	return append(simulate.CustomerChoices(), simulate.PressByHand, simulate.PressPullCable, simulate.PressPlugCable, simulate.PressCutPower,
		simulate.PressRestorePower, simulate.PressManualSale, simulate.PressEndOfDay)
}

// Face is what can be seen now.
func (s *Simulator) Face() terminal.Face { return s.desk.Face() }

// Changed is closed at the next change of Face.
func (s *Simulator) Changed() <-chan struct{} { return s.desk.Changed() }

// Press takes one of Actions or Outcomes, see simulate.Menu. Without power only cable and power can be
// changed; a manual sale and an end of day want an idle terminal. "manual-sale:1250" names the minor units.
func (s *Simulator) Press(action string) error {
	name, arg, _ := strings.Cut(action, ":")
	act, own := map[string]func(string) error{
		simulate.PressPullCable:    func(string) error { s.pullCable(); return nil },
		simulate.PressPlugCable:    func(string) error { s.desk.SetCabled(true); return nil },
		simulate.PressCutPower:     func(string) error { s.cutPower(); return nil },
		simulate.PressRestorePower: func(string) error { s.restorePower(); return nil },
		simulate.PressManualSale:   s.manualSale,
		simulate.PressEndOfDay:     func(string) error { return s.manualEndOfDay() },
	}[name]
	if !own {
		return s.desk.Press(action)
	}
	if arg != "" && name != simulate.PressManualSale {
		return fmt.Errorf("press %q: takes nothing behind a colon", action)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return act(arg)
}

// errNotIdle is why something at the terminal itself cannot be done now.
var errNotIdle = errors.New("the terminal is not idle")

func (s *Simulator) manualSale(arg string) error {
	minor := int64(manualMinor)
	if arg != "" {
		n, err := simulate.MinorUnits(simulate.PressManualSale, arg)
		if err != nil {
			return err
		}
		minor = n
	}
	if s.off || s.job != nil {
		return fmt.Errorf("press manual-sale: %w", errNotIdle)
	}
	s.nextTrace()
	r := s.newRecord(simulate.Sale, minor)
	r.manual = true
	s.book(r)
	s.desk.Print(s.receiptTexts(r, merchantCopy))
	return nil
}

func (s *Simulator) manualEndOfDay() error {
	if s.off || s.job != nil {
		return fmt.Errorf("press end-of-day: %w", errNotIdle)
	}
	s.desk.Print(s.dayTexts())
	s.day.reset(s.receipt)
	return nil
}

// attach makes the link known.
func (s *Simulator) attach(l *link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.desk.Cabled():
		return fmt.Errorf("the cable is out: %w", simulate.ErrCut)
	case l.Kind == terminal.TCP && s.off:
		return fmt.Errorf("the terminal has no power: %w", simulate.ErrCut)
	case l.Kind == terminal.TCP:
		l.talk = &talk{s: s, kind: terminal.TCP, line: l}
		s.touch(l)
	default:
		if old := s.serial.line; old != nil {
			old.Replaced()
		}
		l.talk = s.serial
		s.serial.line = l
	}
	s.links = append(s.links, l)
	return nil
}

func (s *Simulator) detach(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = slices.DeleteFunc(s.links, func(o *link) bool { return o == l })
	if l.idle != nil {
		l.idle.Stop()
	}
	if l.talk != nil {
		l.talk.lose(l)
	}
}

// pullCable cuts every line. What the terminal is working on goes on.
func (s *Simulator) pullCable() {
	s.mend.stop()
	s.desk.SetCabled(false)
	for _, l := range s.links {
		l.Cut("the cable was pulled")
		l.talk.lose(l)
	}
}

// cutPower loses all that is not kept. A sale that is not booked yet is reversed when the terminal starts
// again, so its money does not stay.
func (s *Simulator) cutPower() {
	s.boot.stop()
	s.mend.stop()
	if s.off {
		return
	}
	s.off = true
	if j := s.job; j != nil {
		j.timer.stop()
		s.job = nil
		if j.pay != nil {
			j.pay.takeBack()
		}
	}
	s.serial.reset()
	for _, l := range s.links {
		if l.Kind == terminal.TCP {
			l.talk.reset()
			l.Cut("the terminal lost its power")
		}
	}
	s.forgetRegistration()
	s.desk.SetPowered(false)
}

func (s *Simulator) restorePower() {
	s.boot.stop()
	if !s.off {
		return
	}
	s.off = false
	s.desk.SetPowered(true)
	s.idle()
}

// reboot cuts the power for the time of a start.
func (s *Simulator) reboot() {
	s.cutPower()
	s.boot.start(s, s.opt.BootTime, s.restorePower)
}

// mendLater restores what a script took, if the options want that.
func (s *Simulator) mendLater() {
	if s.opt.RestoreAfter == 0 {
		return
	}
	s.mend.start(s, s.opt.RestoreAfter, func() {
		s.desk.SetCabled(true)
		s.restorePower()
	})
}

func (s *Simulator) forgetRegistration() {
	s.reg = registration{config: cfgLoggedOff, charset: s.defaultCharset()}
}

func (s *Simulator) idle() {
	s.desk.Show("Willkommen", "Terminal "+s.tid)
}

// begin makes a job the one in progress.
func (s *Simulator) begin(t *talk) *job {
	s.job = &job{talk: t}
	return s.job
}

// done ends the job.
func (s *Simulator) done(j *job) {
	if s.job != j {
		return
	}
	j.timer.stop()
	s.job = nil
	if j.pay != nil {
		s.desk.End()
	}
	s.idle()
}

// after goes on with a job later; with no time to wait, at once.
func (s *Simulator) after(j *job, d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	j.timer.start(s, d, f)
}
