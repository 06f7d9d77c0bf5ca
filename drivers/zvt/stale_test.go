package zvt

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Messages of a terminal, worked out by hand from the paper's tables.
const (
	hexAccepted = "800000"
	hexBusy     = "849c00"
	hexDone     = "060f00"
	hexAborted  = "061e016c"
	hexWaiting  = "04ff010a"
	// 27 = 00, 12.50, trace 162, 10:00:00 on 1 January, terminal 52500001, code 123456, receipt 53, Maestro.
	hexApproved = "040f27" + "2700" + "04000000001250" + "0b000162" + "0c100000" + "0d0101" + "2952500001" + "3b3132333435360000" + "870053" + "8a2e"
	hexDeclined = "040f022705"
)

// playScript plays a terminal. Each step is a message in hex, or "ack", a bare ACK; "hear", which waits for a
// message of the register and acknowledges it; "heed", which does not acknowledge it.
func playScript(p *puppet, script string) error {
	for _, step := range strings.Fields(script) {
		var err error
		switch step {
		case "hear", "heed":
			p.silent = step == "heed"
			_, err = p.hear()
			p.silent = false
		case "ack":
			if p.serial != nil {
				_, err = p.port.Write([]byte{wire.ACK})
			}
		default:
			var apdu []byte
			if apdu, err = hex.DecodeString(step); err == nil {
				err = p.say(apdu)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

// payScripted pays 12.50 at a scripted terminal that wants no registration.
func payScripted(t *testing.T, k terminal.LinkKind, script string) (got terminal.Result, b *drivertest.Book, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		till, far := simulate.Pipe()
		s := scripted(t, till, k, false)
		played := make(chan error, 1)
		go func() {
			defer far.Close()
			p := newPuppet(far, k)
			script, closes := strings.CutSuffix(script, " close")
			err := playScript(p, script)
			for heard := error(nil); err == nil && !closes && heard == nil; { // until the register has nothing more to say
				_, heard = p.hear()
			}
			played <- err
		}()
		b = &drivertest.Book{}
		got, err = s.Pay(t.Context(), terminal.Request{
			Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now(),
		}, b)
		_ = s.Close()
		if e := <-played; e != nil && err == nil {
			t.Errorf("%s: the script was not played to its end: %v", script, e)
		}
	})
	if errors.Is(err, terminal.ErrNotSent) {
		t.Errorf("%s: %v, though the command was written", script, err)
	}
	return got, b, err
}

// TestAbortAfterADoubtfulResult: after a result that may be an approval an abort is no refusal.
func TestAbortAfterADoubtfulResult(t *testing.T) {
	for name, results := range map[string]string{
		"an approval":                     hexApproved,
		"an approval of no known amount":  "040f0e2700" + "0400000000125a" + "ff01020304",
		"a result twice":                  "040f0427002705",
		"a refusal and an approval":       "040f0427052700",
		"no result":                       "040f07" + "04000000001250",
		"nothing that can be read":        "040f03ff2700",
		"an empty one":                    "040f00",
		"an approval and an error code":   "040f0a2700" + "0606" + "1f1603112233",
		"an approval, then a refusal":     hexApproved + " hear " + hexDeclined,
		"an unreadable one, then refused": "040f03ff2705 hear " + hexDeclined,
	} {
		for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
			got, b, err := payScripted(t, k, "hear "+hexAccepted+" "+hexWaiting+" hear "+results+" hear "+hexAborted+" hear close")
			if err != nil || got.Outcome != terminal.Unknown || got.Proof != terminal.NoProof || len(b.Results) == 0 {
				t.Errorf("%s %s: %s by %q (%v), recorded %d", k, name, got.Outcome, got.Proof, err, len(b.Results))
			}
		}
	}
	for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
		got, _, err := payScripted(t, k, "hear "+hexAccepted+" hear "+hexAborted+" close")
		if err == nil && got.Outcome == terminal.Approved {
			t.Errorf("%s: approved without a result", k)
		}
		if got, _, err := payScripted(t, k, "hear "+hexAccepted+" "+hexDeclined+" hear "+hexAborted+" hear close"); err != nil || got.Outcome != terminal.Declined {
			t.Errorf("%s: a plain refusal: %s (%v)", k, got.Outcome, err)
		}
	}
}

// TestStaleMessages: what an earlier command left behind comes after our command was written. It is never taken
// for the answer to it.
func TestStaleMessages(t *testing.T) {
	const paid = hexAccepted + " " + hexWaiting + " hear " + hexApproved + " hear " + hexDone + " hear close"
	type want struct {
		outcome terminal.Outcome
		err     bool
	}
	approved, declined, unknown := want{outcome: terminal.Approved}, want{outcome: terminal.Declined}, want{err: true}
	for _, c := range []struct {
		name, script string
		tcp, serial  want
	}{
		{"nothing", "hear " + paid, approved, approved},
		{"a refusal", "heed " + hexBusy + " ack " + paid, approved, approved},
		{"two refusals", "heed " + hexBusy + " " + "846600" + " ack " + paid, approved, approved},
		{"a real refusal", "hear " + hexBusy, declined, declined},
		{"a real refusal, then closed", "hear " + hexBusy + " close", declined, unknown},
		{"a stale acceptance and a real refusal", "heed " + hexAccepted + " ack " + hexBusy, unknown, declined},
		{"an acceptance and an abort", "heed " + hexAccepted + " " + hexAborted + " ack " + paid, unknown, approved},
		{"an acceptance and a completion", "heed " + hexDone + " ack " + paid, unknown, approved},
		{"an abort", "heed " + hexAborted + " ack " + paid, unknown, approved},
		{"the ACK is lost", "heed " + paid, approved, approved},
		{"the ACK is lost, refused", "heed " + hexBusy, declined, declined},
		{"no ACK, a stale refusal", "heed " + hexBusy + " " + paid, approved, approved},
		{"no ACK, a stale abort", "heed " + hexAccepted + " " + hexAborted + " hear " + hexAccepted, unknown, unknown},
		{"a quick abort", "hear " + hexAccepted + " " + hexAborted, declined, declined},
		{"somebody else's result", "heed " + hexApproved + " ack " + hexAccepted + " close", unknown, unknown},
	} {
		for k, w := range map[terminal.LinkKind]want{terminal.TCP: c.tcp, terminal.Serial: c.serial} {
			script := c.script
			if k == terminal.TCP {
				script = strings.ReplaceAll(script, "heed", "hear")
			}
			got, _, err := payScripted(t, k, script)
			if got.Outcome != w.outcome || (err != nil) != w.err {
				t.Errorf("%s over %s: %s %q (%v)", c.name, k, got.Outcome, got.Text, err)
			}
		}
	}
}

// A payment's end that our answer did not reach is repeated by the terminal, which hears no command until it has
// the answer. It costs neither a wrong outcome nor the next customer's sale.
func TestRepeatedEndOfTheLastPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := make(chan *simulate.PipeEnd, 4)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		played := make(chan error, 1)
		go func() {
			first := newPuppet(<-lines, terminal.Serial)
			err := playScript(first, "hear "+hexAccepted+" 060f0a19002952500001490978 hear")
			if err == nil {
				err = playScript(first, "hear "+hexAccepted+" "+hexWaiting+" hear "+hexApproved+" hear "+hexDone+" heed")
			}
			if err != nil {
				played <- err
				return
			}
			// Our answer was not taken. The next sale opens the line anew, and its registration is not heard either.
			var far *simulate.PipeEnd
			select {
			case far = <-lines:
			case <-ctx.Done():
				played <- ctx.Err()
				return
			}
			second := newPuppet(far, terminal.Serial)
			played <- playScript(second, "hear "+hexDone+" hear hear "+hexAccepted+" 060f0a19002952500001490978 hear "+
				"hear "+hexAccepted+" "+hexDeclined+" hear "+hexAborted+" hear")
		}()
		s, err := open(ctx, terminal.Env{
			Dial: func(context.Context) (terminal.Port, error) {
				till, far := simulate.Pipe()
				lines <- far
				return till, nil
			},
			Link: terminal.Serial, Currency: euro, Log: slog.New(slog.DiscardHandler),
		}, NewOptions())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
		if got, err := s.Pay(ctx, r, &drivertest.Book{}); err != nil || got.Outcome != terminal.Approved {
			t.Errorf("the first: %s (%v)", got.Outcome, err)
		}
		got, err := s.Pay(ctx, r, &drivertest.Book{})
		if err != nil || got.Outcome != terminal.Declined || got.Code == "" {
			t.Errorf("the second: %s (%v), want what the terminal says of it", got.Outcome, err)
		}
		cancel()
		if err := <-played; err != nil {
			t.Errorf("the terminal was not played to its end: %v", err)
		}
	})
}
