package zvt

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// TestEnquiryAnsweredByAnEarlierEnd: the end of a registration that a terminal sends once more answers no status
// enquiry (the sheet's example of one, 06 0F 0A 19 00 29 …); asked again, the terminal says how it is.
func TestEnquiryAnsweredByAnEarlierEnd(t *testing.T) {
	const registered = "060f0a1900" + "2929001006" + "490978"
	for name, c := range map[string]struct {
		script string
		ready  bool
		code   string
	}{
		"the end of a registration, then ready": {"hear 800000 " + registered + " hear hear 800000 060f0100 hear", true, "00"},
		"the end of a registration, then busy":  {"hear 800000 " + registered + " hear hear 800000 060f019c hear", false, "9C"},
		"the end of a registration again":       {"hear 800000 " + registered + " hear hear 800000 " + registered + " hear", false, "19"},
		"ready at once":                         {"hear 800000 060f0100 hear", true, "00"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				till, far := simulate.Pipe()
				s := scripted(t, till, terminal.TCP, false)
				played := make(chan error, 1)
				go func() {
					defer far.Close()
					p := newPuppet(far, terminal.TCP)
					p.silent = true
					played <- playScript(p, c.script)
				}()
				h, err := s.(terminal.Prober).Probe(t.Context())
				if err != nil || h.Ready != c.ready || h.Code[:2] != c.code {
					t.Errorf("%+v %v", h, err)
				}
				if err := <-played; err != nil {
					t.Error(err)
				}
				_ = s.Close()
			})
		})
	}
}

// TestProgressOfAForgottenPayment: a terminal that is still in a payment of an earlier life tells its progress into a
// registration. Nobody answers: after an answer too many it would take its result for acknowledged, which nobody has
// recorded (found by killing the real program twice in a row in its recovery).
func TestProgressOfAForgottenPayment(t *testing.T) {
	for name, c := range map[string]struct {
		says []string
		want []string // in answer, after the registration
	}{
		"progress, then the registration": {[]string{hexWaiting, hexWaiting, hexAccepted, "060f00"}, []string{hexAccepted}},
		"progress after it was taken":     {[]string{hexAccepted, hexWaiting, "060f00"}, []string{hexAccepted, hexAccepted}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				till, far := simulate.Pipe()
				var answers []string
				played := make(chan struct{})
				go func() {
					defer close(played)
					p := newPuppet(far, terminal.TCP)
					_, err := p.hear() // the registration
					for _, s := range c.says {
						apdu, e := hex.DecodeString(s)
						if err = errors.Join(err, e, p.say(apdu)); err != nil {
							t.Error(err)
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
					for {
						heard, err := p.hear()
						if err != nil {
							return
						}
						answers = append(answers, hex.EncodeToString(heard))
					}
				}()
				s := scripted(t, till, terminal.TCP, true)
				_ = s.Close()
				<-played
				if !slices.Equal(answers, c.want) {
					t.Errorf("answered %v, want %v", answers, c.want)
				}
			})
		})
	}
}
