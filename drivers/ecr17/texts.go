package ecr17

import (
	"cmp"
	"fmt"
	"strings"

	"tillbridge/terminal"
)

// stateReady is the state of the status in which the terminal takes payments.
const stateReady = "2"

// stateTexts are the states of the status (sheet 4.2, s), and what to do.
var stateTexts = map[string]string{
	"":         "The terminal does not say how it is.",
	"0":        "The terminal is not configured; call the provider.",
	"1":        "The terminal has no parameters yet; start its download (DLL) at the terminal.",
	stateReady: "The terminal is ready.",
	"3":        "The terminal wants its first download of parameters (DLL); start it at the terminal.",
	"4":        "The terminal's key is corrupted; call the provider.",
	"5":        "The terminal asks for a download of its parameters (DLL); start it at the terminal.",
	"6":        "The terminal asks for an update of its software; start it at the terminal.",
}

func stateText(state string) string {
	return cmp.Or(stateTexts[state], fmt.Sprintf("The terminal is in state %q, which the paper does not have.", state))
}

// refusalText is a sentence for a refusal, the terminal's own words kept.
func refusalText(r result) string {
	text := map[string]string{
		"01": "The payment was refused.",
		"05": "No card was in the terminal.",
		"09": "The terminal does not know the additional data.",
	}[r.code]
	said := strings.ToUpper(r.text)
	for _, known := range []struct{ word, means string }{
		{"ANNULLATA", "The payment was cancelled at the terminal."},
		{"ABORTED_MANUALLY", "The payment was cancelled at the terminal."},
		{"CARD_SEARCH_TIMEOUT", "No card was presented."},
		{"TEMPO SCADUTO", "No card was presented in time."},
		{"RIFIUTATA", "The bank refused the payment."},
	} {
		if strings.Contains(said, known.word) {
			text = known.means
			break
		}
	}
	if r.text != "" {
		text += " (" + r.text + ")"
	}
	if r.action != "" && r.action != "000" {
		text += " Action code " + r.action + "."
	}
	return text
}

// cardName is the kind of card of position 48.
func cardName(kind string) string {
	return map[string]string{"1": "PagoBancomat", "2": "international card", "3": "other card"}[kind]
}

// dccText says that the customer pays in another currency (V, positions 83 to 107).
func dccText(r result) string {
	letters := words(r.field(92, 3))
	if r.field(83, 1) == "0" || letters == "" {
		return ""
	}
	return "The customer's card is charged in " + letters + "."
}

// stageOf guesses the stage from what the display shows; the paper has no codes for that.
func stageOf(display string) terminal.Stage {
	text := strings.ToUpper(display)
	for _, known := range []struct {
		word  string
		stage terminal.Stage
	}{
		{"INSERI", terminal.CardWait},
		{"CARTA", terminal.CardWait},
		{"PIN", terminal.CardRead},
		{"COLLEGAMENTO", terminal.HostWait},
		{"ELABORA", terminal.HostWait},
		{"AUTORIZZA", terminal.HostWait},
		{"FIRMA", terminal.Attention},
	} {
		if strings.Contains(text, known.word) {
			return known.stage
		}
	}
	return terminal.Working
}

// txnRef names a transaction for people and for MGR: terminal number, STAN, online id, acquirer; what the terminal leaves out is left
// out.
func txnRef(r result) string {
	var parts []string
	for _, p := range []string{r.terminalID, r.stan, r.online, r.acquirer} {
		if p = words(p); strings.Trim(p, "0") != "" {
			parts = append(parts, p)
		}
	}
	return terminal.MaskCardNumbers(strings.Join(parts, "/"))
}
