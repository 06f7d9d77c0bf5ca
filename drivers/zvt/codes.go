package zvt

import (
	"fmt"
	"strings"
)

// Language is a language of the clerk.
type Language uint8

// The languages that texts are kept in.
const (
	English Language = iota
	German
)

// Text is one sentence in each language.
type Text struct{ EN, DE string }

// In is the sentence in a language; English where it is not one of ours.
func (t Text) In(l Language) string {
	if l == German {
		return t.DE
	}
	return t.EN
}

// CodeText is a result or status code as papers and hotlines write it, hexadecimal and decimal: "6C (108)".
// The byte is binary, so 33 is the host's code 51.
func CodeText(code byte) string { return fmt.Sprintf("%02X (%d)", code, code) }

// undecided tells whether a result code leaves open whether the money moved: it is in no list, or it may stand beside an approval, as CD does
// (card complete: the cashback was refused), or speaks of a sale that was made in part (9D) or whose record is damaged (FB).
func undecided(code byte) bool {
	if code == 0xCD || code == 0x9D || code == 0xFB {
		return true
	}
	_, listed := resultTexts[code]
	return !listed && code > 0x63
}

// ResultText explains a result code to a clerk.
func ResultText(code byte) Text {
	if t, ok := resultTexts[code]; ok {
		return t
	}
	if code <= 0x63 {
		return hostText(code)
	}
	return Text{
		EN: "The terminal reports code " + CodeText(code) + ". Ask the terminal's provider.",
		DE: "Das Terminal meldet Code " + CodeText(code) + ". Bitte den Terminal-Anbieter fragen.",
	}
}

var resultTexts = map[byte]Text{
	0x00: {"Approved.", "Genehmigt."},
	0x64: {"The card cannot be read. Try again or take another card.", "Karte nicht lesbar. Noch einmal versuchen oder andere Karte nehmen."},
	0x65: {"The card holds no usable data. Take another card.", "Keine brauchbaren Kartendaten. Bitte andere Karte nehmen."},
	0x66: {"The terminal could not process the payment.", "Das Terminal konnte die Zahlung nicht verarbeiten."},
	0x67: {"This function is not available for girocard and Maestro.", "Diese Funktion gibt es für girocard und Maestro nicht."},
	0x68: {"This function is not available for credit and fuel cards.", "Diese Funktion gibt es für Kredit- und Tankkarten nicht."},
	0x6A: {"The terminal's turnover memory is full. Run the end of day.", "Umsatzspeicher des Terminals voll. Bitte Kassenschnitt durchführen."},
	0x6B: {"The function is off, or the terminal is not registered with this till.", "Funktion abgeschaltet oder Terminal nicht an der Kasse angemeldet."},
	0x6C: {"Cancelled at the terminal, or nobody acted in time.", "Am Terminal abgebrochen oder Zeit abgelaufen."},
	0x6E: {"The card is blocked.", "Die Karte ist gesperrt."},
	0x6F: {"The terminal does not take this currency.", "Das Terminal nimmt diese Währung nicht."},
	0x71: {"Not enough credit on the card.", "Guthaben auf der Karte zu gering."},
	0x72: {"The card's chip does not work. Take another card.", "Chip der Karte fehlerhaft. Bitte andere Karte nehmen."},
	0x73: {"The card's data are wrong. Take another card.", "Kartendaten fehlerhaft. Bitte andere Karte nehmen."},
	0x74: {"The terminal's keys are used up. Ask the terminal's provider.", "Schlüssel des Terminals aufgebraucht. Bitte den Terminal-Anbieter fragen."},
	0x75: {"The terminal rejects the text to be shown.", "Das Terminal lehnt den Anzeigetext ab."},
	0x76: {"This card is not accepted here.", "Diese Karte wird hier nicht angenommen."},
	0x77: {"The end of day did not work. Check the terminal's network and run it again.", "Kassenschnitt nicht möglich. Netzwerk des Terminals prüfen und wiederholen."},
	0x78: {"The card has expired.", "Die Karte ist abgelaufen."},
	0x79: {"The card is not valid yet.", "Die Karte ist noch nicht gültig."},
	0x7A: {"The card is not known.", "Die Karte ist unbekannt."},
	0x7B: {"This card's chip must be used. Insert it.", "Bitte den Chip der Karte verwenden und stecken."},
	0x7C: {"This card's chip must be used. Insert it.", "Bitte den Chip der Karte verwenden und stecken."},
	0x7D: {"The terminal's connection failed. Check its network.", "Verbindung des Terminals gestört. Bitte Netzwerk des Terminals prüfen."},
	0x7E: {"This card's chip must be used. Insert it.", "Bitte den Chip der Karte verwenden und stecken."},
	0x83: {"The terminal does not know or not allow this function.", "Das Terminal kennt oder erlaubt diese Funktion nicht."},
	0x85: {"A key is missing in the terminal. Ask the terminal's provider.", "Im Terminal fehlt ein Schlüssel. Bitte den Terminal-Anbieter fragen."},
	0x89: {"The PIN pad is defective.", "Das PIN-Pad ist defekt."},
	0x9A: {"The terminal did not understand the till.", "Das Terminal hat die Kasse nicht verstanden."},
	0x9B: {"The terminal cannot reach the bank. Check its network.", "Das Terminal erreicht die Bank nicht. Bitte Netzwerk des Terminals prüfen."},
	0x9C: {"The terminal is busy. Wait a moment.", "Das Terminal ist beschäftigt. Bitte einen Moment warten."},
	0x9D: {"Only part of the goods was issued.", "Nur ein Teil der Ware wurde ausgegeben."},
	0xA0: {"The terminal is not ready to receive.", "Das Terminal ist nicht empfangsbereit."},
	0xA1: {"The bank does not answer.", "Die Bank antwortet nicht."},
	0xA3: {"The terminal has no connection. Check its network.", "Das Terminal hat keine Verbindung. Bitte Netzwerk des Terminals prüfen."},
	0xA4: {"The GeldKarte bookings could not be submitted.", "Einreichung der GeldKarte-Umsätze fehlgeschlagen."},
	0xA5: {"Not allowed by the card industry's security rules.", "Nach den Sicherheitsregeln der Kartenwirtschaft nicht erlaubt."},
	0xB1: {"The terminal's memory is full. Run the end of day.", "Speicher des Terminals voll. Bitte Kassenschnitt durchführen."},
	0xB2: {"The terminal's journal is full. Run the end of day.", "Händlerjournal voll. Bitte Kassenschnitt durchführen."},
	0xB4: {"This payment is reversed already.", "Diese Zahlung ist bereits storniert."},
	0xB5: {"The reversal is not possible.", "Storno nicht möglich."},
	0xB7: {"The pre-authorisation or its amount is wrong.", "Vorautorisierung oder Betrag falsch."},
	0xB8: {"Error with a pre-authorisation, or the list of open ones.", "Fehler bei einer Vorautorisierung, oder Liste der offenen."},
	0xBF: {"The terminal's supply voltage is low. Charge it or plug it in.", "Spannung des Terminals zu niedrig. Bitte laden oder anstecken."},
	0xC0: {"The card lock is broken.", "Kartenverriegelung defekt."},
	0xC1: {"The merchant card is locked.", "Die Händlerkarte ist gesperrt."},
	0xC2: {"The terminal needs a diagnosis first.", "Das Terminal braucht zuerst eine Diagnose."},
	0xC3: {"The amount is above what this card may pay here.", "Der Betrag übersteigt die Höchstgrenze."},
	0xC4: {"The terminal's card profile is invalid. It needs an update.", "Kartenprofil ungültig. Das Terminal braucht ein Update."},
	0xC5: {"This way of paying is not supported.", "Diese Zahlungsart wird nicht unterstützt."},
	0xC6: {"The currency cannot be used.", "Die Währung kann nicht verwendet werden."},
	0xC8: {"The amount is too small for this card.", "Der Betrag ist für diese Karte zu klein."},
	0xC9: {"The largest allowed amount is too small.", "Der maximale Transaktionsbetrag ist zu klein."},
	0xCB: {"The terminal takes euros only.", "Das Terminal nimmt nur Euro."},
	0xCC: {"The printer is not ready. Check the paper.", "Drucker nicht bereit. Bitte Papier prüfen."},
	0xCD: {"Cashback is not possible. Check at the terminal whether the payment was made.", "Bargeldauszahlung nicht möglich. Am Terminal prüfen, ob die Zahlung erfolgt ist."},
	0xD2: {"Not possible with service or bank cards.", "Mit Service- oder Bankkarten nicht möglich."},
	0xDC: {"A card is in the reader. Take it out.", "Karte steckt. Bitte Karte entnehmen."},
	0xDD: {"The terminal cannot return the card.", "Fehler beim Auswerfen der Karte."},
	0xDE: {"The terminal cannot take in the card.", "Fehler beim Einziehen der Karte."},
	0xDF: {"The terminal is out of order.", "Das Terminal ist außer Betrieb."},
	0xE0: {"The terminal is being updated. Wait until it is back.", "Das Terminal wird aktualisiert. Bitte warten, bis es wieder bereit ist."},
	0xE1: {"The card is not fully removed.", "Karte nicht vollständig entnommen."},
	0xE2: {"The card reader is defective.", "Der Kartenleser ist defekt."},
	0xE3: {"The terminal's shutter is closed.", "Der Verschluss des Kartenlesers ist zu."},
	0xE4: {"The terminal must be activated first.", "Das Terminal muss zuerst aktiviert werden."},
	0xE7: {"None of the goods groups can be paid with this card.", "Keine der Warengruppen ist mit dieser Karte zahlbar."},
	0xE8: {"The goods group is blocked for this card.", "Die Warengruppe ist für diese Karte gesperrt."},
	0xE9: {"The card's restriction code forbids it.", "Der Restriktionscode der Karte verbietet es."},
	0xEA: {"The card's code is not permitted.", "Der Kartencode ist nicht zugelassen."},
	0xEB: {"The terminal does not know the PIN procedure.", "PIN-Verfahren unbekannt."},
	0xEC: {"The PIN could not be processed.", "PIN-Verarbeitung nicht möglich."},
	0xED: {"The PIN pad is defective.", "Das PIN-Pad ist defekt."},
	0xF0: {"The terminal wants its end of day first.", "Das Terminal verlangt zuerst einen Kassenschnitt."},
	0xF1: {"Error in an offline girocard payment.", "Fehler bei einer Offline-Zahlung mit girocard."},
	0xF5: {"Error in the terminal's OPT procedure.", "Fehler im OPT-Verfahren des Terminals."},
	0xF6: {"The terminal has no OPT data. Ask the terminal's provider.", "OPT-Daten fehlen. Bitte den Terminal-Anbieter fragen."},
	0xFA: {"Error when sending offline payments.", "Fehler beim Einreichen von Offline-Zahlungen."},
	0xFB: {"The record of this payment is damaged.", "Der Datensatz dieser Zahlung ist beschädigt."},
	0xFC: {"A device is missing, or the terminal restarts.", "Ein Gerät fehlt, oder das Terminal startet neu."},
	0xFD: {"The terminal does not support this line speed.", "Das Terminal unterstützt diese Baudrate nicht."},
	0xFE: {"The terminal does not know this register.", "Das Terminal kennt dieses Register nicht."},
	0xFF: {"System error in the terminal.", "Systemfehler im Terminal."},
}

// hostText explains a code of the bank's host, as card complete lists them.
func hostText(code byte) Text {
	for _, h := range hostTexts {
		if strings.IndexByte(h.codes, code) >= 0 {
			return h.Text
		}
	}
	return Text{"Declined by the bank.", "Von der Bank abgelehnt."}
}

var hostTexts = []struct {
	codes string
	Text
}{
	{"\x01\x02", Text{"The bank asks for a call before it approves.", "Die Bank verlangt einen Anruf vor der Genehmigung."}},
	{"\x03", Text{"The merchant number is not valid. Ask the terminal's provider.", "Vertragsnummer ungültig. Bitte den Terminal-Anbieter fragen."}},
	{"\x04\x29\x2B", Text{"Declined: the bank asks to keep the card.", "Abgelehnt: Karte einziehen."}},
	{"\x06\x0E", Text{"Declined: the card is not valid.", "Abgelehnt: Karte ungültig."}},
	{"\x0A", Text{"Declined: not allowed.", "Abgelehnt: nicht erlaubt."}},
	{"\x0D\x40", Text{"Declined: the amount is not accepted.", "Abgelehnt: Betrag nicht angenommen."}},
	{
		"\x0F\x18\x3A\x3F\x4C\x5B\x5C\x5D\x60\x61\x63",
		Text{"Error in the bank's system. Try again later.", "Fehler im System der Bank. Bitte später noch einmal versuchen."},
	},
	{"\x1D", Text{"The bank could not process the payment.", "Die Bank konnte die Zahlung nicht verarbeiten."}},
	{"\x1E", Text{"The bank did not understand the terminal.", "Die Bank hat das Terminal nicht verstanden."}},
	{"\x33", Text{"Declined: not enough money on the account, or over the limit.", "Abgelehnt: Deckung oder Limit nicht ausreichend."}},
	{"\x36\x50", Text{"Declined: the card has expired.", "Abgelehnt: Karte abgelaufen."}},
	{"\x37\x38\x51\x52", Text{"Declined: wrong PIN, or PIN tried too often.", "Abgelehnt: PIN falsch oder zu oft falsch eingegeben."}},
	{"\x39", Text{"Declined: wrong card.", "Abgelehnt: falsche Karte."}},
	{"\x56", Text{"The terminal is not active at the bank. Ask the terminal's provider.", "Terminal bei der Bank nicht aktiv. Bitte den Terminal-Anbieter fragen."}},
	{"\x57", Text{"The terminal must be initialised first.", "Das Terminal muss zuerst initialisiert werden."}},
	{"\x59", Text{"The terminal is locked by the bank. Ask the terminal's provider.", "Terminal von der Bank gesperrt. Bitte den Terminal-Anbieter fragen."}},
	{"\x5F", Text{"The bank asks to try again.", "Die Bank bittet um einen neuen Versuch."}},
	{"\x62", Text{"The terminal needs an extended diagnosis.", "Das Terminal braucht eine erweiterte Diagnose."}},
}
