package zvt

import (
	"fmt"

	"tillbridge/terminal/wire"
)

// The bitmaps that the driver reads (PA00P015 ch. 6).
const (
	bmpServiceByte = 0x03
	bmpAmount      = 0x04
	bmpTLV         = 0x06
	bmpTrace       = 0x0B
	bmpTime        = 0x0C
	bmpDate        = 0x0D
	bmpPaymentType = 0x19
	bmpPAN         = 0x22
	bmpTrack2      = 0x23
	bmpTrack3      = 0x24
	bmpResult      = 0x27
	bmpTerminalID  = 0x29
	bmpContractNo  = 0x2A
	bmpTrack1      = 0x2D
	bmpOrigTrace   = 0x37
	bmpApproval    = 0x3B
	bmpText        = 0x3C
	bmpCurrency    = 0x49
	bmpTotals      = 0x60
	bmpReceiptNo   = 0x87
	bmpTurnoverNo  = 0x88
	bmpCardType    = 0x8A
	bmpCardName    = 0x8B
	bmpLongDate    = 0xAA
)

// How long a bitmap's value is. Positive numbers are fixed lengths in bytes.
const (
	sizeUnknown = 0
	sizeLL      = -1
	sizeLLL     = -2
	sizeBER     = -3
)

// bmpSizes is the length of every bitmap of PA00P015 13.13. What is not listed cannot be skipped.
var bmpSizes = [256]int8{
	0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x06: sizeBER, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x0E: 2, 0x17: 2, 0x19: 1,
	0x22: sizeLL, 0x23: sizeLL, 0x24: sizeLLL, 0x27: 1, 0x29: 4, 0x2A: 15, 0x2D: sizeLL, 0x2E: sizeLLL, 0x37: 3, 0x3A: 2,
	0x3B: 8, 0x3C: sizeLLL, 0x3D: 3, 0x49: 2, 0x4C: sizeLL, 0x60: sizeLLL, 0x70: 4, 0x71: 4, 0x72: 1, 0x73: 1, 0x74: 1,
	0x75: 1, 0x76: 1, 0x87: 2, 0x88: 3, 0x8A: 1, 0x8B: sizeLL, 0x8C: 1, 0x92: sizeLLL, 0x9A: sizeLLL, 0xA0: 1,
	0xA7: sizeLL, 0xAA: 3, 0xAF: sizeLLL, 0xBA: 5, 0xD0: 1, 0xD1: sizeLL, 0xD2: 1, 0xD3: 1, 0xE0: 1, 0xE1: sizeLL,
	0xE2: sizeLL, 0xE3: sizeLL, 0xE4: sizeLL, 0xE5: sizeLL, 0xE6: sizeLL, 0xE7: sizeLL, 0xE8: sizeLL, 0xE9: 1, 0xEA: 1,
	0xEB: 8, 0xF0: 1, 0xF1: sizeLL, 0xF2: sizeLL, 0xF3: sizeLL, 0xF4: sizeLL, 0xF5: sizeLL, 0xF6: sizeLL, 0xF7: sizeLL,
	0xF8: sizeLL, 0xF9: 1, 0xFA: 1, 0xFB: 1, 0xFC: 1, 0xFD: 1,
}

// BMP is one bitmap: its number and its value without the length.
type BMP struct {
	ID    byte
	Value []byte
}

// BMPs is a row of bitmaps as it came. It holds card data as the terminal sent them: nothing of it may be
// stored before Mask.
type BMPs struct {
	Fields []BMP  // in the order of the message, repeated ones left out
	Again  []BMP  // bitmaps that had come before; the first one counts
	Rest   []byte // from the first bitmap on that is not known or is cut; its length cannot be guessed
	Why    string // why there is a rest; empty where there is none
}

// ParseBMPs reads bitmaps until the data end or one cannot be read. It never fails: what it could not read
// is in Rest. The values share data's memory.
func ParseBMPs(data []byte) BMPs {
	var out BMPs
	var seen [256]bool
	for len(data) > 0 {
		value, rest, err := readBMP(data)
		if err != nil {
			out.Rest, out.Why = data, err.Error()
			return out
		}
		b := BMP{ID: data[0], Value: value}
		if seen[b.ID] {
			out.Again = append(out.Again, b)
		} else {
			seen[b.ID] = true
			out.Fields = append(out.Fields, b)
		}
		data = rest
	}
	return out
}

// readBMP reads the bitmap at the start of p, which is not empty.
func readBMP(p []byte) (value, rest []byte, err error) {
	id, p := p[0], p[1:]
	switch size := bmpSizes[id]; size {
	case sizeUnknown:
		err = fmt.Errorf("BMP %02X is not known", id)
	case sizeLL:
		value, rest, err = wire.ReadLLVAR(p)
	case sizeLLL:
		value, rest, err = wire.ReadLLLVAR(p)
	case sizeBER:
		var length, n int
		if length, n, err = wire.ReadLength(p); err == nil && len(p)-n < length {
			err = fmt.Errorf("%d bytes announced, %d there: %w", length, len(p)-n, wire.ErrTruncated)
		}
		if err == nil {
			value, rest = p[n:n+length:n+length], p[n+length:]
		}
	default:
		if len(p) < int(size) {
			err = fmt.Errorf("%d bytes needed, %d there: %w", size, len(p), wire.ErrTruncated)
			break
		}
		value, rest = p[:size:size], p[size:]
	}
	if err != nil && bmpSizes[id] != sizeUnknown {
		err = fmt.Errorf("BMP %02X: %w", id, err)
	}
	return value, rest, err
}

// Get is the value of a bitmap, the first where it came twice.
func (b BMPs) Get(id byte) (value []byte, ok bool) {
	for _, f := range b.Fields {
		if f.ID == id {
			return f.Value, true
		}
	}
	return nil, false
}

// TLV is the content of the message's TLV container 06; nil where it has none.
func (b BMPs) TLV() Nodes {
	value, _ := b.Get(bmpTLV)
	return ParseTLV(value)
}

// bmpName is the short name of a bitmap in a trace.
func bmpName(id byte) string {
	if name := bmpNames[id]; name != "" {
		return name
	}
	return fmt.Sprintf("bmp%02X", id)
}

var bmpNames = [256]string{
	0x01: "timeout", 0x02: "max_status", 0x03: "service_byte", 0x04: "amount", 0x05: "pump", 0x0B: "trace", 0x0C: "time",
	0x0D: "date", 0x0E: "expiry", 0x17: "card_seq", 0x19: "payment_type", 0x22: "pan", 0x23: "track2", 0x24: "track3",
	0x27: "result", 0x29: "tid", 0x2A: "contract", 0x2D: "track1", 0x37: "orig_trace", 0x3A: "cvv", 0x3B: "approval",
	0x3C: "text", 0x3D: "password", 0x49: "currency", 0x60: "totals", 0x87: "receipt", 0x88: "turnover", 0x8A: "card_type",
	0x8B: "card_name", 0x8C: "network_card_type", 0xA0: "host_code", 0xAA: "long_date", 0xF0: "duration", 0xF9: "beeps",
	0xFC: "dialogue",
}
