package zvt

import (
	"bytes"

	"tillbridge/terminal/wire"
)

// Field is one positional field of a command, before its bitmaps.
type Field struct {
	Name   string
	Value  []byte
	Secret bool // a password: not to be shown or stored
	Text   bool // text of the terminal or register
}

// Message is an APDU taken apart without a judgement about it. Its values are as they came: nothing of them
// may be stored or shown before Mask.
type Message struct {
	Fixed []Field
	BMPs
}

// Field is the value of a positional field.
func (m Message) Field(name string) (value []byte, ok bool) {
	for _, f := range m.Fixed {
		if f.Name == name {
			return f.Value, true
		}
	}
	return nil, false
}

// TakeApart reads an APDU of either side: its positional fields by its command, then its bitmaps. It never
// fails; what it could not read is in Rest. A completion is read as the answer to a status enquiry where
// only that explains its bytes, since only the command before would tell.
func TakeApart(a APDU) Message {
	var m Message
	rest := a.Data
	take := func(name string, n int, secret bool) {
		if len(rest) >= n && n > 0 {
			m.Fixed = append(m.Fixed, Field{Name: name, Value: rest[:n:n], Secret: secret})
			rest = rest[n:]
		}
	}
	switch a.Command {
	case CmdRegistration:
		take("password", 3, true)
		take("config", 1, false)
		take("currency", 2, false)
	case CmdStatusEnquiry, CmdTurnoverTotals, CmdRepeatReceipt, 0x0621, CmdReversal, CmdRefund, CmdEndOfDay, 0x0651, 0x0691,
		CmdInitialisation, 0x0801, 0x0814, 0x061B:
		take("password", 3, true)
	case CmdReprintReceipts:
		take("password", 3, true)
		take("from", 2, false)
		take("to", 2, false)
	case 0x0695:
		take("old_password", 3, true)
		take("new_password", 3, true)
	case 0x0609:
		take("product", 2, false)
		take("mode", 1, false)
	case CmdReadCard:
		take("timeout", 1, false)
	case 0x0802, 0x0840:
		take("mode", 1, false)
	case CmdAbort:
		take("result", 1, false)
	case CmdIntermediateStatus:
		take("status", 1, false)
		if !isWholeContainer(rest) {
			take("t4_minutes", 1, false)
		}
	case CmdPrintLine:
		text, container := splitPrintLine(rest)
		if len(text) > 0 {
			take("attr", 1, false)
			m.Fixed = append(m.Fixed, Field{Name: "text", Value: text[1:], Text: true})
		}
		rest = container
	case CmdCompletion:
		fields, others := completionFields(rest)
		m.Fixed, rest = fields, others
	case 0x841E:
		if len(rest) == 3 || len(rest) == 1 {
			take("result", 1, false)
			take("currency", 2, false)
		}
	}
	m.BMPs = ParseBMPs(rest)
	return m
}

// isWholeContainer tells whether p is one TLV container 06 that ends where p ends.
func isWholeContainer(p []byte) bool {
	if len(p) < 2 || p[0] != bmpTLV {
		return false
	}
	length, n, err := wire.ReadLength(p[1:])
	return err == nil && 1+n+length == len(p)
}

// completionFields finds the fields of a status enquiry's completion, which are raw: the software version as
// LLLVAR, a status byte and a container (PA00P015 ch. 2.55). Everything else has bitmaps.
func completionFields(data []byte) (fields []Field, rest []byte) {
	if r, ok := splitStatusReply(data); ok {
		if b := ParseBMPs(data); len(data) > 1 && !r.hasVersion && len(b.Rest) == 0 {
			return nil, data
		}
		if r.hasVersion {
			fields = append(fields, Field{Name: "sw_version", Value: r.version, Text: true})
		}
		if len(r.status) > 0 {
			fields = append(fields, Field{Name: "terminal_status", Value: r.status})
		}
		return fields, r.container
	}
	return nil, data
}

type statusParts struct {
	version    []byte
	hasVersion bool
	status     []byte // one byte, or none
	container  []byte // 06 and what belongs to it, or none
}

// splitStatusReply takes the completion of a status enquiry apart. The byte after the version is the status
// even if it is 06. ok is false where bytes are left over.
func splitStatusReply(data []byte) (p statusParts, ok bool) {
	if len(data) >= 3 && data[0]&data[1]&data[2]&0xF0 == 0xF0 {
		version, rest, err := wire.ReadLLLVAR(data)
		if err != nil {
			return p, false
		}
		p.version, p.hasVersion, data = version, true, rest
	}
	if len(data) == 0 {
		return p, p.hasVersion
	}
	p.status, data = data[:1], data[1:]
	if len(data) == 0 {
		return p, true
	}
	if !isWholeContainer(data) {
		return p, false
	}
	p.container = data
	return p, true
}

// splitPrintLine cuts the TLV container off that some terminals append to a print line's text, though
// 13.06 and later forbid it: one that starts with 06, fills the rest exactly and holds whole objects.
func splitPrintLine(data []byte) (line, container []byte) {
	for from := 1; from < len(data); {
		i := bytes.IndexByte(data[from:], bmpTLV)
		if i < 0 {
			break
		}
		at := from + i
		if isWholeContainer(data[at:]) {
			_, n, _ := wire.ReadLength(data[at+1:])
			if _, left, err := wire.ReadTLVs(data[at+1+n:]); err == nil && len(left) == 0 {
				return data[:at], data[at:]
			}
		}
		from = at + 1
	}
	return data, nil
}

// Completion is 06 0F: a command ended well (PA00P015 ch. 2.2.2), the answer to a status enquiry excepted.
type Completion struct {
	TerminalID      string // BMP 29
	CurrencyNumeric int    // BMP 49; 0 where it is missing or unreadable
	Charset         Charset
	HasCharset      bool // the terminal echoed a character set
}

// ReadCompletion reads the data of 06 0F, the answer to a status enquiry excepted.
func ReadCompletion(data []byte) Completion {
	b := ParseBMPs(data)
	out := Completion{TerminalID: digitsOf(b, bmpTerminalID), CurrencyNumeric: currencyOf(b)}
	if o, ok := b.TLV().Find(tagCharsets, tagCharset); ok {
		out.Charset, out.HasCharset = CharsetOfTag(o.Value)
	}
	return out
}

// StatusReply is the completion of a status enquiry (PA00P015 ch. 2.55).
type StatusReply struct {
	Status     byte // only if HasStatus; see TerminalStatus
	HasStatus  bool
	Software   string // version
	TerminalID string
	Device     string
	Serial     string // serial number, hexadecimal
	Unread     bool   // some bytes could not be read
}

// ReadStatusReply reads the data of the 06 0F that answers a status enquiry. Some terminals answer with
// bitmap 27 in the place of the bare status byte.
func ReadStatusReply(data []byte, c Charset) StatusReply {
	var out StatusReply
	if len(data) == 2 && data[0] == bmpResult {
		return StatusReply{Status: data[1], HasStatus: true}
	}
	parts, ok := splitStatusReply(data)
	out.Unread = !ok && len(data) > 0
	if len(parts.status) == 1 {
		out.Status, out.HasStatus = parts.status[0], true
	}
	out.Software = maskText(c.Decode(parts.version))
	if len(parts.container) == 0 {
		return out
	}
	tlv := ParseBMPs(parts.container).TLV()
	if o, ok := tlv.Find(tagTerminalID); ok {
		out.TerminalID = wire.Nibbles(o.Value)
	}
	if o, ok := tlv.Search(tagDeviceName); ok {
		out.Device = maskText(c.Decode(o.Value))
	}
	if o, ok := tlv.Search(tagSoftware); ok && out.Software == "" {
		out.Software = maskText(c.Decode(o.Value))
	}
	if o, ok := tlv.Search(tagSerialNumber); ok {
		out.Serial = wire.Nibbles(o.Value)
	}
	return out
}

// Abort is 06 1E: a command ended without success (PA00P015 ch. 2.2.3).
type Abort struct {
	Result    byte // only if HasResult
	HasResult bool
	Text      string // vendor's or additional text, card numbers masked
}

// ReadAbort reads the data of 06 1E.
func ReadAbort(data []byte, c Charset) (out Abort) {
	m := TakeApart(APDU{Command: CmdAbort, Data: data})
	if v, ok := m.Field("result"); ok {
		out.Result, out.HasResult = v[0], true
	}
	out.Text = firstText(m.BMPs, m.TLV(), c)
	return out
}

// Answer is 80 00 or 84 xx.
type Answer struct {
	Accepted bool
	Code     byte // why it was refused, see ResultText; 0 for an acceptance
}

// ReadAnswer reads an answer; ok is false for an APDU that is none. 84 00 is an acceptance too.
func ReadAnswer(a APDU) (out Answer, ok bool) {
	if !a.Command.IsAnswer() {
		return out, false
	}
	out.Accepted = a.Command == CmdAccepted || a.Command == CmdRefused
	if a.Command>>8 == 0x84 {
		out.Code = byte(a.Command)
	}
	return out, true
}

func oneByte(b BMPs, id byte) (value byte, ok bool) {
	v, ok := b.Get(id)
	if !ok || len(v) != 1 {
		return 0, false
	}
	return v[0], true
}

// digitsOf is a BCD bitmap as text, with whatever nibbles the terminal wrote.
func digitsOf(b BMPs, id byte) string {
	v, _ := b.Get(id)
	return wire.Nibbles(v)
}

func currencyOf(b BMPs) int {
	v, ok := b.Get(bmpCurrency)
	if !ok {
		return 0
	}
	n, err := wire.BCD(v)
	if err != nil {
		return 0
	}
	return int(n)
}

// firstText is what the terminal says in words: bitmap 3C, else the vendor's text, else the display texts.
func firstText(b BMPs, tlv Nodes, c Charset) string {
	if v, ok := b.Get(bmpText); ok && len(v) > 0 {
		return maskText(c.Decode(v))
	}
	if o, ok := tlv.Find(tagVendorText); ok {
		return maskText(c.Decode(o.Value))
	}
	return joinTexts(displayTexts(tlv, c))
}
