package telium

import (
	"bytes"
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// isXML tells whether a message is XML text: a broadcast, a keep-alive or a receipt (telium sheet 6.4).
func isXML(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, " \r\n\t"), []byte("<")) }

// attribute is the value of NAME CODE="value" in a text, cut to a sensible length.
func attribute(body []byte, name string) (string, bool) {
	_, rest, ok := bytes.Cut(body, []byte(name+` CODE="`))
	if !ok {
		return "", false
	}
	value, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok || len(value) > 16 {
		return "", false
	}
	return wire.OneLine(string(value)), true
}

// keepAlive is the answer to a message that asks whether we are there; nil for any other.
func keepAlive(body []byte) []byte {
	id, ok := attribute(body, "TID")
	if !ok || strings.ContainsAny(id, `<>&"`) {
		return nil
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="ISO-8859-1"?> <TID CODE="%s">OK</TID>`, id)
}

// broadcasts are what the terminal tells while it works (telium sheet 6.4). None of them is a result.
var broadcasts = map[string]terminal.Progress{
	"A0": {Stage: terminal.HostWait, Text: "Connecting to the bank."},
	"A1": {Stage: terminal.HostWait, Text: "Connected to the bank."},
	"A2": {Stage: terminal.Working, Text: "The terminal shows: approved. Waiting for its result."},
	"A3": {Stage: terminal.Working, Text: "The terminal shows: declined. Waiting for its result."},
	"A4": {Stage: terminal.CardWait, Text: "Insert the card."},
	"A5": {Stage: terminal.CardWait, Text: "The card cannot be read."},
	"A6": {Stage: terminal.Working, Text: "The terminal reports a processing error."},
	"A7": {Stage: terminal.Attention, Text: "Remove the card."},
	"A8": {Stage: terminal.CardWait, Text: "Try again."},
	"A9": {Stage: terminal.CardWait, Text: "Present the card."},
	"AA": {Stage: terminal.CardWait, Text: "Present the card again."},
	"AB": {Stage: terminal.CardWait, Text: "This card is not supported."},
	"AC": {Stage: terminal.CardWait, Text: "Present one card only."},
	"AD": {Stage: terminal.Working, Text: "Please wait."},
	"AE": {Stage: terminal.CardWait, Text: "The card was swiped badly; try again."},
	"AF": {Stage: terminal.Working, Text: "The card has expired."},
	"B0": {Stage: terminal.Working, Text: "The card declined."},
	"B1": {Stage: terminal.CardRead, Text: "Enter the PIN."},
	"B2": {Stage: terminal.CardRead, Text: "Enter the cashback."},
	"B3": {Stage: terminal.Attention, Text: "The terminal has no paper."},
}

// broadcast is what a message tells of a running payment; false where it tells nothing.
func broadcast(body []byte) (terminal.Progress, bool) {
	code, ok := attribute(body, "BROADCAST")
	if !ok {
		return terminal.Progress{}, false
	}
	if p, known := broadcasts[code]; known {
		return p, true
	}
	return terminal.Progress{Text: "The terminal reports " + code + "."}, true
}

// receiptLines is the most that is kept of a receipt.
const receiptLines = 200

// receipt is a receipt or report as text, one line for each element with content, card numbers masked.
func receipt(body []byte) terminal.Receipt {
	r := terminal.Receipt{Kind: terminal.AdministrationReceipt}
	if bytes.Contains(body, []byte("CREDIT_CARD_RECEIPT")) {
		r.Kind = terminal.OtherReceipt
	}
	name := ""
	for _, part := range strings.Split(wire.Latin1(string(body)), "<")[1:] {
		tag, text, _ := strings.Cut(part, ">")
		if !strings.HasPrefix(tag, "/") {
			name, _, _ = strings.Cut(strings.Trim(tag, "/? "), " ")
		}
		if text = wire.OneLine(text); text == "" || len(r.Lines) == receiptLines {
			continue
		}
		r.Lines = append(r.Lines, terminal.Line{Text: terminal.MaskCardNumbers(wire.OneLine(name) + ": " + text)})
	}
	return r
}
