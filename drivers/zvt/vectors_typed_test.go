package zvt

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal/wire"
)

// compareTyped checks what the driver reads, the struct, against the table.
func (n *counts) compareTyped(t *testing.T, v vector, a APDU, e expected) {
	var got map[string]string
	switch a.Command {
	case CmdStatusInformation:
		s := ReadStatusInformation(a.Data, CharsetAuto)
		_, stated := e.get("aid_auth")
		got = statusFields(s, stated)
		if s.Rest != 0 || len(s.Unreadable) != 0 || len(s.Repeated) != 0 {
			t.Errorf("%s: rest %d, unreadable %x, repeated %x", v.id, s.Rest, s.Unreadable, s.Repeated)
		}
		n.compareStatusTLV(t, v.id, s, e)
		if _, ok := e.get("track2"); ok {
			got["track2"] = got["pan"]
			delete(got, "pan")
		}
		raw := apduBytes(t, a)
		if masked := ReadStatusInformation(Mask(raw)[len(raw)-len(a.Data):], CharsetAuto); !reflect.DeepEqual(s, masked) {
			t.Errorf("%s: after masking it reads\n%+v, before\n%+v", v.id, masked, s)
		}
	case CmdIntermediateStatus:
		i := ReadIntermediate(a.Data, CharsetAuto)
		got = map[string]string{"status": fmt.Sprintf("%02x", i.Status)}
		if i.Timeout > 0 {
			got["t4_minutes"] = fmt.Sprintf("%02d", int(i.Timeout/time.Minute))
		}
		if want := textsIn(e.tlv, "24"); !reflect.DeepEqual(i.Texts, want) {
			t.Errorf("%s: texts %q, want %q", v.id, i.Texts, want)
		}
		if i.Text(German) == "" {
			t.Errorf("%s: no text", v.id)
		}
	case CmdCompletion:
		got = completionText(t, v, a, e)
	case CmdAbort:
		r := ReadAbort(a.Data, CharsetAuto)
		got = map[string]string{}
		if r.HasResult {
			got["result"] = fmt.Sprintf("%02x", r.Result)
		}
	case CmdPrintLine, CmdPrintTextBlock:
		n.comparePrint(t, v, a, e)
		return
	default:
		if answer, ok := ReadAnswer(a); ok && answer.Accepted != (e.name != "NAK") {
			t.Errorf("%s: accepted %v", v.id, answer.Accepted)
		}
		return
	}
	n.compareFields(t, v, a, e, got)
}

// notKept are fields that no struct holds, since nothing is decided by them: compare has read them from the message.
var notKept = map[Command]string{
	CmdStatusInformation: " len expiry card_seq vu_number bmp19 card_type_netop result_as ", CmdCompletion: " len result bmp19 ", CmdAbort: " len receipt ",
	CmdIntermediateStatus: " len ",
}

// compareFields checks what a struct holds against the fields of the table, and that it holds nothing else.
func (n *counts) compareFields(t *testing.T, v vector, a APDU, e expected, got map[string]string) {
	for _, f := range e.fields {
		want, has := f.value, got[f.key]
		if strings.Contains(notKept[a.Command], " "+f.key+" ") {
			continue
		}
		switch f.key {
		case "pan", "track2":
			want = lastFourOf(want)
		case "trace":
			if long := find(e.tlv, "1F2B"); want == "000000" && long != nil {
				want = long.value
			}
		}
		n.fields++
		if has != want {
			t.Errorf("%s: the struct's %s is %q, want %q", v.id, f.key, has, want)
		}
		delete(got, f.key)
	}
	for key, value := range got {
		t.Errorf("%s: the struct has %s=%q, the table has not", v.id, key, value)
	}
}

// statusFields are the struct's fields in the table's words. An authorisation code that stands in a text is not told.
func statusFields(s StatusInformation, stated bool) map[string]string {
	out := map[string]string{}
	text := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	if s.HasResult {
		out["result"] = fmt.Sprintf("%02x", s.Result)
	}
	if s.HasAmount {
		out["amount"] = strconv.FormatInt(s.AmountMinor, 10)
	}
	if s.CurrencyNumeric != 0 {
		out["currency"] = fmt.Sprintf("%04d", s.CurrencyNumeric)
	}
	if s.HasCardType {
		out["card_type"] = strconv.Itoa(s.CardType)
	}
	if s.Totals != nil {
		out["totals:receipts"] = s.Totals.FromReceipt + "-" + s.Totals.ToReceipt
		for _, g := range s.Totals.Groups {
			if g.Count > 0 {
				out["totals:receipts"] += fmt.Sprintf(",%s=%d/%d", strings.ReplaceAll(g.Name, "Mastercard", "eurocard"), g.Count, g.Minor)
			}
		}
	}
	text("trace", s.Trace)
	text("time", s.Time)
	text("date", s.Date)
	text("tid", s.TerminalID)
	text("orig_trace", s.OriginalTrace)
	text("receipt", s.ReceiptNo)
	text("turnover", s.TurnoverNo)
	text("add_text", s.Text)
	if stated {
		text("aid_auth", s.ApprovalCode)
	}
	text("card_name", s.CardName)
	text("pan", s.CardLast4)
	return out
}

// compareStatusTLV checks the struct's fields that come from the container.
func (n *counts) compareStatusTLV(t *testing.T, id string, s StatusInformation, e expected) {
	aid := ""
	if o := find(e.tlv, "43"); o != nil {
		aid = o.value
	}
	n.fields++
	if !strings.EqualFold(aid, s.AID) {
		t.Errorf("%s: application %q, want %q", id, s.AID, aid)
	}
	if want := textsIn(e.tlv, "24"); !reflect.DeepEqual(s.Display, want) {
		t.Errorf("%s: display %q, want %q", id, s.Display, want)
	}
}

func completionText(t *testing.T, v vector, a APDU, e expected) map[string]string {
	got := map[string]string{}
	_, enquiry := e.get("terminal_status")
	if enquiry {
		r := ReadStatusReply(a.Data, CharsetAuto)
		got["terminal_status"] = fmt.Sprintf("%02x", r.Status)
		if r.Software != "" && find(e.tlv, "1F41") == nil || len(a.Data) > 2 && a.Data[0]&a.Data[1]&0xF0 == 0xF0 {
			got["sw_version"] = r.Software
		}
		if o := find(e.tlv, "1F44"); o != nil && o.value != r.TerminalID {
			t.Errorf("%s: terminal id %s, want %s", v.id, r.TerminalID, o.value)
		}
		if o := find(e.tlv, "1F40"); o != nil && o.value != r.Device {
			t.Errorf("%s: device %q, want %q", v.id, r.Device, o.value)
		}
		if o := find(e.tlv, "1F42"); o != nil && !strings.EqualFold(o.value, r.Serial) {
			t.Errorf("%s: serial %s, want %s", v.id, r.Serial, o.value)
		}
		if r.Unread || !r.HasStatus {
			t.Errorf("%s: unread %v, status %v", v.id, r.Unread, r.HasStatus)
		}
		return got
	}
	c := ReadCompletion(a.Data)
	if c.TerminalID != "" {
		got["tid"] = c.TerminalID
	}
	if c.CurrencyNumeric != 0 {
		got["currency"] = fmt.Sprintf("%04d", c.CurrencyNumeric)
	}
	if o := find(e.tlv, "14"); o != nil {
		value, _ := c.Charset.TagValue()
		if !c.HasCharset || fmt.Sprintf("%02x", value) != o.value {
			t.Errorf("%s: character set %s, want %s", v.id, c.Charset, o.value)
		}
	}
	return got
}

func (n *counts) comparePrint(t *testing.T, v vector, a APDU, e expected) {
	if a.Command == CmdPrintTextBlock {
		p := ReadPrintBlock(a.Data, CharsetAuto)
		lines := 0
		box := find(e.tlv, "25")
		for i, o := range box.children {
			if o.tag == "07" {
				if p.Lines[lines].Text != maskText(o.value) {
					t.Errorf("%s: line %d is %q, want %q", v.id, lines, p.Lines[lines].Text, o.value)
				}
				lines++
			}
			if o.more > 0 && i == len(box.children)-1 {
				lines += o.more
			}
		}
		n.fields += lines
		ends := false
		for _, o := range box.children {
			ends = ends || o.tag == "9" && o.value >= "81"
		}
		if len(p.Lines) != lines || p.Ends != ends || fmt.Sprintf("%02x", p.Kind) != find(e.tlv, "1F07").value {
			t.Errorf("%s: %d lines, want %d; kind %d, ends %v", v.id, len(p.Lines), lines, p.Kind, p.Ends)
		}
		return
	}
	p := ReadPrintLine(a.Data, vectorCharsets[v.id])
	attr, _ := e.get("attr")
	text, _ := e.get("text")
	bits, err := strconv.ParseUint(attr, 16, 8)
	if err != nil {
		t.Errorf("%s: attribute %q", v.id, attr)
	}
	if ends := bits&0x80 != 0; p.Ends != ends {
		t.Errorf("%s: ends the receipt: %v", v.id, p.Ends)
	}
	switch {
	case text == "" && p.Ends && len(p.Lines) == 0:
	case len(p.Lines) != 1 || p.Lines[0].Text != text || p.Lines[0].Centred != (bits&0x40 != 0) || p.Lines[0].Wide != (bits&0x20 != 0):
		t.Errorf("%s: printed %+v, want %q", v.id, p.Lines, text)
	}
	if e.trailing && fmt.Sprintf("%02x", p.Kind) != e.tlv[0].value {
		t.Errorf("%s: kind %d, want %s", v.id, p.Kind, e.tlv[0].value)
	}
	n.fields += 2
}

// compareEncoded builds the register's command from the table's fields and wants the same bytes.
func (n *counts) compareEncoded(t *testing.T, v vector, a APDU, e expected) {
	number := func(key string) int64 {
		s, _ := e.get(key)
		i, _ := strconv.ParseInt(s, 10, 64)
		return i
	}
	bits := func(key string) (byte, bool) {
		s, ok := e.get(key)
		b, _ := strconv.ParseUint(s, 16, 8)
		return byte(b), ok
	}
	secret, hasPassword := e.get("password")
	password, bad := ParsePassword(secret)
	if hasPassword && bad != nil {
		t.Errorf("%s: password: %v", v.id, bad)
	}
	var out []byte
	var err error
	switch a.Command {
	case CmdRegistration:
		if e.hasTLV && (len(e.tlv) > 1 || len(e.tlv) == 1 && e.tlv[0].tag != "26") || !hasPassword {
			return // holds more than we ever send
		}
		r := Registration{Password: password, CurrencyNumeric: int(number("currency")), TLV: e.hasTLV}
		r.Config, _ = bits("config")
		r.Service, r.HasService = bits("service_byte")
		if len(e.tlv) == 1 {
			r.Commands = []Command{CmdPrintTextBlock}
		}
		out, err = r.Encode()
	case CmdAuthorisation:
		if _, vending := e.get("max_status_infos"); vending || e.hasTLV {
			return
		}
		s := Authorisation{AmountMinor: number("amount"), CurrencyNumeric: int(number("currency"))}
		s.PaymentType, s.HasPaymentType = bits("bmp19")
		out, err = s.Encode()
	case CmdStatusEnquiry:
		if _, ok := bits("service_byte"); ok {
			return
		}
		out = StatusEnquiry(&password)
	case CmdEndOfDay:
		if e.hasTLV {
			return
		}
		out = EndOfDay(password)
	case CmdRepeatReceipt:
		out = RepeatReceipt(password, 0)
	case CmdDiagnosis:
		out = Diagnosis()
	default:
		return
	}
	n.encoded++
	if err != nil || hex.EncodeToString(out) != hex.EncodeToString(apduBytes(t, a)) {
		t.Errorf("%s: encoded as %x, %v; want %x", v.id, out, err, apduBytes(t, a))
	}
}

func apduBytes(t *testing.T, a APDU) []byte {
	t.Helper()
	p, err := a.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func find(nodes []expectedNode, tag string) *expectedNode {
	for i := range nodes {
		if nodes[i].tag == tag {
			return &nodes[i]
		}
		if o := find(nodes[i].children, tag); o != nil {
			return o
		}
	}
	return nil
}

func textsIn(nodes []expectedNode, box string) (out []string) {
	if o := find(nodes, box); o != nil {
		for _, line := range o.children {
			if line.tag == "07" {
				out = append(out, line.value)
			}
		}
	}
	return out
}

func (n *counts) checkFrame(t *testing.T, v vector) {
	r := NewSerialReader()
	var apdu []byte
	for i, b := range v.raw {
		e := r.Feed(b)
		if (e.Kind == wire.DLEFrame) != (i == len(v.raw)-1) {
			t.Errorf("%s: byte %d gave %s", v.id, i, e.Kind)
			return
		}
		apdu = e.Content
	}
	if got := SerialFrame(apdu); string(got) != string(v.raw) {
		t.Errorf("%s: framed again as %x", v.id, got)
	}
	says, ok := strings.CutPrefix(v.says, "crc=ok ")
	if !ok {
		t.Errorf("%s: says %q", v.id, v.says)
	}
	if _, crc, ok := strings.Cut(v.says, "crc bytes "); ok && crc == "" {
		t.Errorf("%s: no crc", v.id)
	}
	if rest, ok := strings.CutPrefix(says, "apdu="); ok {
		want, after, _ := strings.Cut(rest, " ")
		if hex.EncodeToString(apdu) != want {
			t.Errorf("%s: holds %x, want %s", v.id, apdu, want)
		}
		says = strings.TrimPrefix(after, ": ")
	}
	if strings.HasPrefix(says, "amount=") {
		says = "Authorisation " + says
	}
	a, err := ParseAPDU(apdu)
	if err != nil {
		t.Errorf("%s: %v", v.id, err)
		return
	}
	n.frames++
	n.compare(t, v, a, says)
}

func (n *counts) checkByte(t *testing.T, v vector) {
	if e := NewSerialReader().Feed(v.raw[0]); len(v.raw) != 1 || !strings.HasPrefix(v.says, "ACK") || e.Kind != wire.DLEAck || e.Dirty {
		t.Errorf("%s: %x is %s", v.id, v.raw, e.Kind)
	}
	n.single++
}
