package link_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

func TestAsk(t *testing.T) {
	frame := func(body string) string { return string(plain.Append(nil, []byte(body))) }
	for name, c := range map[string]struct {
		says string
		kind wire.STXKind
		err  error
	}{
		"nobody":         {"", 0, terminal.ErrNobody},
		"an answer":      {"\x06" + frame("yes"), wire.STXFrame, nil},
		"a NAK":          {"\x15", wire.STXNak, nil},
		"an ACK alone":   {"\x06", 0, terminal.ErrAlien},
		"a modem":        {"\r\nOK\r\n", 0, terminal.ErrAlien},
		"half a frame":   {"\x02ye", 0, terminal.ErrAlien},
		"an echo":        {frame("who"), wire.STXFrame, terminal.ErrEcho},
		"a babbler":      {strings.Repeat("\x05", 99), 0, terminal.ErrAlien},
		"noise and then": {"?" + frame("yes"), wire.STXFrame, nil},
	} {
		with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
			later(time.Second, far, c.says)
			e, err := link.Ask(t.Context(), l, []byte("who"), 3*time.Second)
			if !errors.Is(err, c.err) || c.err == nil && err != nil || err == nil && e.Kind != c.kind {
				t.Errorf("%s: %s, %v", name, e.Kind, err)
			}
		})
	}
}
