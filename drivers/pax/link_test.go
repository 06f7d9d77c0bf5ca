package pax

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// parrot is a terminal that is at rest, has an empty list, and answers T00 with given bytes.
type parrot struct{ pay []byte }

func (p parrot) serve(far terminal.Port, paid *bool) {
	buf := make([]byte, 4096)
	for {
		n, err := far.Read(buf)
		if err != nil {
			return
		}
		var say []byte
		for _, b := range bodies(buf[:n]) {
			switch {
			case strings.HasPrefix(b, "A00"):
				say = append(say, present...)
			case strings.HasPrefix(b, "T00") && !*paid:
				*paid = true
				say = append(say, p.pay...)
			case strings.HasPrefix(b, "R02") && !*paid:
				say = append(say, notFound...)
			}
		}
		if len(say) > 0 {
			if _, err := far.Write(say); err != nil {
				return
			}
		}
	}
}

// TestLink: what the terminal says to a sale, what the driver makes of it, and what it writes (sheet 3).
func TestLink(t *testing.T) {
	ours := framed(approvedReply)
	theirs := framed(strings.Replace(approvedReply, "0000000009", "0000000008", 1))
	bad := ours[:len(ours)-1] + string([]byte{ours[len(ours)-1] ^ 1})
	for name, c := range map[string]struct {
		pay   string
		want  terminal.Outcome
		sends int    // of the command
		ends  string // what the driver writes at last
		fails bool
	}{
		"approved":                  {"\x06" + ours + "\x04", terminal.Approved, 1, "\x06", false},
		"in one packet after other": {"\x06" + framed("1\x1c"+approvedReply[2:40]) + framed("0\x1c"+approvedReply[40:]) + "\x04", terminal.Approved, 1, "\x06\x06", false},
		"a packet comes again":      {"\x06" + framed("1\x1c"+approvedReply[2:40]) + framed("1\x1c"+approvedReply[2:40]) + framed("0\x1c"+approvedReply[40:]) + "\x04", terminal.Approved, 1, "\x06\x06\x06", false},
		"no EOT":                    {"\x06" + ours, terminal.Approved, 1, "\x06\x06\x06", false},
		"the reply comes again":     {"\x06" + ours + ours + "\x04", terminal.Approved, 1, "\x06\x06", false},
		"no ACK":                    {ours + "\x04", terminal.Approved, 1, "\x06", false},
		"damaged once":              {"\x06" + bad + ours + "\x04", terminal.Approved, 1, "\x15\x06", false},
		"damaged three times":       {"\x06" + bad + bad + bad, terminal.Unknown, 1, "\x15\x15\x04", true},
		"another's result first":    {"\x06" + theirs + "\x04" + ours + "\x04", terminal.Approved, 1, "\x06\x06", false},
		"another's result only":     {"\x06" + theirs + "\x04", terminal.Unknown, 1, "\x06", true},
		"a duplicate":               {"\x06" + framed(strings.NewReplacer("000000", codeDuplicate, "0000000009", "0000000008").Replace(approvedReply)) + "\x04", terminal.Unknown, 1, "\x06", false},
		"NAK":                       {"\x15", terminal.Unknown, 2, "", true},
		"NAK in rubbish":            {"\xff\x15", terminal.Unknown, 1, "", true},
		"NAK before rubbish":        {"\x15\xff", terminal.Unknown, 1, "", true},
		"NAK, then ACK":             {"\x15\x06" + ours + "\x04", terminal.Approved, 1, "\x06", false},
		"NAK after ACK":             {"\x06\x15", terminal.Unknown, 1, "", true},
		"silence":                   {"", terminal.Unknown, 1, "", true},
		"given up":                  {"\x06\x04", terminal.Unknown, 1, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var serving sync.WaitGroup
				defer serving.Wait()
				paid, sends, wrote := false, 0, ""
				s, err := open(t.Context(), terminal.Env{
					Link: terminal.Serial, Log: slog.New(slog.DiscardHandler), Currency: dollar,
					Dial: func(context.Context) (terminal.Port, error) {
						near, far := simulate.Pipe()
						serving.Go(func() { parrot{pay: []byte(c.pay)}.serve(far, &paid) })
						return simulate.Tap(near, func(e simulate.TapEvent) error {
							switch {
							case e.After || e.Op != simulate.WriteOp:
							case strings.Contains(string(e.Data), "T00"):
								sends, wrote = sends+1, ""
							default:
								wrote += string(e.Data)
							}
							return nil
						}), nil
					},
				}, NewOptions())
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				got, err := s.Pay(t.Context(), sale("0000000009", 1250), &drivertest.Book{})
				if got.Outcome != c.want || (err != nil) != c.fails || errors.Is(err, terminal.ErrNotSent) || sends != c.sends || wrote != c.ends {
					t.Errorf("%+v, %v; sent %d times, then wrote %q", got, err, sends, wrote)
				}
			})
		})
	}
}
