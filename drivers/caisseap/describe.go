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
	r := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, maxText)
	return r.Describe(b, func(e wire.STXEvent) string { return describeText(e.Body) })
}

func describeText(b []byte) string {
	all, err := parse(b)
	var parts []string
	for _, a := range all {
		var fields []string
		for _, f := range a.fields {
			if strings.Contains(told, " "+f.tag+" ") && len(f.value) <= 32 {
				fields = append(fields, f.tag+"="+terminal.MaskCardNumbers(wire.OneLine(f.value)))
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
