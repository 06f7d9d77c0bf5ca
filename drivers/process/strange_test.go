package process_test

import (
	"bytes"
	"slices"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
)

// What follows writes result codes that no paper has, for Subject.Strange; each driver's own battery has the same.

func strangeExample(_ terminal.LinkKind, said []byte) []byte {
	if f := bytes.Split(said, []byte("|")); len(f) > 3 && (string(f[0]) == "\x02R" || string(f[0]) == "\x02S") && len(f[2]) == 2 {
		return drivertest.Recode(said, len(f[0])+len(f[1])+2, "ZZ")
	}
	return nil
}

func strangeCaisseAP(k terminal.LinkKind, said []byte) []byte {
	return recode(k, said, bytes.Index(said, []byte("AE002"))+5, "77", bytes.Contains(said, []byte("AE002")))
}

func strangeECR17(_ terminal.LinkKind, said []byte) []byte {
	return recode(terminal.Serial, said, 11, "77", len(said) > 20 && said[0] == 0x02 && said[10] == 'E')
}

func strangePAX(_ terminal.LinkKind, said []byte) []byte {
	f := bytes.SplitN(said, []byte{0x1C}, 5)
	if len(f) < 5 || string(f[1]) != "T01" && string(f[1]) != "R03" {
		return nil
	}
	return recode(terminal.Serial, said, len(f[0])+len(f[1])+len(f[2])+3, "999999", true)
}

func strangeTelium(k terminal.LinkKind, said []byte) []byte {
	at := 3
	if k == terminal.TCP {
		at = 4
	}
	return recode(k, said, at, "5", len(said) > 24 && bytes.ContainsRune([]byte("0267"), rune(said[at])))
}

func strangeTransbank(_ terminal.LinkKind, said []byte) []byte {
	forms := []string{"\x020210|", "\x020271|", "\x020260|", "\x020261|"}
	return recode(terminal.Serial, said, 6, "98", len(said) > 10 && slices.Contains(forms, string(said[:min(6, len(said))])))
}

// recode writes a code at a place: with a check byte on a serial line, and without one over TCP.
func recode(k terminal.LinkKind, said []byte, at int, code string, states bool) []byte {
	switch {
	case !states:
		return nil
	case k == terminal.TCP:
		copy(said[at:], code)
		return said
	}
	return drivertest.Recode(said, at, code)
}

func strangeZVT(k terminal.LinkKind, said []byte) []byte {
	inside := func(apdu []byte) []byte {
		if len(apdu) < 7 || apdu[0] != 0x04 || apdu[1] != 0x0F || !bytes.Contains(apdu[2:7], []byte{0x27, 0x00}) {
			return nil
		}
		apdu[bytes.Index(apdu, []byte{0x27, 0x00})+1] = 0xD9
		return apdu
	}
	if k == terminal.TCP {
		return inside(said)
	}
	return drivertest.RecodeDLE(said, inside)
}
