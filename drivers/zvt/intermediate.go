package zvt

import (
	"strings"
	"time"

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
	Unread  bool     // some bytes could not be read
}

// Phase is how far a payment has come, as far as an intermediate status tells.
type Phase uint8

// The phases. Only PhaseWaitsForCard still allows a cancellation at most terminals.
const (
	PhaseOther        Phase = iota // nothing certain
	PhaseWaitsForCard              // insert, present or swipe a card
	PhaseCardRead                  // card read, PIN asked for
	PhaseHost                      // the bank is asked
	PhaseReversing                 // an automatic reversal is under way: the payment is going to fail
	PhaseAttention                 // the cashier must act at the terminal, a signature to check for example
	PhaseDeclined                  // shown as declined or cancelled; the status information decides
)

// ReadIntermediate reads the data of 04 FF. The byte after the status is the time-out in BCD minutes, which
// one terminal after the paper's own example leaves out before a TLV container.
func ReadIntermediate(data []byte, c Charset) Intermediate {
	m := takeApart(APDU{Command: CmdIntermediateStatus, Data: data})
	out := Intermediate{Unread: len(m.Rest) > 0}
	if v, ok := m.Field("status"); ok {
		out.Status, out.HasStatus = v[0], true
	}
	if v, ok := m.Field("t4_minutes"); ok {
		if minutes, err := wire.BCD(v); err == nil {
			out.Timeout = time.Duration(minutes) * time.Minute
		} else {
			out.Unread = true
		}
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

// Phase reads the status byte.
func (i Intermediate) Phase() Phase {
	if !i.HasStatus {
		return PhaseOther
	}
	switch status := i.Status; {
	case status == 0x0A, status == 0x2A, status == 0x4A:
		return PhaseWaitsForCard
	case status == 0x01, status == 0x02, status == 0x15, status == 0x41, status == 0x42, status == 0x55, status == 0x68,
		status == 0xCC:
		return PhaseCardRead
	case status == 0x04, status == 0x44, status == 0xD2, status == 0xD3, status == 0xF2:
		return PhaseHost
	case status == 0x05, status == 0x45:
		return PhaseReversing
	case status == 0xC8:
		return PhaseAttention
	case status == 0x03, status >= 0x07 && status <= 0x09, status == 0x0D, status == 0x10, status >= 0x12 && status <= 0x14,
		status == 0x16, status == 0x18, status == 0x19, status == 0x1D, status == 0x5D:
		return PhaseDeclined
	}
	return PhaseOther
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
