package sim

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Receipt types, tag 1F07.
const (
	merchantCopy byte = 0x01
	customerCopy byte = 0x02
	adminCopy    byte = 0x03
)

// Attributes of print lines, PA00P015 ch. 3.5.
const (
	attrPlain    = 0x00
	attrCentred  = 0x40
	attrLastLine = 0x81
)

type printLine struct {
	attr byte
	text string
}

func (s *Simulator) money(minor int64) string {
	return strings.ReplaceAll(terminal.Amount{Minor: minor, Currency: s.cur}.Decimal(), ".", ",")
}

// receiptLines is a receipt of a transaction. The last line is empty: its attribute says that it is the last.
func (s *Simulator) receiptLines(r *record, kind byte) []printLine {
	head := "** HÄNDLERBELEG **"
	if kind == customerCopy {
		head = "** KUNDENBELEG **"
	}
	title := map[string]string{simulate.Sale: "VERKAUF", simulate.Refund: "GUTSCHRIFT", simulate.Void: "STORNO"}[r.kind]
	pan := strings.Map(func(c rune) rune {
		switch c {
		case 'E':
			return 'x'
		case 'F':
			return -1
		}
		return c
	}, r.card.number)
	return []printLine{
		{attrCentred, head},
		{attrCentred, "Café am Schloßplatz"},
		{attrCentred, title},
		{attrPlain, ""},
		{attrPlain, r.at.Format("02.01.2006      15:04:05")},
		{attrPlain, "Terminal-ID:    " + s.tid},
		{attrPlain, fmt.Sprintf("VU-Nr:   %15s", contractNumber)},
		{attrPlain, fmt.Sprintf("Beleg-Nr:           %04d", r.receipt)},
		{attrPlain, "Trace-Nr:         " + r.sequence()},
		{attrCentred, r.card.name},
		{attrPlain, pan},
		{attrPlain, fmt.Sprintf("Betrag %s %13s", r.code, s.money(r.minor))},
		{attrPlain, authText(r)},
		{attrCentred, "Zahlung erfolgt"},
		{attrLastLine, ""},
	}
}

func (s *Simulator) referralLines() []printLine {
	return []printLine{
		{attrCentred, "** HÄNDLERBELEG **"},
		{attrPlain, "Terminal-ID:    " + s.tid},
		{attrCentred, "AUTORISIERUNGSRUF"},
		{attrPlain, "Bitte Autorisierungsstelle anrufen"},
		{attrLastLine, ""},
	}
}

func (s *Simulator) dayLines() []printLine {
	out := []printLine{{attrCentred, "** KASSENSCHNITT **"}, {attrPlain, "Terminal-ID:    " + s.tid}, {attrPlain, ""}}
	for i, name := range []string{"girocard", "JCB", "Mastercard", "Amex", "VISA", "Diners", "Sonstige"} {
		if s.day.count[i] > 0 {
			out = append(out, printLine{attrPlain, fmt.Sprintf("%-10s %3d %13s", name, s.day.count[i], s.money(s.day.minor[i]))})
		}
	}
	return append(out, printLine{attrPlain, fmt.Sprintf("%-10s     %13s", "Summe", s.money(s.day.sum()))}, printLine{attrLastLine, ""})
}

func texts(lines []printLine) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		out = append(out, l.text)
	}
	return out
}

func (s *Simulator) receiptTexts(r *record, kind byte) []string {
	return texts(s.receiptLines(r, kind))
}

func (s *Simulator) dayTexts() []string { return texts(s.dayLines()) }

// printCommands are the messages that print a receipt at the till: one block (06 D3) where the registration
// named it, else a line each (06 D1).
func (s *Simulator) printCommands(kind byte, lines []printLine) [][]byte {
	if !s.reg.blocks {
		out := make([][]byte, 0, len(lines))
		for _, l := range lines {
			out = append(out, apdu(0x06, 0xD1, append([]byte{l.attr}, s.text(l.text)...)))
		}
		return out
	}
	var objects [][]byte
	last := -1
	for _, l := range lines {
		if int(l.attr) != last {
			objects = append(objects, tlv(0x09, []byte{l.attr}))
			last = int(l.attr)
		}
		if l.attr != attrLastLine {
			objects = append(objects, tlv(0x07, s.text(l.text)))
		}
	}
	return [][]byte{apdu(0x06, 0xD3, container(tlv(0x1F07, []byte{kind}), tlv(0x25, objects...)))}
}

// printsAtTill tells whether receipts of a kind go to the till by print commands.
func (s *Simulator) printsAtTill(bit byte) bool {
	return s.reg.config&bit != 0 && s.reg.config&cfgPrintCommands != 0
}
