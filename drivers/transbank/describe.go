package transbank

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// names are the messages of both sides.
func names(fn string) string {
	return map[string]string{
		"0070": "initialise", "0080": "initialisation result", "0100": "poll", "0200": "sale", "0250": "last sale", "0260": "sales list",
		"0270": "sale, multi-merchant", "0280": "last sale, multi-merchant", "0290": "sales list, multi-merchant", "0300": "normal mode",
		"0500": "close", "0700": "totals", "0800": "load keys", "1200": "void",
		"0210": "sale result", "0261": "sales record", "0271": "sale result, multi-merchant", "0281": "last sale, multi-merchant",
		"0291": "sales record, multi-merchant", "0510": "close result", "0710": "totals", "0810": "keys", "0900": "progress",
		"1080": "initialisation result", "1210": "void result",
	}[fn]
}

// describe tells in one line what bytes on the line mean, for the wire trace. Both rules of check bytes are taken, since it does not
// know the model; of a message only fields are told that can hold no card number.
func describe(_ terminal.LinkKind, sent bool, b []byte) string {
	f := ours()
	f.Accepts = []wire.Covers{wire.CoverAll}
	return wire.NewSTXReader(f, bodyLimit).Describe(b, func(e wire.STXEvent) string {
		return "[" + describeMessage(e.Body, e.Covers == wire.CoverAll, sent) + "]"
	})
}

func describeMessage(body []byte, unattended, sent bool) string {
	m, ok := parse(body)
	if !ok {
		return fmt.Sprintf("message(%d)", len(body))
	}
	name := names(m.fn)
	if m.fn == "0260" && !sent {
		name = "last sale"
	}
	out := strings.TrimSpace(m.fn + " " + name)
	tell := func(label string, value string) {
		if value != "" {
			out += " " + label + "=" + tidy(value)
		}
	}
	switch {
	case sent && m.is("0200", "0270"):
		tell("amount", m.at(1))
		tell("ticket", m.at(2))
	case sent && m.is("1200"):
		tell("operation", m.at(1))
	case sent:
	case m.is("0900"):
		tell("status", m.code)
	case m.is("0710"):
		tell("code", m.code)
		tell("count", m.at(2))
		tell("total", m.at(3))
	case m.is("1210"):
		tell("code", m.code)
		tell("auth", m.at(4))
		tell("operation", m.at(5))
	default:
		tell("code", m.code)
		o := &Options{}
		if unattended {
			o.Model = Autoservicio
		}
		if r, ok := o.readSale(m); ok {
			tell("terminal", r.terminalID)
			tell("ticket", r.ticket)
			tell("auth", r.auth)
			tell("amount", m.at(6))
			tell("operation", r.operation)
			tell("card", r.last4)
		}
	}
	return out
}
