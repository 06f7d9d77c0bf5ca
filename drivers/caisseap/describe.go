package caisseap

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// told are the fields that the wire trace shows.
const told = " CZ CA CB CC CD CE CF AE AF BA BB "

// describe tells in one line what bytes on the line mean, for the wire trace: the fields that hold nothing of a card.
func describe(k terminal.LinkKind, _ bool, b []byte) string {
	if k == terminal.TCP {
		return describeText(b)
	}
	var parts []string
	reader := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, maxText)
	rubbish, begun := 0, 0
	add := func(part string) {
		if rubbish > 0 {
			parts = append(parts, fmt.Sprintf("noise(%d)", rubbish))
		}
		parts, rubbish = append(parts, part), 0
	}
	words := map[wire.STXKind]string{wire.STXAck: "ACK", wire.STXNak: "NAK", wire.STXEnquiry: "ENQ", wire.STXEnd: "EOT"}
	for i, c := range b {
		if !reader.Partial() {
			begun = i
		}
		switch e := reader.Feed(c); e.Kind {
		case wire.STXFrame:
			add(describeText(e.Body))
		case wire.STXBadLRC, wire.STXTooLong:
			add(fmt.Sprintf("damaged(%s, %d)", e.Kind, i+1-begun))
		case wire.STXGarbage:
			rubbish++
		case wire.STXNothing:
		default:
			add(words[e.Kind])
		}
	}
	switch {
	case reader.Partial():
		add(fmt.Sprintf("unfinished(%d)", len(b)-begun))
	case rubbish > 0:
		parts = append(parts, fmt.Sprintf("noise(%d)", rubbish))
	}
	return strings.Join(parts, " ")
}

func describeText(b []byte) string {
	all, err := parse(b)
	var parts []string
	for _, a := range all {
		var fields []string
		for _, f := range a.fields {
			if strings.Contains(told, " "+f.tag+" ") && len(f.value) <= 32 {
				fields = append(fields, f.tag+"="+terminal.MaskCardNumbers(printable(f.value)))
			} else {
				fields = append(fields, fmt.Sprintf("%s(%d)", f.tag, len(f.value)))
			}
		}
		parts = append(parts, "["+strings.Join(fields, " ")+"]")
	}
	if err != nil {
		parts = append(parts, fmt.Sprintf("unreadable(%d)", len(b)))
	}
	return strings.Join(parts, " ")
}
