package link_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/link"
)

// caller plays a line of words: what a Send and each Receive come to.
type caller struct {
	send  func(leaving func(), take link.Take) error
	hears []func(take link.Take) error
}

func (c *caller) Send(_ context.Context, _ []byte, leaving func(), take link.Take) error {
	return c.send(leaving, take)
}

func (c *caller) Receive(ctx context.Context, until time.Time, _ bool, take link.Take) ([]byte, error) {
	if len(c.hears) == 0 {
		if err := link.Pause(ctx, time.Until(until)); err != nil {
			return nil, err
		}
		return nil, terminal.ErrSilent
	}
	next := c.hears[0]
	c.hears = c.hears[1:]
	return nil, next(take)
}

func (c *caller) Poke() {}

var errBooks = errors.New("the books are full")

func TestDelivery(t *testing.T) {
	says := func(text string) func(link.Take) error {
		return func(take link.Take) error { return take([]byte(text)) }
	}
	fails := func(err error) func(link.Take) error { return func(link.Take) error { return err } }
	then := func(first, last func(link.Take) error) func(link.Take) error {
		return func(take link.Take) error { return errors.Join(first(take), last(take)) }
	}
	sends := func(err error) func(func(), link.Take) error {
		return func(leaving func(), take link.Take) error {
			leaving()
			return err
		}
	}
	lost, poked := fails(io.EOF), fails(terminal.ErrPoked)
	for name, c := range map[string]struct {
		send  func(func(), link.Take) error
		hears []func(link.Take) error
		mend  []error // what each try to mend comes to; nil for no mending
		poke  error
		err   error // nil for a result
		text  string
		tries int // to mend
		takes time.Duration
	}{
		"told":                         {send: sends(nil), hears: []func(link.Take) error{says("odd"), says("result")}},
		"not acknowledged, and told":   {send: sends(link.ErrUnacknowledged), hears: []func(link.Take) error{says("result")}},
		"refused":                      {send: sends(link.ErrNotTaken), mend: []error{nil}, err: link.ErrNotTaken},
		"never sent":                   {send: func(func(), link.Take) error { return io.EOF }, mend: []error{nil}, err: io.EOF},
		"silent":                       {send: sends(nil), err: nil, text: "has not told the result in 3m0s", takes: 3 * time.Minute},
		"something odd, then silent":   {send: sends(nil), hears: []func(link.Take) error{says("odd")}, text: "in 3m0s: it was odd", takes: 3 * time.Minute},
		"lost in sending":              {send: sends(io.EOF), err: io.EOF},
		"lost in sending, and mended":  {send: sends(io.EOF), mend: []error{io.ErrClosedPipe, nil}, hears: []func(link.Take) error{says("result")}, tries: 2, takes: time.Second},
		"lost":                         {send: sends(nil), hears: []func(link.Take) error{lost}, err: io.EOF},
		"lost and mended":              {send: sends(nil), mend: []error{nil}, hears: []func(link.Take) error{lost, says("result")}, tries: 1},
		"lost and closed":              {send: sends(nil), mend: []error{io.ErrClosedPipe, link.ErrOver}, hears: []func(link.Take) error{lost}, err: io.EOF, tries: 2, takes: time.Second},
		"lost for good":                {send: sends(nil), mend: make([]error, 0), hears: []func(link.Take) error{lost}, err: io.EOF, tries: 180, takes: 3 * time.Minute},
		"lost after the result":        {send: sends(nil), mend: []error{nil}, hears: []func(link.Take) error{then(says("result"), lost)}, err: io.EOF},
		"not recorded":                 {send: sends(nil), mend: []error{nil}, hears: []func(link.Take) error{says("full")}, err: errBooks},
		"poked, and the line refuses":  {send: sends(nil), poke: link.ErrNoAnswer, hears: []func(link.Take) error{poked, says("result")}},
		"poked, and it is not taken":   {send: sends(nil), poke: link.ErrNotTaken, hears: []func(link.Take) error{poked, says("result")}},
		"poked, and it is unanswered":  {send: sends(nil), poke: link.ErrUnacknowledged, hears: []func(link.Take) error{poked, says("result")}},
		"poked, and the line is lost":  {send: sends(nil), poke: io.EOF, hears: []func(link.Take) error{poked}, err: io.EOF},
		"poked for nothing, then told": {send: sends(nil), hears: []func(link.Take) error{poked, says("result")}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line, book, told, left, tries := &caller{c.send, c.hears}, &drivertest.Book{}, false, 0, 0
				d := &link.Delivery{
					Line: func() link.Caller { return line }, Till: book, Wait: 3 * time.Minute, Leaving: func() { left++ }, Told: func() bool { return told },
				}
				d.Take = func(body []byte) error {
					switch string(body) {
					case "odd":
						d.Odd = "it was odd"
					case "full":
						return errBooks
					default:
						told = true
					}
					return nil
				}
				if c.mend != nil {
					d.Mend = func(context.Context) error {
						if tries++; tries > len(c.mend) {
							return io.ErrClosedPipe
						}
						return c.mend[tries-1]
					}
				}
				if c.poke != nil {
					d.Poked = func(context.Context) error { return c.poke }
				}
				began := time.Now()
				err := d.Run(t.Context())
				switch {
				case c.text != "":
					if err == nil || !strings.Contains(err.Error(), c.text) {
						t.Errorf("%v, want %q", err, c.text)
					}
				case !errors.Is(err, c.err) || err == nil && !told:
					t.Errorf("%v, want %v; told %t", err, c.err, told)
				}
				if took := time.Since(began); took != c.takes || tries != c.tries || d.Sent() != (name != "never sent") || d.Sent() != (left == 1) {
					t.Errorf("took %s, want %s; %d tries to mend, want %d; sent %t, left %d times", took, c.takes, tries, c.tries, d.Sent(), left)
				}
			})
		})
	}
}

// A till that has stopped mends nothing more.
func TestDeliveryStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	line := &caller{send: func(leaving func(), _ link.Take) error { leaving(); stop(); return io.EOF }}
	d := &link.Delivery{
		Line: func() link.Caller { return line }, Till: &drivertest.Book{}, Wait: time.Minute, Leaving: func() {}, Take: func([]byte) error { return nil },
		Told: func() bool { return false }, Mend: func(context.Context) error { t.Error("it tries to mend"); return nil },
	}
	if err := d.Run(ctx); !errors.Is(err, io.EOF) || !d.Sent() {
		t.Errorf("%v, sent %t", err, d.Sent())
	}
}

// What was poked for may bring the result while the line fails.
func TestDeliveryToldWhilePoked(t *testing.T) {
	told := false
	line := &caller{
		send:  func(leaving func(), _ link.Take) error { leaving(); return nil },
		hears: []func(link.Take) error{func(link.Take) error { return terminal.ErrPoked }},
	}
	d := &link.Delivery{
		Line: func() link.Caller { return line }, Till: &drivertest.Book{}, Wait: time.Minute, Leaving: func() {}, Take: func([]byte) error { return nil },
		Told: func() bool { return told }, Poked: func(context.Context) error { told = true; return io.EOF },
	}
	if err := d.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRecorded(t *testing.T) {
	for _, o := range []terminal.Outcome{terminal.Unknown, terminal.Approved, terminal.Declined} {
		seen := terminal.Result{Outcome: o, Proof: terminal.Dialogue, Text: "so it said"}
		got, decides := link.Recorded(terminal.Attempt{Seen: &seen})
		if decides != (o != terminal.Unknown) || decides && (got.Outcome != o || got.Proof != terminal.Dialogue || !strings.HasSuffix(got.Text, ": so it said")) {
			t.Errorf("%s: %+v, %t", o, got, decides)
		}
	}
	if got, decides := link.Recorded(terminal.Attempt{}); decides {
		t.Errorf("nothing was recorded: %+v", got)
	}
	if r := link.NotTaken(); r.Outcome != terminal.Declined || r.Proof != terminal.Refused {
		t.Errorf("%+v", r)
	}
}
