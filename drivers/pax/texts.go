package pax

import (
	"fmt"
	"strings"
)

// Codes (sheet 7).
const (
	codeOK          = "000000"
	codeOffline     = "000001"
	codePartial     = "000002"
	codeNoSurcharge = "000003"
	codeDeclined    = "000100"
	codeTimeout     = "100001"
	codeAborted     = "100002"
	codeDuplicate   = "100011" // found by the terminal
	codeNotFound    = "100023"
	codeHostDouble  = "103000" // duplicate found by the host
)

var codeTexts = map[string]string{
	codeOK: "Approved.", codeOffline: "Approved off-line by the terminal.", codePartial: "The bank approved a part of the amount only.",
	codeNoSurcharge: "Approved, without a surcharge.", codeDeclined: "The bank declined the payment.",
	codeTimeout: "No card was presented in time.", codeAborted: "The payment was cancelled at the terminal.",
	"100003":       "The terminal reported an error: something was missing, such as a signature.",
	codeDuplicate:  "The terminal took it for a repetition of an earlier payment.",
	codeNotFound:   "The terminal has no such record.",
	codeHostDouble: "The bank took it for a repetition of an earlier payment.",
	"000300":       "The terminal's batch and the bank's do not agree.",
}

// sentence is a sentence for the clerk, the terminal's own words kept.
func (r reply) sentence() string {
	text := codeTexts[r.code]
	if text == "" {
		text = fmt.Sprintf("The terminal answered with the code %q.", r.code)
	}
	if r.text != "" {
		text = strings.TrimSuffix(text, ".") + " (" + r.text + ")."
	}
	return text
}

var cardNames = map[string]string{
	"01": "Visa", "02": "MasterCard", "03": "American Express", "04": "Discover", "05": "Diners Club", "06": "enRoute", "07": "JCB",
}
