package pax

import (
	"cmp"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

const (
	fs = "\x1c" // between groups
	us = "\x1f" // between the elements of a group

	bodyLimit  = 16 << 10 // of one packet
	replyLimit = 64 << 10 // of a reply in packets
	fieldLimit = 64       // characters that are kept of one element
	centsMost  = 12       // digits of a sum

	stampForm = "20060102150405"
)

func format() wire.STXFormat { return wire.STXFormat{Covers: wire.CoverBodyETX} }

// command writes CMD, VERSION and groups; empty groups stay (sheet 2).
func command(version, cmd string, groups ...string) []byte {
	return []byte(strings.Join(append([]string{cmd, version}, groups...), fs))
}

// group joins elements; trailing empty ones are dropped.
func group(elements ...string) string { return strings.TrimRight(strings.Join(elements, us), us) }

// Types of T00.
const (
	typeSale   = "01"
	typeReturn = "02"
	typeVoid   = "16"
)

// money is T00: type, amount, account, trace, AVS, cashier, commercial, MOTO, ext (sheet 5). The flag that lets a duplicate pass is never
// sent.
func money(version, kind string, minor int64, ref, original, ext string) []byte {
	amount := ""
	if minor > 0 {
		amount = strconv.FormatInt(minor, 10)
	}
	return command(version, "T00", kind, amount, "", group(ref, "", "", original), "", "", "", "", ext)
}

// query is R02, by one of its three keys: record number, the terminal's transaction number, our reference (sheet 6).
type query struct{ record, number, ref string }

func (q query) encode(version string) []byte {
	return command(version, "R02", "00", "", "", q.record, q.number, "", q.ref, "")
}

// reply is a reply without its STATUS, its packets joined.
type reply struct {
	cmd, version, code, text string
	groups                   [][]string // each has one element at least
}

// readReply takes a reply apart; false where it is none.
func readReply(data string) (r reply, ok bool) {
	all := strings.Split(data, fs)
	if len(all) < 3 || len(all[0]) != 3 || all[0][0] < 'A' || all[0][0] > 'Z' || !wire.IsDigits(all[0][1:]) {
		return r, false
	}
	r.cmd, r.version, r.code = all[0], clean(all[1]), sure(all[2:], 1)
	if len(all) > 3 {
		r.text = clean(all[3])
		for _, g := range all[4:] {
			r.groups = append(r.groups, strings.Split(g, us))
		}
	}
	return r, true
}

// group is a group by its place, counted from 0 behind TEXT; empty where the reply ends before it.
func (r reply) group(n int) []string {
	if n < len(r.groups) {
		return r.groups[n]
	}
	return nil
}

func (r reply) field(n int) string { return element(r.group(n), 1) }

// element is an element by its place, counted from 1 as the sheet does.
func element(g []string, n int) string {
	if n > len(g) {
		return ""
	}
	return clean(g[n-1])
}

// sure is an element that something is decided by: empty where it holds anything that had to be cleaned away.
func sure(g []string, n int) string {
	if e := element(g, n); n <= len(g) && e == strings.Trim(g[n-1], " ") {
		return e
	}
	return ""
}

// kindOf is a kind of transaction; empty where none is told, and one that is nobody's where it is not sure.
func kindOf(g []string) string {
	if len(g) == 0 || g[0] == "" {
		return ""
	}
	return cmp.Or(sure(g, 1), "?")
}

// clean makes a field fit for people and files: printable, short, and without a card number.
func clean(s string) string { return terminal.Tidy(s, fieldLimit) }

// transaction is what T01 and R03 say of a transaction. The card's number but for its end, its BIN, expiry and holder are not kept.
type transaction struct {
	kind, auth, hostRef, batch string
	number, ref, time          string // the terminal's number, our reference, YYYYMMDDhhmmss
	card, last4                string
	amount                     []string
}

// payment is the transaction of T01 (sheet 6).
func (r reply) payment() transaction {
	return r.transaction(r.group(0), kindOf(r.group(1)), r.group(2), r.group(3), r.group(4), 8)
}

// record is the transaction of R03, and how many there are. Programs disagree about the order of the first three groups: total, record
// number, host, or the host first.
func (r reply) record() (t transaction, total string) {
	host := r.group(2)
	total = r.field(0)
	if plain(r.group(1)) && plain(r.group(2)) && !plain(r.group(0)) {
		host, total = r.group(0), r.field(1)
	}
	return r.transaction(host, kindOf(r.group(4)), r.group(6), r.group(7), r.group(8), 12), total
}

// stamp is the time of a trace group. It has as many digits as a card number, so it is kept only if it is a time.
func stamp(trace []string) string {
	if len(trace) < 3 {
		return ""
	}
	text := strings.TrimSpace(trace[2])
	if _, err := time.Parse(stampForm, text); err != nil {
		return ""
	}
	return text
}

// plain tells whether a group is one number.
func plain(g []string) bool { return len(g) == 1 && wire.IsDigits(strings.TrimSpace(g[0])) }

func (r reply) transaction(host []string, kind string, amount, account, trace []string, ext int) transaction {
	t := transaction{
		kind: kind, auth: element(host, 3), hostRef: element(host, 4), batch: element(host, 6),
		number: element(trace, 1), ref: sure(trace, 2), time: stamp(trace),
		card: cardNames[element(account, 7)], last4: wire.LastFour(element(account, 1)), amount: amount,
	}
	for ; ext < len(r.groups) && t.hostRef == ""; ext++ { // keys may repeat, or come without "="
		for _, e := range r.groups[ext] {
			if v, ok := strings.CutPrefix(e, "HREF="); ok && t.hostRef == "" {
				t.hostRef = clean(v)
			}
		}
	}
	return t
}

// captured is what was approved, and what of it is tip, cashback and fee; false where no sum is named.
func (t transaction) captured() (minor, extra int64, ok bool) {
	minor, ok = wire.Number(sure(t.amount, 1), centsMost)
	for _, n := range []int{3, 4, 5} {
		more, _ := wire.Number(sure(t.amount, n), centsMost)
		extra += more
	}
	return minor, extra, ok
}

// result is the transaction in the engine's words, undecided.
func (t transaction) result(r reply) terminal.Result {
	out := terminal.Result{
		AuthCode: t.auth, TxnRef: cmp.Or(t.hostRef, t.number), CardName: t.card, CardLast4: t.last4, Code: r.code, Raw: r.raw(t), Mark: markOf(t).encode(),
	}
	if minor, extra, ok := t.captured(); ok {
		out.CapturedMinor, out.ExtraMinor = &minor, extra
	}
	if at, err := time.ParseInLocation(stampForm, t.time, time.Local); err == nil {
		out.TerminalTime = at
	}
	return out
}

// raw is what is kept of the message for support: the fields that hold nothing of the card.
func (r reply) raw(t transaction) string {
	amount := make([]string, len(t.amount))
	for i := range t.amount {
		amount[i] = element(t.amount, i+1)
	}
	all := []string{
		r.cmd, r.version, r.code, r.text, group("", "", t.auth, t.hostRef, "", t.batch), t.kind, group(amount[:min(len(amount), 8)]...), t.last4,
		group(t.number, t.ref, t.time),
	}
	return hex.EncodeToString([]byte(strings.Join(all, fs)))
}

// mark names a transaction that was in the terminal's list, so that it can be seen whether it still is.
type mark struct{ number, time, auth, ref string }

func markOf(t transaction) mark { return mark{t.number, t.time, t.auth, t.ref} }

// encode is nothing where the transaction could not be told from another one.
func (m mark) encode() terminal.Mark {
	if m.number == "" || m.time == "" {
		return ""
	}
	return terminal.Mark(strings.Join([]string{m.number, m.time, m.auth, m.ref}, "|"))
}

func parseMark(k terminal.Mark) (m mark, ok bool) {
	p := strings.Split(string(k), "|")
	if len(p) != 4 || p[0] == "" || p[1] == "" {
		return m, false
	}
	return mark{p[0], p[1], p[2], p[3]}, true
}

// same tells whether both are one transaction: transaction numbers begin anew, so the time counts too.
func (m mark) same(o mark) bool { return m.number == o.number && m.time == o.time }
