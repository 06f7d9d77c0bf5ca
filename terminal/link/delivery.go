package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
)

// Caller is a Listener over which the till speaks as well; Exchange is one.
type Caller interface {
	Listener
	Send(ctx context.Context, body []byte, leaving func(), take Take) error
}

// Delivery is one money command whose result the terminal brings by itself, when it has one. The command is handed over once; then the result is waited
// for, over whatever line there is at the time.
type Delivery struct {
	Line func() Caller // the one that there is now
	Body []byte
	Till terminal.Till
	Wait time.Duration // for the result, once the command was handed over, and for a line that was lost
	// Leaving is called just before the first byte of the command may leave, and before Till is told Sent.
	Leaving func()
	// Take takes what the terminal says before and after that. An error of it ends Run.
	Take Take
	// Told says whether Take has taken the result.
	Told func() bool
	// Mend opens a line anew in the place of one that was lost; nil where that is not to be tried.
	Mend func(context.Context) error
	// Poked is called when the line is poked once the command was handed over, and may say something over it; nil for nothing.
	Poked func(context.Context) error

	// Odd is why what the terminal said is not the result, for the error when the time has passed. Take sets it.
	Odd string

	sent, failed bool
}

// Sent tells whether the command may have reached the terminal.
func (d *Delivery) Sent() bool { return d.sent }

// Run hands the command over, and returns nil once the result was taken. An error that is ErrNotTaken means that the terminal refused the command each
// time; any other, where Sent, that nothing is known of what became of it.
func (d *Delivery) Run(ctx context.Context) error {
	err := d.Line().Send(ctx, d.Body, d.leave, d.take)
	switch {
	case err == nil:
		d.Till.Progress(terminal.Progress{Stage: terminal.Started, Text: "The terminal has the sum."})
	case errors.Is(err, ErrUnacknowledged):
	case !d.sent, errors.Is(err, ErrNotTaken), !d.mend(ctx, time.Now().Add(d.Wait)):
		return err
	}
	for until := time.Now().Add(d.Wait); !d.Told(); {
		_, err := d.Line().Receive(ctx, until, true, d.take)
		if errors.Is(err, terminal.ErrPoked) {
			err = d.poked(ctx)
		}
		switch {
		case err == nil:
		case errors.Is(err, terminal.ErrSilent) && d.Odd != "":
			return fmt.Errorf("the terminal has not told the result in %s: %s", d.Wait, d.Odd)
		case errors.Is(err, terminal.ErrSilent):
			return fmt.Errorf("the terminal has not told the result in %s", d.Wait)
		case !d.mend(ctx, until):
			return err
		}
	}
	return nil
}

func (d *Delivery) leave() {
	d.sent = true
	d.Leaving()
	d.Till.Progress(terminal.Progress{Stage: terminal.Sent})
}

func (d *Delivery) take(body []byte) error {
	err := d.Take(body)
	d.failed = d.failed || err != nil
	return err
}

// poked says what there is to say. That the terminal does not take it proves nothing.
func (d *Delivery) poked(ctx context.Context) error {
	if d.Poked == nil {
		return nil
	}
	err := d.Poked(ctx)
	if d.Told() || errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNotTaken) || errors.Is(err, ErrUnacknowledged) {
		return nil
	}
	return err
}

// mend gets a lost line back. Where the result was taken, or could not be, the line is not what is lost.
func (d *Delivery) mend(ctx context.Context, until time.Time) bool {
	if d.Mend == nil || d.failed || d.Told() {
		return false
	}
	for ctx.Err() == nil {
		err := d.Mend(ctx)
		switch {
		case err == nil:
			return true
		case errors.Is(err, ErrOver), Pause(ctx, time.Second) != nil, !time.Now().Before(until):
			return false
		}
	}
	return false
}

// NotTaken is the result of a command that was ErrNotTaken.
func NotTaken() terminal.Result {
	return terminal.Result{
		Outcome: terminal.Declined, Proof: terminal.Refused,
		Text: "The terminal could not read the command and refused it each time; check the cable and the line's settings.",
	}
}

// Recorded is the result of an attempt whose terminal brings its result by itself and tells nothing afterwards: the one that was recorded, if that decides.
func Recorded(a terminal.Attempt) (terminal.Result, bool) {
	if a.Seen == nil || a.Seen.Outcome == terminal.Unknown {
		return terminal.Result{}, false
	}
	out := *a.Seen
	out.Text = "The terminal told the result before the bridge was interrupted: " + out.Text
	return out, true
}
