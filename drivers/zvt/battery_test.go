package zvt

import (
	"bytes"
	"testing"

	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
)

// subject is the driver for the battery, at a terminal that sends whole card numbers.
func subject(receipts Receipts, links ...terminal.LinkKind) drivertest.Subject {
	return drivertest.Subject{
		Driver: Driver(), Links: links, Currency: euro,
		Options: func(terminal.LinkKind) any {
			o := NewOptions()
			o.Receipts = receipts
			return o
		},
		Simulator: func(terminal.LinkKind) any { return sim.Options{ClearCard: true} },
		Cards:     []string{"6789235176482391229"},
		Money: func(k terminal.LinkKind, written []byte) bool {
			if k == terminal.Serial {
				written = bytes.TrimPrefix(written, []byte{0x10, 0x02})
			}
			return len(written) > 2 && written[0] == 0x06 && (written[1] == 0x01 || written[1] == 0x30 || written[1] == 0x31)
		},
		Strange: strange,
		Vote: func(_ terminal.LinkKind, written []byte) bool {
			return bytes.Contains(written, []byte{0x80, 0x00, 0x00})
		},
	}
}

// strange writes a result code that no list has into an approval's status information. A refusal ends with an abort, which is one by
// the paper, whatever its code.
func strange(k terminal.LinkKind, said []byte) []byte {
	recode := func(apdu []byte) []byte {
		if len(apdu) < 6 || apdu[0] != 0x04 || apdu[1] != 0x0F {
			return nil
		}
		at := bytes.Index(apdu[2:7], []byte{0x27, 0x00}) // behind a length of one byte or three
		if at < 0 {
			return nil
		}
		apdu[2+at+1] = 0xD9
		return apdu
	}
	if k == terminal.TCP {
		return recode(said)
	}
	return drivertest.RecodeDLE(said, recode)
}

// TestBattery puts the driver through every scenario that all drivers must pass.
func TestBattery(t *testing.T) {
	drivertest.Run(t, subject(TerminalPrints, terminal.Serial, terminal.TCP))
}

// TestBatteryPrinting is the same where the receipts come to us: then the sale is booked only when each of their lines has been
// answered.
func TestBatteryPrinting(t *testing.T) {
	drivertest.Run(t, subject(RegisterPrints, terminal.TCP))
}
