package telium

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// british is a session in the dialect of the United Kingdom and Ireland (telium sheet 6).
type british struct {
	*session
	last  terminal.Mark // the terminal's last result, as far as this session knows
	known time.Time     // when last was the last one for certain
	tid   string
	after string // what ends a command: nothing, or a semicolon
}

const (
	commandWait = 10 * time.Second // for the answer to a command that moves no money
	settleWait  = 5 * time.Minute  // for the end of day
	duplicDone  = "DUPLICDONE"     // the private field of the answer to CMD=DUPLIC

	// travel is how long a command may be on its way to the terminal in a network after its connection was given up
	// (decision 0006).
	travel = 15 * time.Second
)

// greet opens the line and asks for the terminal's state.
func (b *british) greet(ctx context.Context) error {
	defer b.watch()
	return b.ready(ctx)
}

// ready makes sure of a line that is at rest, and after it was opened anew of the terminal at its end. The caller ends with
// watch.
func (b *british) ready(ctx context.Context) error {
	anew, err := b.connect(ctx)
	if err == nil && anew {
		_, err = b.state(ctx)
	}
	return err
}

// TerminalID is the terminal's own number as CMD=STATE told it; empty where it did not.
func (b *british) TerminalID() string { return b.tid }

// Cancel has CMD=CANCEL sent while a payment runs. The payment's own result decides.
func (b *british) Cancel() {
	b.held.Do(func() {
		if b.line != nil {
			b.cancel.Store(true)
			b.line.Poke()
		}
	})
}

// ask runs a command that moves no money. The answer is the first that mine takes; results of payments that come meanwhile
// are kept. After an error other than terminal.ErrRefused the line is closed.
func (b *british) ask(ctx context.Context, name string, wait time.Duration, take func([]byte), mine func(answer) bool) (a answer, masked []byte, err error) {
	found := false
	hear := func(body []byte) error {
		if take != nil && isXML(body) {
			take(body)
			return nil
		}
		got, err := parseAnswer(body)
		if err != nil || found || !mine(got) {
			return b.unasked(body)
		}
		a, masked, found = got, maskBody(body), true
		return nil
	}
	if err = b.line.Send(ctx, command(name+b.after), func() {}, hear); err == nil {
		for until := time.Now().Add(wait); !found && err == nil; {
			_, err = b.line.Receive(ctx, until, false, hear)
		}
	}
	if err != nil {
		b.drop()
		return answer{}, nil, fmt.Errorf("CMD=%s: %w", name, err)
	}
	return a, masked, nil
}

// anyCommand takes the answer to a command: it has the command's own reference, which no payment has.
func anyCommand(a answer) bool { return a.Number == commandNumber }

// state is CMD=STATE.
func (b *british) state(ctx context.Context) (terminal.Health, error) {
	a, _, err := b.ask(ctx, "STATE", commandWait, nil, anyCommand)
	if err != nil {
		return terminal.Health{}, err
	}
	told := a.tlv(10)
	s := told['S']
	h := terminal.Health{Code: code(a.Status), TerminalID: wire.OneLine(told['T']), Software: wire.OneLine(told['V'])}
	switch {
	case a.Status != statusDone || s == "":
		h.Text = "The terminal does not tell its state."
	case s[0] == '1':
		h.Ready, h.Text = true, "The terminal is ready."
	default:
		h.Busy, h.Text = true, "The terminal is not ready: it works on something, or shows a question."
	}
	switch {
	case h.TerminalID == "":
	case b.tid == "":
		b.tid = h.TerminalID
	case b.tid != h.TerminalID: // the line was opened anew, and leads elsewhere now
		b.drop()
		return terminal.Health{}, fmt.Errorf("another terminal answers than the one that this conversation began with: %s instead of %s", h.TerminalID, b.tid)
	}
	return h, nil
}

// Probe is CMD=STATE.
func (b *british) Probe(ctx context.Context) (terminal.Health, error) {
	err := b.ready(ctx)
	defer b.watch()
	if err != nil {
		return terminal.Health{}, err
	}
	return b.state(ctx)
}

// duplicate is CMD=DUPLIC: the last result, once more. The error wraps terminal.ErrRefused where there is none.
func (b *british) duplicate(ctx context.Context) (stray, error) {
	for {
		a, masked, err := b.ask(ctx, "DUPLIC", commandWait, nil, func(a answer) bool {
			return strings.HasPrefix(a.Private, duplicDone) || a.Number == commandNumber
		})
		switch {
		case err != nil:
			return stray{}, err
		case strings.HasPrefix(a.Private, duplicDone):
			return stray{a, masked}, nil
		case b.after == "": // one of the vendor's programs ends its commands, the other does not
			b.after = ";"
			continue
		}
		b.after = ""
		return stray{}, fmt.Errorf("%w: it states no last result (status %s)", terminal.ErrRefused, code(a.Status))
	}
}

// markOf is a last result in the engine's keeping. An approval that has neither a reference of ours nor an authorisation
// code cannot be told from the next one of the same sum, and is none.
func markOf(a answer) terminal.Mark {
	auth := wire.OneLine(a.tlv(16)['C'])
	if a.Number == commandNumber && auth == "" {
		return ""
	}
	return terminal.Mark(fmt.Sprintf("uk1/%02d/%s/%d/%d/%s", a.Number, code(a.Status), a.Minor, a.Currency, strings.ReplaceAll(auth, "/", "")))
}

// Mark is the last result, by CMD=DUPLIC, which prints nothing.
func (b *british) Mark(ctx context.Context) (terminal.Mark, error) {
	err := b.ready(ctx)
	defer b.watch()
	if err != nil {
		return "", err
	}
	last, err := b.duplicate(ctx)
	if err != nil {
		return "", err
	}
	b.last, b.known = markOf(last.answer), time.Now()
	if !b.last.Known() {
		return "", fmt.Errorf("%w: its last result cannot be told from others", terminal.ErrRefused)
	}
	return b.last, nil
}

// reference is the number of a payment, 02 to 99: 01 is that of commands, 00 may be that of what is done at the terminal
// itself. It is another one than that of the last result before the payment.
func reference(payment string, before terminal.Mark) int {
	n := int(seed(payment)%98) + 2
	if parts := strings.Split(string(before), "/"); len(parts) > 1 && parts[1] == fmt.Sprintf("%02d", n) {
		n = (n-1)%98 + 2
	}
	return n
}

// freshMark is how old the mark may be when a payment begins: nobody makes a sale at the terminal's keys in less.
const freshMark = 5 * time.Second

// refresh reads the mark anew before a payment, since something may have been done at the terminal itself.
func (b *british) refresh(ctx context.Context, till terminal.Till) error {
	if b.last.Known() && time.Since(b.known) < freshMark {
		return nil
	}
	last, err := b.duplicate(ctx)
	fresh := terminal.Mark("")
	switch {
	case err == nil:
		fresh = markOf(last.answer)
	case !errors.Is(err, terminal.ErrRefused):
		return err
	}
	b.known = time.Now()
	if fresh == b.last {
		return nil
	}
	b.last = fresh
	if err := till.Mark(fresh); err != nil {
		return fmt.Errorf("record the terminal's last result: %w", err)
	}
	return nil
}

// Pay is a sale at the card application: mode 0, type 0.
func (b *british) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return b.charge(ctx, r, till, request{Type: typeSale, Extended: noExtended}, nil)
}

// Refund is type 1.
func (b *british) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return b.charge(ctx, r, till, request{Type: typeRefund, Extended: noExtended}, nil)
}

// Void is CMD=REVERSE, which takes back the last transaction, whichever that is: so the sale must be the last one when the
// terminal is asked just before. Terminals tell no number by which an older one could be named.
func (b *british) Void(ctx context.Context, r terminal.Request, sale terminal.Result, till terminal.Till) (terminal.Result, error) {
	return b.charge(ctx, r, till, request{Type: typeSale, Extended: "CMD=REVERSE" + b.after}, func() error {
		last, err := b.duplicate(ctx)
		switch {
		case err != nil:
			return err
		case !sale.Mark.Known() || markOf(last.answer) != sale.Mark:
			return errors.New("another transaction was made since, and only the last one can be reversed from here; reverse it at the terminal")
		}
		return nil
	})
}

func (b *british) charge(ctx context.Context, r terminal.Request, till terminal.Till, q request, check func() error) (terminal.Result, error) {
	err := b.ready(ctx)
	defer b.watch()
	switch {
	case err != nil:
	case check != nil:
		err = check()
	default:
		err = b.refresh(ctx, till)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	q.Number, q.Minor, q.Report, q.Mode = reference(r.Reference, b.last), r.Amount.Minor, true, modeCardUK
	q.Currency, q.Private = r.Amount.Currency.Numeric, extended
	d := &dialogue{s: b.session, q: q, r: r, till: till, judge: judgeBritish, nothing: check != nil}
	out, err := d.run(ctx, b.stop, nil)
	b.known = time.Time{} // another one is the last now, or nobody knows
	if err == nil && out.Mark.Known() && out.Outcome != terminal.Unknown {
		b.last, b.known = out.Mark, time.Now()
	}
	return out, err
}

// stop is CMD=CANCEL. Its answer has another reference than the payment's and is passed over.
func (b *british) stop(ctx context.Context) error {
	return b.line.Send(ctx, command("CANCEL"+b.after), func() {}, b.unasked)
}

// judgeBritish reads an answer (telium sheet 6.3).
//
// A referral is a refusal: nothing was charged, and the sale is completed only by a further command of the till (type 9
// with the bank's code), which this driver does not have.
func judgeBritish(a answer, masked []byte, r terminal.Request) terminal.Result {
	out := terminal.Result{
		CurrencyNumeric: a.Currency, TxnRef: name(a, r), Code: code(a.Status), Text: sentence(a.Status), Mark: markOf(a), Raw: wire.Excerpt(masked),
	}
	told := a.tlv(16)
	out.AuthCode = wire.OneLine(told['C'])
	captured, extra, err := sums(a, told)
	out.CapturedMinor, out.ExtraMinor = &captured, extra
	switch {
	case a.Status == statusDone && (a.Currency == 0 || err != nil):
		out.Text = "The terminal states an approval whose sum or currency cannot be read."
	case a.Status == statusDone:
		out.Outcome, out.Proof = terminal.Approved, terminal.Dialogue
	case a.Status == statusReferral, a.Status == statusCancelled, a.Status == statusRefused:
		out.Outcome, out.Proof, out.AuthCode = terminal.Declined, terminal.Refused, ""
	default:
		out.Text = sentence(0)
	}
	return out
}

// sums are what was booked, and the gratuity and cashback in it: the final sum where the report has it, else the one
// handled.
func sums(a answer, told map[byte]string) (captured, extra int64, err error) {
	captured = a.Minor
	for _, tag := range []byte("MYZ") {
		text, there := told[tag]
		if !there {
			continue
		}
		n, bad := strconv.ParseUint(text, 10, 62)
		if bad != nil {
			return captured, extra, fmt.Errorf("tag %c: %q is no sum", tag, terminal.MaskCardNumbers(wire.OneLine(text)))
		}
		if tag == 'M' {
			captured = int64(n)
		} else {
			extra += int64(n)
		}
	}
	return captured, min(extra, max(captured, 0)), nil
}

// Recover asks whether the terminal is ready, for then no payment is running any more, and next for its last result.
//
// A result with the payment's own reference and sum decides; the reference differs from that of the result before. Where the
// last result is still the marked one, at a terminal that is ready and that no command of ours can reach any more,
// nothing was booked.
func (b *british) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	err := b.ready(ctx)
	defer b.watch()
	if err != nil {
		return terminal.Result{}, err
	}
	h, err := b.state(ctx)
	switch {
	case err != nil:
		return terminal.Result{}, err
	case h.Busy:
		return terminal.Result{}, fmt.Errorf("%w: %s", terminal.ErrBusy, h.Text)
	}
	last, err := b.duplicate(ctx)
	if err != nil && !errors.Is(err, terminal.ErrRefused) {
		return terminal.Result{}, err
	}
	number, told := reference(a.Reference, a.Mark), err == nil
	if !told || last.Number != number {
		if late, ok := b.lateAnswer(number, a.Request); ok {
			last, told = late, true
		}
	}
	if !told {
		return terminal.Result{Text: "The terminal does not state its last result. Look at its last receipt."}, nil
	}
	return b.found(a, last, number, h)
}

// found judges the last result.
func (b *british) found(a terminal.Attempt, last stray, number int, h terminal.Health) (terminal.Result, error) {
	mark := markOf(last.answer)
	doubt := func(why string) (terminal.Result, error) {
		return terminal.Result{Text: why + " Look at the terminal's receipts.", Raw: wire.Excerpt(last.raw)}, nil
	}
	unchanged := a.Mark.Known() && mark == a.Mark
	switch {
	case unchanged && a.Seen != nil && a.Seen.Outcome == terminal.Approved:
		return doubt("The terminal stated an approval, and its last result is an older one.")
	case unchanged && !h.Ready:
		return doubt("The terminal's last result is that of before, but it does not say that it is ready.")
	case unchanged && b.env.Link == terminal.TCP && time.Since(b.doubt) < travel:
		return terminal.Result{}, fmt.Errorf("%w: the command may still be on its way in the network", terminal.ErrBusy)
	case unchanged:
		b.held.Undecided(false)
		return terminal.Result{
			Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: a.Mark, Raw: wire.Excerpt(last.raw),
			Text: "The terminal is ready and has made nothing since.",
		}, nil
	case last.Number != number:
		return doubt("The terminal's last result is of another transaction.")
	case !a.Mark.Known() && a.Seen == nil:
		return doubt("The terminal's last result before this payment is not known, so that it cannot be told whether this one is new.")
	}
	out := judgeBritish(last.answer, last.raw, a.Request)
	if out.Outcome == terminal.Unknown {
		return doubt(out.Text)
	}
	if a.Seen != nil && a.Seen.Outcome == terminal.Approved && out.Outcome != terminal.Approved {
		return doubt("The terminal stated an approval, and its record says otherwise.")
	}
	out.Proof = terminal.LastRecord
	b.last, b.known = mark, time.Now()
	b.held.Undecided(false)
	return out, nil
}

// Settle is CMD=EOD. The report is handed over as it comes; its sums are not read, since its form is not documented openly.
func (b *british) Settle(ctx context.Context, till terminal.Till) (terminal.Totals, error) {
	err := b.ready(ctx)
	defer b.watch()
	if err != nil {
		return terminal.Totals{}, err
	}
	a, _, err := b.ask(ctx, "EOD", settleWait, func(body []byte) {
		if _, progress := broadcast(body); !progress {
			till.Receipt(receipt(body))
		}
	}, anyCommand)
	switch {
	case err != nil:
		return terminal.Totals{}, err
	case a.Status != statusDone && a.Status != statusTaken:
		return terminal.Totals{}, fmt.Errorf("%w the end of day (status %s)", terminal.ErrRefused, code(a.Status))
	}
	return terminal.Totals{Text: "The terminal has made its end of day; the sums are on its report."}, nil
}
