package zvt

// TerminalStatus explains the status byte of a status enquiry (PA00P015 ch. 2.55), 00 for a terminal that is ready. Where passes is
// true it will be ready by itself.
func TerminalStatus(status byte) (text Text, passes bool) {
	switch status {
	case 0x00:
		return Text{"Ready.", "Bereit."}, false
	case 0x51:
		return Text{"The terminal must be initialised.", "Das Terminal muss initialisiert werden."}, false
	case 0x62:
		return Text{"The terminal's date or time is wrong.", "Datum oder Uhrzeit des Terminals ist falsch."}, false
	case 0x9C, 0xE0:
		return ResultText(status), true
	case 0x9D, 0xB1, 0xB2, 0xBF, 0xC0, 0xC1, 0xC2, 0xC4, 0xCC, 0xDC, 0xDF, 0xE1, 0xE2, 0xE3, 0xE4, 0xF0, 0xF6:
		return ResultText(status), false
	}
	return Text{
		EN: "The terminal reports status " + CodeText(status) + ".",
		DE: "Das Terminal meldet Status " + CodeText(status) + ".",
	}, false
}

// IntermediateText explains the status byte of an intermediate status. A code that is not known asks for
// patience.
func IntermediateText(status byte) Text {
	if t, ok := intermediateTexts[status]; ok {
		return t
	}
	// 40 added means the same and "remove the card".
	if base, ok := intermediateTexts[status-0x40]; ok && (status > 0x40 && status <= 0x5D || status == 0x66 || status == 0x67) {
		return Text{base.EN + " Remove the card.", base.DE + " Bitte Karte entnehmen."}
	}
	return Text{"Please wait.", "Bitte warten."}
}

var intermediateTexts = map[byte]Text{
	0x00: {"Confirm the amount at the terminal.", "Betrag am Terminal bestätigen."},
	0x01: {"Watch the terminal.", "Bitte Anzeige am Terminal beachten."},
	0x02: {"Watch the terminal.", "Bitte Anzeige am Terminal beachten."},
	0x03: {"Not accepted.", "Vorgang nicht möglich."},
	0x04: {"Waiting for the bank.", "Warten auf Antwort der Bank."},
	0x05: {"The terminal reverses the payment by itself.", "Das Terminal storniert die Zahlung selbst."},
	0x06: {"Sending pending bookings.", "Offene Umsätze werden gesendet."},
	0x07: {"Card not admitted.", "Karte nicht zugelassen."},
	0x08: {"Card not known.", "Karte unbekannt."},
	0x09: {"Card expired.", "Karte abgelaufen."},
	0x0A: {"Insert or present the card.", "Karte einstecken oder vorhalten."},
	0x0B: {"Remove the card.", "Bitte Karte entnehmen."},
	0x0C: {"The card cannot be read.", "Karte nicht lesbar."},
	0x0D: {"Aborted.", "Vorgang abgebrochen."},
	0x0E: {"In progress, please wait.", "Vorgang wird bearbeitet, bitte warten."},
	0x0F: {"The terminal starts its end of day.", "Automatischer Kassenschnitt beginnt."},
	0x10: {"Card not valid.", "Karte ungültig."},
	0x11: {"Balance on the terminal's display.", "Guthabenanzeige am Terminal."},
	0x12: {"System malfunction.", "Systemfehler."},
	0x13: {"Payment not possible.", "Zahlung nicht möglich."},
	0x14: {"Not enough credit on the card.", "Guthaben nicht ausreichend."},
	0x15: {"Wrong PIN.", "PIN falsch."},
	0x16: {"The card's limit is too low.", "Verfügungsrahmen nicht ausreichend."},
	0x17: {"Please wait.", "Bitte warten."},
	0x18: {"PIN tried too often.", "PIN zu oft falsch eingegeben."},
	0x19: {"Card data wrong.", "Kartendaten falsch."},
	0x1A: {"The terminal is in service mode.", "Das Terminal ist im Servicemodus."},
	0x1B: {"Approved. Please fill up.", "Genehmigt. Bitte tanken."},
	0x1C: {"Approved. Please take the goods.", "Genehmigt. Bitte Ware entnehmen."},
	0x1D: {"Declined.", "Abgelehnt."},
	0x26: {"Enter the mobile number at the terminal.", "Bitte Mobilnummer am Terminal eingeben."},
	0x27: {"Enter the mobile number once more.", "Bitte Mobilnummer noch einmal eingeben."},
	0x28: {"Choose the currency at the terminal.", "Bitte Währung am Terminal wählen."},
	0x29: {"Choose the language at the terminal.", "Bitte Sprache am Terminal wählen."},
	0x2A: {"Insert the card to load it.", "Bitte Karte zum Laden einstecken."},
	0x2B: {"Offline emergency mode, please wait.", "Offline-Notbetrieb, bitte warten."},
	0x2C: {"Choose debit or credit at the terminal.", "Bitte Debit oder Kredit am Terminal wählen."},
	0x4A: {"Remove the card.", "Bitte Karte entnehmen."},
	0x4B: {"Remove the card.", "Bitte Karte entnehmen."},
	0x5E: {"The card has been read and may go.", "Karte gelesen, sie kann entfernt werden."},
	0x68: {"Card inserted.", "Karte steckt."},
	0x69: {"Choose the currency at the terminal.", "Bitte Währung am Terminal wählen."},
	0xA0: {"The terminal says the payment is done.", "Zahlung laut Terminal abgeschlossen."},
	0xA1: {"The terminal says the payment is done. Remove the card.", "Zahlung laut Terminal abgeschlossen. Bitte Karte entnehmen."},
	0xA2: {"The terminal took the cancellation.", "Das Terminal hat den Abbruch angenommen."},
	0xA3: {"The terminal took the cancellation. Remove the card.", "Das Terminal hat den Abbruch angenommen. Bitte Karte entnehmen."},
	0xA4: {"The terminal cannot cancel now.", "Abbruch jetzt nicht möglich."},
	0xA5: {"The terminal cannot cancel now. Remove the card.", "Abbruch jetzt nicht möglich. Bitte Karte entnehmen."},
	0xC7: {"Enter the mileage at the terminal.", "Bitte Kilometerstand am Terminal eingeben."},
	0xC8: {"The cashier must act at the terminal.", "Bitte Kassierer: Eingabe am Terminal nötig."},
	0xC9: {"The terminal runs its diagnosis.", "Automatische Diagnose läuft."},
	0xCA: {"The terminal initialises itself.", "Automatische Initialisierung läuft."},
	0xCB: {"The terminal's journal is full.", "Händlerjournal voll."},
	0xCC: {"Direct debit not possible, enter the PIN.", "Lastschrift nicht möglich, bitte PIN eingeben."},
	0xD2: {"Connecting to the bank.", "Verbindung zur Bank wird aufgebaut."},
	0xD3: {"Connected to the bank.", "Verbindung zur Bank steht."},
	0xE0: {"Choose the card's application at the terminal.", "Bitte Anwendung am Terminal wählen."},
	0xE1: {"Choose the language at the terminal.", "Bitte Sprache am Terminal wählen."},
	0xE2: {"Use the cleaning card.", "Bitte Reinigungskarte verwenden."},
	0xF1: {"Offline.", "Offline."},
	0xF2: {"Online.", "Online."},
	0xF3: {"Offline payment.", "Offline-Zahlung."},
	0xFF: {"Watch the terminal.", "Bitte Anzeige am Terminal beachten."},
}

// CardTypeName is the name of a card type (BMP 8A, TLV 41; PA00P015 ch. 11); empty where it is not known.
func CardTypeName(id int) string { return cardTypes[id] }

var cardTypes = map[int]string{
	2: "ec", 5: "girocard", 6: "Mastercard", 7: "EAPS", 8: "American Express", 9: "direct debit", 10: "Visa",
	11: "Visa Electron", 12: "Diners", 13: "V PAY", 14: "JCB", 16: "Esso", 18: "DKV", 20: "Shell", 28: "UTA",
	30: "GeldKarte", 46: "Maestro", 69: "PostFinance", 87: "Bancontact", 97: "Alipay", 99: "Roth", 107: "Alipay",
	111: "instant payment", 127: "AirPlus", 142: "WEAT", 146: "DKV blue", 158: "Total", 160: "AVIA", 164: "Routex",
	196: "Dankort", 197: "Visa/Dankort", 198: "UnionPay", 232: "Discover", 256: "MIFARE", 258: "Ratenkauf", 260: "Bluecode",
}
