package zvt

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// TestLineLeadsElsewhere: a session that opens its line anew finds out by the registration that another terminal is
// there now. It gets no money command, and no question about a payment that it never had.
func TestLineLeadsElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		second string // the end of the second registration
		other  bool
	}{
		"another number": {"060f07" + "1900" + "2952500002", true},
		"the same":       {"060f07" + "1900" + "2952500001", false},
		"no number":      {"060f02" + "1900", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var heard [16][]string // by line
				dials := 0
				dial := func(context.Context) (terminal.Port, error) {
					near, far := simulate.Pipe()
					n, end := dials, c.second
					if dials++; n == 0 {
						end = "060f07" + "1900" + "2952500001"
					}
					go func() {
						defer far.Close()
						p := newPuppet(far, terminal.TCP)
						for first := true; ctx.Err() == nil; first = false {
							m, err := p.hear()
							if err != nil {
								return
							}
							heard[n] = append(heard[n], hex.EncodeToString(m[:2]))
							for _, s := range []string{hexAccepted, end} {
								apdu, e := hex.DecodeString(s)
								if first && errors.Join(e, p.say(apdu)) != nil {
									return
								}
							}
						}
					}()
					return near, nil
				}
				s, err := open(ctx, terminal.Env{Dial: dial, Link: terminal.TCP, Currency: euro, Log: slog.New(slog.DiscardHandler)}, NewOptions())
				if err != nil {
					t.Fatal(err)
				}
				if id := s.(terminal.Identifier).TerminalID(); id != "52500001" {
					t.Errorf("the terminal is %q", id)
				}
				s.(*session).drop()
				_, err = s.Pay(ctx, terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}, &drivertest.Book{})
				if c.other && !errors.Is(err, terminal.ErrNotSent) {
					t.Errorf("Pay: %v", err)
				}
				if c.other {
					if _, err := s.Recover(ctx, terminal.Attempt{}); err == nil {
						t.Error("Recover had an answer of another terminal")
					}
				}
				_ = s.Close()
				cancel()
				synctest.Wait()
				for n, all := range heard[1:] {
					for i, m := range all {
						if c.other && i > 0 && m != "8000" {
							t.Errorf("line %d: the other terminal got %v", n+2, all)
						}
					}
				}
				if got := len(heard[1]); !c.other && got < 3 {
					t.Errorf("the same terminal got no more than %v", heard[1])
				}
			})
		})
	}
}
