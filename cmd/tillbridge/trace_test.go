package main

import (
	"strings"
	"testing"

	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
)

// TestTraceOfZVT reads what the wire trace makes of the line to a ZVT terminal. A wanted text that ends in "…" is one
// that must be in it.
func TestTraceOfZVT(t *testing.T) {
	sale := []byte{0x06, 0x01, 0x07, 0x04, 0, 0, 0, 0, 0x12, 0x50}
	// Result (PA00P015 ch. 6, BMP 27), then a card number of sixteen digits (BMP 22).
	status := []byte{0x04, 0x0F, 0x0D, 0x27, 0x00, 0x22, 0xF0, 0xF8, 0x49, 0x29, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34}
	register := []byte{0x06, 0x00, 0x04, 0x48, 0x39, 0x21, 0xBA}
	for name, c := range map[string]struct {
		link terminal.LinkKind
		b    []byte
		want string
	}{
		"nothing":        {terminal.Serial, nil, ""},
		"ACK":            {terminal.Serial, []byte{6}, "ACK"},
		"frame":          {terminal.Serial, zvt.SerialFrame(sale), "[06 01 authorisation amount=1250]"},
		"ACK and frame":  {terminal.Serial, append([]byte{6}, zvt.SerialFrame([]byte{0x80, 0, 0})...), "ACK [80 00 accepted]"},
		"NAK in noise":   {terminal.Serial, []byte{'x', 'y', 0x15}, "noise(2) NAK"},
		"half a frame":   {terminal.Serial, zvt.SerialFrame(status)[:14], "unfinished(14)"},
		"damaged frame":  {terminal.Serial, append(zvt.SerialFrame(status)[:14], 0x10, 3, 1, 2), "damaged(bad crc, 18)"},
		"TCP":            {terminal.TCP, append([]byte{0x80, 0, 0}, sale...), "[80 00 accepted] [06 01 authorisation amount=1250]"},
		"TCP, half":      {terminal.TCP, sale[:5], "unfinished(5)"},
		"TCP, no ZVT":    {terminal.TCP, []byte("HTTP/1.1 400 4929123456781234"), "no ZVT(29)"},
		"card":           {terminal.Serial, zvt.SerialFrame(status), "*1234…"},
		"card over TCP":  {terminal.TCP, status, "*1234…"},
		"password":       {terminal.Serial, zvt.SerialFrame(register), "password=***…"},
		"sent in pieces": {terminal.Serial, zvt.SerialFrame(status)[9:], "noise(…"},
	} {
		got := zvt.Driver().Describe(c.link, false, c.b)
		part, inside := strings.CutSuffix(c.want, "…")
		if inside && !strings.Contains(got, part) || !inside && got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for _, secret := range []string{"49291234", "49 29", "56781234", "56 78", "483921", "48 39"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s shows %q: %q", name, secret, got)
			}
		}
	}
}
