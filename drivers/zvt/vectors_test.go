package zvt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

// vector is one row of zvt.tsv.
type vector struct {
	id, session, direction, layer string
	real                          bool // captured from a real terminal, not written for a paper or by a program
	raw                           []byte
	says                          string // decodes_to without the capture's clock
}

var zvtTable = []string{"zvt.tsv"}

// vectors are all rows.
func vectors(t *testing.T) []vector {
	t.Helper()
	return readable(drivertest.Vectors(t, 695, zvtTable, "zvt"))
}

// vectorRows is empty where there is no table.
func vectorRows() []vector {
	all, _ := drivertest.ReadVectors(zvtTable, "zvt")
	return readable(all)
}

func readable(all []drivertest.Vector) (out []vector) {
	clock := regexp.MustCompile(`^t=\S+ \S+ `)
	for _, v := range all {
		out = append(out, vector{
			id: v.ID, session: v.Column("session"), direction: v.Column("direction"), layer: v.Column("layer"), raw: v.Raw,
			real: strings.HasPrefix(v.Column("origin"), "captured"), says: clock.ReplaceAllString(v.Facts, ""),
		})
	}
	return out
}

// expected is a decodes_to text taken apart.
type expected struct {
	name     string
	fields   []expectedField
	tlv      []expectedNode
	hasTLV   bool
	trailing bool // the container stood behind a print line
}

type expectedField struct {
	key, value string
	quoted     bool
}

type expectedNode struct {
	tag      string
	value    string
	quoted   bool
	opaque   bool
	children []expectedNode
	nested   bool
	more     int // text lines that the table leaves out
}

// scanner reads the notation of the decodes_to column.
type scanner struct {
	s string
}

func (p *scanner) blanks() { p.s = strings.TrimLeft(p.s, " ") }

func (p *scanner) prefix(s string) bool {
	if strings.HasPrefix(p.s, s) {
		p.s = p.s[len(s):]
		return true
	}
	return false
}

var keyPattern = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_:]*|[0-9A-F]{1,6})=`)

// quotedText reads a text in quotes with \x.. escapes.
func (p *scanner) quotedText() string {
	var out []byte
	p.s = p.s[1:]
	for p.s != "" {
		switch {
		case p.prefix(`"`):
			return string(out)
		case strings.HasPrefix(p.s, `\x`) && len(p.s) >= 4:
			b, err := strconv.ParseUint(p.s[2:4], 16, 8)
			if err == nil {
				out = utf8.AppendRune(out, rune(b))
				p.s = p.s[4:]
				continue
			}
			fallthrough
		default:
			out = append(out, p.s[0])
			p.s = p.s[1:]
		}
	}
	return string(out)
}

func (p *scanner) word(stop string) string {
	end := strings.IndexAny(p.s, stop)
	if end < 0 {
		end = len(p.s)
	}
	w := p.s[:end]
	p.s = p.s[end:]
	return w
}

func (p *scanner) nodes(closing string) (out []expectedNode) {
	for {
		p.blanks()
		if p.s == "" || p.prefix(closing) {
			return out
		}
		if p.prefix("(+") {
			n, _ := strconv.Atoi(p.word(" "))
			p.word(")")
			p.prefix(")")
			out = append(out, expectedNode{more: n})
			continue
		}
		n := expectedNode{tag: p.word("={")}
		switch {
		case p.prefix("{"):
			n.nested = true
			n.children = p.nodes("}")
		case p.prefix("=") && strings.HasPrefix(p.s, `"`):
			n.value, n.quoted = p.quotedText(), true
		default:
			n.value = p.word(" }]")
			n.value, n.opaque = strings.CutSuffix(n.value, "(opaque)")
		}
		out = append(out, n)
	}
}

// parseExpected reads a decodes_to text: a name, then fields until something else comes.
func parseExpected(says string) expected {
	if _, after, ok := strings.Cut(says, " | "); ok {
		says = after
	}
	var e expected
	p := &scanner{s: says}
	for p.s != "" && keyPattern.FindString(p.s) == "" && !strings.HasPrefix(p.s, "tlv[") {
		e.name += p.word(" ") + " "
		p.blanks()
	}
	e.name = strings.TrimSpace(e.name)
	for {
		p.blanks()
		switch {
		case p.prefix("tlv["):
			e.tlv, e.hasTLV = p.nodes("]"), true
			continue
		case p.prefix("trailing-tlv["):
			e.tlv, e.hasTLV, e.trailing = p.nodes("]"), true, true
			continue
		}
		key := keyPattern.FindString(p.s)
		if key == "" {
			return e
		}
		p.s = p.s[len(key):]
		f := expectedField{key: strings.TrimSuffix(key, "=")}
		if strings.HasPrefix(p.s, `"`) {
			f.value, f.quoted = p.quotedText(), true
		} else {
			f.value = strings.TrimRight(p.word(" "), ";")
		}
		e.fields = append(e.fields, f)
	}
}

func (e expected) get(key string) (string, bool) {
	for _, f := range e.fields {
		if f.key == key {
			return f.value, true
		}
	}
	return "", false
}

// The names in the table and the commands they stand for.
var vectorNames = map[string]Command{
	"Registration": 0x0600, "ACK": 0x8000, "Completion": 0x060F, "Authorisation": 0x0601, "Intermediate": 0x04FF,
	"StatusInfo": 0x040F, "Abort(PT)": 0x061E, "StatusEnquiry": 0x0501, "DisplayText": 0x06E0, "EndOfDay": 0x0650, "EndOfDay +": 0x0650,
	"PrintLine": 0x06D1, "PrintTextBlock": 0x06D3, "RepeatReceipt": 0x0620, "ReadCard": 0x06C0, "PreAuth": 0x0622,
	"PreAuthReversal": 0x0625, "PartialReversal": 0x0623, "WriteFile": 0x0814, "ChangeConfig": 0x0813, "LogOff": 0x0602,
	"Initialisation": 0x0693, "Completion(05 01)": 0x060F, "TelAuth": 0x0621, "Change Configuration": 0x0813,
	"(04 0C file request)": 0x040C, "(Feig proprietary)": 0x0FA1, "Diagnosis": 0x0670, "Reset": 0x0618,
	"PT does not support MsgSeqId Completion": 0x060F, "PT echoes 1F73 Completion": 0x060F, "positive ack with TLV ACK": 0x8000,
	"spec example: TLV directly after the status byte (no timeout byte although the text demands one) Intermediate": 0x04FF,
}

// charsets are the texts that the automatic rule does not read as the table does: the table read the first
// as Latin-1 though it is UTF-8, the other is in the old 7-bit set, which only a setting can tell.
var vectorCharsets = map[string]Charset{"V0166": CharsetLatin1, "V0279": CharsetLatin1, "V0573": CharsetGerman7}

// malformed rows carry a wrong length and must be refused by the APDU reader.
var malformed = map[string]bool{
	"V0336": true, "V0337": true, "V0359": true, "V0375": true, "V0571": true, "V0578": true, "V0579": true, "V0639": true,
	"V0657": true,
}

type counts struct {
	rows, fields, nodes, frames, refused, encoded, pieces, single, real int
}

func TestVectors(t *testing.T) {
	var n counts
	rows := vectors(t)
	for _, v := range rows {
		if v.real {
			n.real++
		}
		switch v.layer {
		case "apdu":
			n.checkAPDU(t, v)
		case "serial-frame":
			n.checkFrame(t, v)
		case "serial-byte":
			n.checkByte(t, v)
		case "tcp-segment", "apdu-length", "bmp", "tlv", "crc":
			n.checkPiece(t, v)
		default:
			t.Errorf("%s: layer %q is not handled", v.id, v.layer)
		}
	}
	t.Logf("note: zvt test vectors: %d rows, %d of them from real terminals; %d APDUs decoded, %d fields and %d TLV objects compared, "+
		"%d frames with their CRC verified, %d malformed refused, %d single bytes read, %d other pieces read, %d commands encoded to equal bytes",
		len(rows), n.real, n.rows, n.fields, n.nodes, n.frames, n.refused, n.single, n.pieces, n.encoded)
	if n.real < 500 || n.encoded == 0 || n.nodes == 0 {
		t.Errorf("hardly anything was compared: %+v", n)
	}
	if got := n.rows + n.frames + n.refused + n.pieces + n.single; !t.Failed() && got != len(rows) {
		t.Errorf("%d of %d rows were handled", got, len(rows))
	}
}

func (n *counts) checkAPDU(t *testing.T, v vector) {
	a, err := ParseAPDU(v.raw)
	surviveAll(t, v)
	if malformed[v.id] {
		var le *LengthError
		if !errors.As(err, &le) {
			t.Errorf("%s: malformed, but read as %s: %v", v.id, a.Command, err)
			return
		}
		n.refused++
		n.checkMalformed(t, v, le)
		return
	}
	if err != nil {
		t.Errorf("%s: %v", v.id, err)
		return
	}
	if v.direction == "pt->ecr" && ForeignProtocol(v.raw) {
		t.Errorf("%s: %s taken for another protocol", v.id, a.Command)
	}
	if back, err := a.Append(nil); err != nil || v.id != "V0498" && string(back) != string(v.raw) && !strings.HasPrefix(hex.EncodeToString(v.raw[2:]), "ff") {
		t.Errorf("%s: written again as %x", v.id, back)
	}
	n.rows++
	if n.special(t, v, a) {
		return
	}
	n.compare(t, v, a, v.says)
}

// compare checks the message and its typed form against a decodes_to text.
func (n *counts) compare(t *testing.T, v vector, a APDU, says string) {
	e := parseExpected(says)
	want, known := vectorNames[e.name]
	switch {
	case e.name == "NAK":
		known = a.Command>>8 == 0x84
	case known:
		known = a.Command == want
	}
	if !known {
		t.Errorf("%s: %s is called %q in the table", v.id, a.Command, e.name)
		return
	}
	m := TakeApart(a)
	mapped := 0
	for _, f := range e.fields {
		got, counts, ok := fieldOf(m, a, f, vectorCharsets[v.id])
		want := f.value
		if f.key == "pan" || f.key == "track2" {
			want = lastFourOf(want)
		}
		if !ok || got != want {
			t.Errorf("%s: %s is %q, want %q (there: %v)", v.id, f.key, got, want, ok)
		}
		n.fields++
		mapped += counts
	}
	if e.hasTLV {
		mapped++
		value, ok := m.Get(bmpTLV)
		if !ok {
			t.Errorf("%s: no TLV container", v.id)
		}
		n.compareNodes(t, v.id, ParseTLV(value), e.tlv)
	}
	if _, whole := e.get("len"); whole && len(m.Fixed)+len(m.Fields) != mapped && a.Command != 0x0FA1 {
		t.Errorf("%s: %d fields read, the table has %d: %s", v.id, len(m.Fixed)+len(m.Fields), mapped, Describe(v.raw))
	}
	if len(m.Rest) > 0 && a.Command != 0x0FA1 || len(m.Again) > 0 {
		t.Errorf("%s: left over %x (%s), repeated %v", v.id, m.Rest, m.Why, m.Again)
	}
	n.compareTyped(t, v, a, e)
	n.compareEncoded(t, v, a, e)
}

func lastFourOf(pan string) string {
	pan, _, _ = strings.Cut(pan, "d")
	return regexp.MustCompile(`[0-9]{0,4}$`).FindString(strings.TrimRight(pan, "f"))
}

// fieldOf is the message's value for a field of the table, in the table's notation, and how many of the
// message's fields it accounts for.
func fieldOf(m Message, a APDU, f expectedField, c Charset) (got string, counts int, ok bool) {
	fixed := map[string]string{
		"password": "password", "config": "config", "status": "status", "t4_minutes": "t4_minutes", "attr": "attr", "text": "text",
		"terminal_status": "terminal_status", "sw_version": "sw_version", "result": "result", "currency": "currency", "timeout": "timeout",
	}
	bmps := map[string]byte{
		"amount": 0x04, "trace": 0x0B, "time": 0x0C, "date": 0x0D, "expiry": 0x0E, "card_seq": 0x17, "bmp19": 0x19, "pan": 0x22,
		"track2": 0x23, "result": 0x27, "tid": 0x29, "vu_number": 0x2A, "orig_trace": 0x37, "aid_auth": 0x3B, "add_text": 0x3C,
		"currency": 0x49, "totals:receipts": 0x60, "receipt": 0x87, "turnover": 0x88, "card_type": 0x8A, "card_name": 0x8B,
		"card_type_netop": 0x8C, "result_as": 0xA0, "service_byte": 0x03, "max_status_infos": 0x02, "dialog_ctl": 0xFC,
		"duration": 0xF0, "beeps": 0xF9,
	}
	switch f.key {
	case "len":
		return strconv.Itoa(len(a.Data)), 0, true
	case "data":
		return hex.EncodeToString(a.Data), 1, true
	}
	value, ok := m.Field(fixed[f.key])
	id := bmps[f.key]
	if hexID, isBMP := strings.CutPrefix(f.key, "bmp"); isBMP {
		b, err := strconv.ParseUint(hexID, 16, 8)
		if err != nil {
			return "", 0, false
		}
		id = byte(b)
	}
	if !ok && id != 0 {
		value, ok = m.Get(id)
	}
	if !ok {
		return "", 0, false
	}
	switch f.key {
	case "amount":
		n, err := wire.BCD(value)
		return strconv.FormatInt(n, 10), 1, err == nil
	case "pan", "track2":
		return lastFour(wire.Nibbles(value)), 1, true
	case "card_type", "timeout":
		return strconv.Itoa(int(value[0])), 1, true
	case "totals:receipts":
		return totalsText(value), 1, true
	}
	if f.quoted {
		if f.key == "text" || f.key == "add_text" || strings.HasPrefix(f.key, "bmp") {
			if c == CharsetLatin1 { // the table shows control characters too
				return latin1(value), 1, true
			}
			return c.Decode(value), 1, true
		}
		return trimmed(c, value), 1, true
	}
	return hex.EncodeToString(value), 1, true
}

func latin1(p []byte) string {
	var out []rune
	for _, b := range p {
		out = append(out, rune(b))
	}
	return string(out)
}

func totalsText(value []byte) string {
	totals, ok := readTotals(value)
	if !ok {
		return "unreadable"
	}
	names := map[string]string{"girocard": "girocard", "Mastercard": "eurocard"}
	out := totals.FromReceipt + "-" + totals.ToReceipt
	for _, g := range totals.Groups {
		if g.Count != 0 || g.Minor != 0 {
			out += fmt.Sprintf(",%s=%d/%d", names[g.Name], g.Count, g.Minor)
		}
	}
	return out
}

func (n *counts) compareNodes(t *testing.T, id string, got Nodes, want []expectedNode) {
	texts, skipped, more := 0, 0, 0
	if k := len(want) - 1; k >= 0 && want[k].more > 0 {
		more, want = want[k].more, want[:k]
	}
	for _, g := range got {
		if g.Tag == tagText {
			if texts++; more > 0 && texts > 4 {
				skipped++
				continue
			}
		}
		if len(want) == 0 {
			t.Errorf("%s: tag %s is not in the table", id, g.Tag)
			return
		}
		w := want[0]
		want = want[1:]
		n.nodes++
		tag, err := strconv.ParseUint(w.tag, 16, 32)
		if err != nil || wire.Tag(tag) != g.Tag {
			t.Errorf("%s: tag %s, want %s", id, g.Tag, w.tag)
			return
		}
		switch {
		case w.nested:
			n.compareNodes(t, id, g.Children, w.children)
		case w.quoted && CharsetAuto.Decode(g.Value) != w.value:
			t.Errorf("%s: tag %s is %q, want %q", id, g.Tag, CharsetAuto.Decode(g.Value), w.value)
		case !w.quoted && hex.EncodeToString(g.Value) != w.value:
			t.Errorf("%s: tag %s is %x, want %s", id, g.Tag, g.Value, w.value)
		}
		if w.opaque != g.Opaque {
			t.Errorf("%s: tag %s opaque %v, want %v", id, g.Tag, g.Opaque, w.opaque)
		}
	}
	if len(want) > 0 || skipped != more {
		t.Errorf("%s: %d objects missing; %d text lines not shown, want %d", id, len(want), skipped, more)
	}
}
