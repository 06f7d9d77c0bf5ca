package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

const (
	onceLimit = 10 * time.Minute
	mendAfter = 2 * time.Second        // until somebody plugs the cable in, switches the power on, starts the bridge
	askAgain  = 500 * time.Millisecond // until a clerk asks again after a refusal
	askLimit  = 20                     // charges that a clerk tries
	tickEvery = 20 * time.Millisecond
	holdBack  = 3 * tickEvery // see print
)

// RunOnce makes the payment of o.Once by itself, tells each step with the time since the charge, then the three
// ledgers, and returns nil when they agree. A payment that is held is told with its reason and is no error. It
// takes ten minutes at most.
func RunOnce(ctx context.Context, o Options) error {
	if o.Once == nil {
		return errors.New("demo: no payment to make")
	}
	ctx, cancel := context.WithTimeout(ctx, onceLimit)
	defer cancel()
	return o.within(ctx, func(w *world, ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop() // the clerk's work
		r := &once{
			world: w, begin: time.Now(), answers: make(chan answer, 1), says: make(chan func(), 16), face: w.sim.Face(), process: w.keeper.process(),
		}
		if err := r.prepare(ctx); err != nil {
			return err
		}
		if w.hand != nil {
			w.tasks.Go(func() { r.clerk(ctx).work(ctx) })
		}
		err := r.pay(ctx)
		return errors.Join(err, r.conclude())
	})
}

// once tells one payment as it goes.
type once struct {
	*world
	begin   time.Time
	uuid    string
	tries   int
	answers chan answer
	says    chan func() // what the clerk has to say
	refused error       // MGR's charge is refused for good, or the clerk cannot work
	left    string      // the payment that the clerk leaves on hold

	// What was told already:
	face    terminal.Face
	process process
	entries int
	notices int
	pages   pages
	news    []news

	killed  bool      // the script's kill has been done
	plugAt  time.Time // when what is broken is mended; zero while it is whole
	powerAt time.Time
	startAt time.Time
	askAt   time.Time
}

// answer is the bridge's answer to a charge.
type answer struct {
	uuid, problem string
	status        int
	err           error
}

// news is one line that is due.
type news struct {
	at        time.Time
	who, text string
}

func (r *once) tell(at time.Time, who, format string, args ...any) {
	r.news = append(r.news, news{at, who, fmt.Sprintf(format, args...)})
}

// print prints the news up to a time, in their order. The newest are held back for a moment by pay, for what
// came before them may still be on its way here.
func (r *once) print(until time.Time) {
	slices.SortStableFunc(r.news, func(a, b news) int { return a.at.Compare(b.at) })
	for len(r.news) > 0 && !r.news[0].at.After(until) {
		n := r.news[0]
		r.news = r.news[1:]
		// For people; there is nobody else to tell that it failed.
		_, _ = fmt.Fprintf(r.Out, "%8.3f s  %-8s  %s\n", max(0, n.at.Sub(r.begin).Seconds()), n.who, n.text)
	}
}

// prepare starts the bridge and waits until it has reached the terminal.
func (r *once) prepare(ctx context.Context) error {
	if r.line.note != "" {
		_, _ = fmt.Fprintln(r.Out, r.line.note)
	}
	where := "on " + r.line.address
	if r.hand != nil {
		where = "and a simulated clerk who works it by hand"
	}
	_, _ = fmt.Fprintf(r.Out, "A simulated terminal, %s, %s.\nScript %q: %s.\n", r.Driver.Title, where, r.Once.Outcome, r.sentence())
	if err := r.keeper.Start(); err != nil {
		return err
	}
	if err := r.keeper.ready(ctx); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for !r.reached(r.pages.marked) {
		if !pause(limit, tickEvery) {
			return fmt.Errorf("the bridge has not reached the terminal in %s", startLimit)
		}
		r.look(ctx)
		if err := r.alive(); err != nil {
			return err
		}
	}
	r.process = r.keeper.process()
	reached := ""
	if r.pages.marked {
		reached = " and has reached the terminal"
	}
	_, _ = fmt.Fprintf(r.Out, "The bridge is running at %s%s.\n\n", r.listen, reached)
	script := r.Once.Outcome
	switch script {
	case bridgeKilled:
		script = simulate.Approved
	case mgrDown:
		script = simulate.Approved
		r.mgr.Fail(standin.First(3, standin.Answer{Status: http.StatusServiceUnavailable}))
	case mgrForgets:
		script = simulate.Approved
		r.mgr.Fail(standin.First(2, standin.Answer{Forget: true}))
	}
	return r.sim.Press(script)
}

func (r *once) sentence() string {
	for _, c := range ownOutcomes() {
		if c.Name == r.Once.Outcome {
			return c.What
		}
	}
	return simulate.Choices(r.sim, []string{r.Once.Outcome})[0].What
}

// look reads the journal. While it cannot be read what was known stays.
func (r *once) look(ctx context.Context) {
	p, err := r.books.read(ctx, r.uuid)
	if err != nil {
		r.Log.Debug("read the journal", "error", err)
		return
	}
	r.pages = p
}

// alive is an error when the bridge ended by itself.
func (r *once) alive() error {
	if p := r.keeper.process(); p.State == ended {
		return fmt.Errorf("the bridge ended by itself: %s", p.Why)
	}
	return nil
}

// pay makes the payment and returns when it is at its end and everything is whole again.
func (r *once) pay(ctx context.Context) error {
	r.begin = time.Now()
	r.askAt = r.begin
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		terminalChanged, mgrChanged, bridgeChanged := r.sim.Changed(), r.mgr.Changed(), r.keeper.Changed()
		r.look(ctx)
		r.observe()
		r.sabotage()
		err := errors.Join(r.mend(ctx), r.alive())
		r.print(time.Now().Add(-holdBack))
		switch {
		case err != nil:
			return err
		case r.refused != nil:
			return r.refused
		case r.finished():
			return nil
		}
		select {
		case <-terminalChanged:
		case <-mgrChanged:
		case <-bridgeChanged:
		case <-tick.C:
		case a := <-r.answers:
			r.answered(a)
		case said := <-r.says:
			said()
		case <-ctx.Done():
			return fmt.Errorf("the payment did not come to its end: %w", ctx.Err())
		}
	}
}

// observe tells what is new on each side.
func (r *once) observe() {
	now := time.Now()
	for _, e := range r.pages.story[min(r.entries, len(r.pages.story)):] {
		r.tell(e.At, "journal", "%s", e.Event.Words())
	}
	r.entries = max(r.entries, len(r.pages.story))
	if m, there := r.mgr.Payment(r.uuid); there {
		for _, n := range m.Notices[min(r.notices, len(m.Notices)):] {
			r.tell(n.At, "MGR", "is told %s%s.", words(n.Outcome, n.AuthCode, n.TxnRef), answerWords(n))
		}
		r.notices = max(r.notices, len(m.Notices))
	}
	face := r.sim.Face()
	if !slices.Equal(face.Display, r.face.Display) && len(face.Display) > 0 {
		r.tell(now, "terminal", "%s", strings.Join(face.Display, " | "))
	}
	if r.hand != nil && len(face.Receipt) > 0 && !slices.Equal(face.Receipt, r.face.Receipt) {
		r.tell(now, "paper", "%s", strings.Join(face.Receipt, " | "))
	}
	if face.Cabled != r.face.Cabled {
		r.tell(now, "cable", "%s", map[bool]string{true: "is plugged in again.", false: "comes out."}[face.Cabled])
	}
	if face.Powered != r.face.Powered {
		r.tell(now, "terminal", "%s", map[bool]string{true: "has power again.", false: "loses its power."}[face.Powered])
	}
	r.face = face
	if p := r.keeper.process(); p.State != r.process.State {
		if p.State != starting {
			r.tell(p.Since, "bridge", "is %s.", p.State)
		}
		r.process = p
	}
}

func answerWords(n standin.Notice) string {
	switch {
	case n.Taken && n.Status == 0:
		return "; its answer is lost"
	case n.Status == 0:
		return "; it hangs up"
	case !n.Taken:
		return fmt.Sprintf("; it answers %d", n.Status)
	}
	return ""
}

// sabotage kills the bridge where the script wants that, and notes what is to be mended.
func (r *once) sabotage() {
	later := time.Now().Add(r.mendWait)
	if !r.face.Cabled && r.plugAt.IsZero() {
		r.plugAt = later
	}
	reboots := r.Once.Outcome == simulate.RebootBefore || r.Once.Outcome == simulate.RebootAfter
	if !r.face.Powered && r.powerAt.IsZero() && !reboots {
		r.powerAt = later
	}
	due := false
	switch r.Once.Outcome {
	case simulate.PowerCut, simulate.PowerCutBefore:
		due = !r.face.Powered
	case bridgeKilled:
		p, there := r.pages.payment(r.uuid)
		due = there && p.State == bridge.Sent && (r.hand == nil || r.face.Paying)
	}
	if !due || r.killed {
		return
	}
	r.killed, r.startAt = true, later
	r.tell(time.Now(), "bridge", "is killed with kill -9.")
	if err := r.keeper.Kill(); err != nil {
		r.Log.Error("kill the bridge", "error", err)
	}
	r.process = r.keeper.process()
}

// mend does what is due by now.
func (r *once) mend(ctx context.Context) error {
	due := func(at *time.Time) bool {
		if at.IsZero() || time.Now().Before(*at) {
			return false
		}
		*at = time.Time{}
		return true
	}
	var errs []error
	if due(&r.plugAt) {
		errs = append(errs, r.sim.Press(simulate.PressPlugCable))
	}
	if due(&r.powerAt) {
		errs = append(errs, r.sim.Press(simulate.PressRestorePower))
	}
	if due(&r.startAt) {
		r.tell(time.Now(), "bridge", "is started again.")
		errs = append(errs, r.keeper.Start())
	}
	if due(&r.askAt) {
		errs = append(errs, r.ask(ctx))
	}
	return errors.Join(errs...)
}

// ask charges. The answer comes by itself, since the terminal may be busy before MGR has it.
func (r *once) ask(ctx context.Context) error {
	uuid, err := newUUID()
	if err != nil {
		return err
	}
	r.uuid, r.entries, r.notices = uuid, 0, 0
	r.tries++
	r.tell(time.Now(), "MGR", "asks for %s %s, payment %s.", r.Once.Amount, r.currency().Code, uuid)
	r.tasks.Go(func() {
		status, problem, err := r.charge(ctx, uuid, r.Once.Amount)
		r.answers <- answer{uuid, problem, status, err}
	})
	return nil
}

// answered takes the bridge's answer. A clerk who is refused tries again.
func (r *once) answered(a answer) {
	now := time.Now()
	switch {
	case a.status == http.StatusAccepted:
		r.tell(now, "bridge", "answers 202: the payment is accepted.")
		return
	case a.err != nil:
		r.tell(now, "bridge", "gives no answer: %s.", a.err)
		if r.killed { // whether it was accepted stands in the journal
			return
		}
	default:
		r.tell(now, "bridge", "answers %d: %s", a.status, a.problem)
	}
	if wait := a.status == http.StatusServiceUnavailable || a.status == http.StatusConflict; wait && r.tries < askLimit {
		r.askAt = now.Add(askAgain)
		return
	}
	r.refused = fmt.Errorf("the bridge did not take the payment: status %d %s", a.status, a.problem)
}

// finished tells whether the payment is at its end and nothing is broken or under way any more.
func (r *once) finished() bool {
	p, there := r.pages.payment(r.uuid)
	whole := r.plugAt.IsZero() && r.powerAt.IsZero() && r.startAt.IsZero() && r.askAt.IsZero() &&
		r.face.Cabled && r.face.Powered && !r.face.Paying && r.process.State == running
	held := p.State == bridge.Held && (r.hand == nil || r.left == p.UUID)
	return there && whole && (p.State == bridge.Reported || held)
}

// conclude prints the three ledgers and what is to be said of them. It is an error when they do not agree.
func (r *once) conclude() error {
	r.look(context.Background())
	r.observe()
	r.heard()
	r.print(time.Now())
	l := r.ledgers(r.pages)
	out := &strings.Builder{}
	fmt.Fprintln(out, "\nWhat MGR knows:")
	for _, m := range l.MGR {
		fmt.Fprintln(out, "  "+mgrWords(m))
	}
	fmt.Fprintln(out, "What the bridge's journal says:")
	for _, p := range l.Journal {
		fmt.Fprintln(out, "  "+journalWords(p))
	}
	fmt.Fprintln(out, "What the terminal's ledger says:")
	for _, e := range l.Terminal {
		fmt.Fprintln(out, "  "+entryWords(e, r.currency()))
	}
	if len(l.Terminal) == 0 {
		fmt.Fprintln(out, "  no sale")
	}
	v := Compare(l)
	for _, line := range v.Held {
		fmt.Fprintln(out, "held: "+line)
	}
	for _, line := range slices.Concat(v.Open, v.Differs) {
		fmt.Fprintln(out, line)
	}
	if v.Agree() {
		fmt.Fprintln(out, "They agree.")
	}
	_, _ = fmt.Fprint(r.Out, out.String())
	return v.Err()
}

func mgrWords(m standin.Payment) string {
	if len(m.Asks) == 0 {
		return m.UUID + ": never asked for"
	}
	a := m.Asks[0]
	s := fmt.Sprintf("%s: asked for %s, answered %d", m.UUID, a.Amount, a.Status)
	if a.Status == 0 {
		s = fmt.Sprintf("%s: asked for %s, no answer", m.UUID, a.Amount)
	}
	n, told := m.Told()
	switch {
	case told:
		return s + ", told " + words(n.Outcome, n.AuthCode, n.TxnRef)
	case m.Accepted():
		return s + ", told nothing yet"
	}
	return s
}

func journalWords(p bridge.Payment) string {
	s := fmt.Sprintf("%s: %s, %s", p.UUID, p.Amount, p.State)
	if n, final := p.Notice(); final {
		outcome := standin.Denied
		if n.Approved {
			outcome = standin.Approved
		}
		s += ", " + words(outcome, n.AuthCode, n.TxnRef) + ": " + proofWords(p)
	}
	return s
}

// proofWords tell what a payment's outcome rests on.
func proofWords(p bridge.Payment) string {
	switch p.Proof {
	case terminal.Dialogue:
		return "approved in the payment itself"
	case terminal.Refused:
		return "refused in the payment itself"
	case terminal.NothingSent:
		return "nothing was sent to the terminal"
	case terminal.Query:
		return "the terminal answered for our reference"
	case terminal.NotFound:
		return "the terminal does not know our reference"
	case terminal.LastRecord:
		return "it is the terminal's last transaction"
	case terminal.UnchangedMark:
		return "the terminal booked nothing since"
	case terminal.Voided:
		return "the terminal reversed it"
	case terminal.Person:
		if p.Person == nil {
			return "a person typed what the terminal printed"
		}
		return "a person looked"
	}
	return p.Proof.String()
}

func entryWords(e terminal.Entry, c terminal.Currency) string {
	s := fmt.Sprintf("%s %s %s", e.Sequence, e.Kind, money(e, c))
	if e.AuthCode != "" {
		s += ", code " + e.AuthCode
	}
	switch {
	case e.Manual:
		s += ", made at the terminal itself"
	case !e.Captured:
		s += ", given back: no money moved"
	}
	return s
}
