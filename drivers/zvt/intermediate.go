package zvt

import (
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Intermediate is 04 FF: what the terminal is doing (PA00P015 ch. 3.7).
type Intermediate struct {
	Status byte // see IntermediateText; only if HasStatus
	// HasStatus is false for the empty message, which is legal and only restarts the time-out.
	HasStatus bool
	// Timeout is the new completion time-out T4 that the terminal announced; 0 where it announced none.
	Timeout time.Duration
	Texts   []string // what it shows, card numbers masked
}

// ReadIntermediate reads the data of 04 FF. The byte after the status is the time-out in BCD minutes, which
// one terminal after the paper's own example leaves out before a TLV container.
func ReadIntermediate(data []byte, c Charset) (out Intermediate) {
	m := TakeApart(APDU{Command: CmdIntermediateStatus, Data: data})
	if v, ok := m.Field("status"); ok {
		out.Status, out.HasStatus = v[0], true
	}
	if v, ok := m.Field("t4_minutes"); ok {
		minutes, _ := wire.BCD(v)
		out.Timeout = time.Duration(minutes) * time.Minute
	}
	out.Texts = displayTexts(m.TLV(), c)
	return out
}

// Text is what to show: the terminal's own words where it sent some, else those of the table.
func (i Intermediate) Text(l Language) string {
	if text := joinTexts(i.Texts); text != "" {
		return text
	}
	if !i.HasStatus {
		return IntermediateText(0x17).In(l)
	}
	return IntermediateText(i.Status).In(l)
}

// Stage is how far a payment has come, as far as the status byte tells: until CardWait is over a cancellation is possible
// at most terminals. That it is declined, or that the terminal reverses it, is shown and decides nothing.
func (i Intermediate) Stage() terminal.Stage {
	if !i.HasStatus {
		return terminal.Working
	}
	switch i.Status {
	case 0x0A, 0x2A, 0x4A: // insert, present or swipe a card
		return terminal.CardWait
	case 0x01, 0x02, 0x15, 0x41, 0x42, 0x55, 0x68, 0xCC: // card read, PIN asked for
		return terminal.CardRead
	case 0x04, 0x44, 0xD2, 0xD3, 0xF2: // the bank is asked
		return terminal.HostWait
	case 0xC8: // the cashier must act at the terminal, a signature to check for example
		return terminal.Attention
	}
	return terminal.Working
}

// displayTexts are the lines in the display container 24, card numbers masked.
func displayTexts(tlv Nodes, c Charset) []string {
	box, ok := tlv.Find(tagDisplay)
	if !ok {
		return nil
	}
	var out []string
	for _, o := range box.Children {
		if o.Tag == tagText {
			out = append(out, maskText(c.Decode(o.Value)))
		}
	}
	return out
}

// joinTexts makes one line of several, blank ones left out.
func joinTexts(texts []string) string {
	var out []string
	for _, text := range texts {
		out = append(out, strings.Fields(text)...)
	}
	return strings.Join(out, " ")
}
