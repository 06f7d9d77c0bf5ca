package zvt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tillbridge/terminal/wire"
)

// special checks the rows whose text is a sentence and no list of fields; it tells whether the row was one.
func (n *counts) special(t *testing.T, v vector, a APDU) bool {
	m := TakeApart(a)
	ok := true
	switch v.id {
	case "V0533": // private data, no bitmaps: kept, not understood
		ok = len(m.Rest) == len(a.Data)
	case "V0541": // a file block
		o, found := m.TLV().Find(0x2D, tagFileBlock)
		id, _ := m.TLV().Find(0x2D, 0x1D)
		at, _ := m.TLV().Find(0x2D, 0x1E)
		ok = a.Command == CmdAccepted && len(a.Data) == 1089 && found && hex.EncodeToString(id.Value) == "13" && hex.EncodeToString(at.Value) == "00000000" &&
			strings.HasPrefix(string(o.Value), "{\n  \"type\"") && len(m.Rest) == 0
	case "V0582": // a registration without a currency
		_, hasCurrency := m.Field("currency")
		out, err := Registration{Password: Password{0x98, 0x76, 0x54}, Config: 0x41}.Encode()
		ok = !hasCurrency && err == nil && string(out) == string(v.raw)
	case "V0592":
		number, _ := m.Get(bmpReceiptNo)
		ok = hex.EncodeToString(number) == "ffff"
	case "V0594": // two files, ids 20 and 21, sizes 8 and 11
		var got []string
		for _, file := range m.TLV() {
			id, _ := file.Children.Find(0x1D)
			size, _ := file.Children.Find(0x1F00)
			got = append(got, hex.EncodeToString(id.Value)+":"+hex.EncodeToString(size.Value))
		}
		password, _ := m.Field("password")
		ok = reflect.DeepEqual(got, []string{"20:00000008", "21:0000000b"}) && hex.EncodeToString(password) == "000000"
	case "V0589":
		service, _ := m.Get(bmpServiceByte)
		ok = hex.EncodeToString(service) == "0a"
	case "V0652":
		result, _ := m.Get(bmpResult)
		ok = hex.EncodeToString(result) == "37"
	case "V0653":
		answer, isAnswer := ReadAnswer(a)
		ok = isAnswer && !answer.Accepted && answer.Code == 0x37
	default:
		return false
	}
	n.fields++
	if !ok {
		t.Errorf("%s: reads %s, the table says %s", v.id, Describe(v.raw), v.says)
	}
	return true
}

// checkMalformed says what a row that was refused still has to be good for.
func (n *counts) checkMalformed(t *testing.T, v vector, le *LengthError) {
	lengths := map[string][2]int{ // announced, there
		"V0359": {68, 37}, "V0375": {1213, 1019}, "V0571": {33, 17}, "V0578": {14, 13}, "V0579": {17, 16}, "V0639": {12, 20}, "V0657": {71, 62},
	}
	if want, ok := lengths[v.id]; ok && (le.Declared != want[0] || le.Have != want[1]) {
		t.Errorf("%s: announced %d, there %d; want %v", v.id, le.Declared, le.Have, want)
	}
	if errors.Is(le, ErrIncomplete) != (le.Have < le.Declared) {
		t.Errorf("%s: %v is incomplete: %v", v.id, le, errors.Is(le, ErrIncomplete))
	}
	switch v.id {
	case "V0336": // length byte missing, totals garbage
		s := ReadStatusInformation(v.raw[2:], CharsetAuto)
		if s.Totals != nil || !strings.Contains(string(s.Unreadable), "\x60") && s.Rest == 0 {
			t.Errorf("%s: garbage read as totals %+v", v.id, s.Totals)
		}
	case "V0337":
		s := ReadStatusInformation(v.raw[2:], CharsetAuto)
		if s.AmountMinor != 2600 || s.Totals == nil || s.Totals.FromReceipt != "0068" || s.Totals.ToReceipt != "0071" ||
			s.Totals.Groups[0] != (TotalsGroup{"girocard", 4, 2600}) || s.Totals.TotalMinor() != 2600 {
			t.Errorf("%s: reads %+v", v.id, s)
		}
	case "V0359":
		s := ReadStatusInformation(v.raw[3:], CharsetAuto)
		if s.Result != 0x6C || s.AmountMinor != 1200 || s.CurrencyNumeric != 978 || s.Date != "0817" || s.TerminalID != "52500295" || s.CardLast4 != "" {
			t.Errorf("%s: reads %+v", v.id, s)
		}
	case "V0375":
		if b := ParseBMPs(v.raw[5:]); len(b.Rest) == 0 {
			t.Errorf("%s: a cut block reads as whole", v.id)
		}
	case "V0571":
		if p := ReadPrintLine(v.raw[3:], CharsetUTF8); len(p.Lines) != 1 || p.Lines[0].Text != "Test ä ö ü ß" {
			t.Errorf("%s: reads %+v", v.id, p.Lines)
		}
	case "V0578", "V0579":
		if r := ReadAbort(v.raw[3:], CharsetAuto); r.Result != 0xB8 {
			t.Errorf("%s: result %02X", v.id, r.Result)
		}
	}
}

// checkPiece checks the rows that are no whole message.
func (n *counts) checkPiece(t *testing.T, v vector) {
	n.pieces++
	ok := true
	switch v.id {
	case "V0485", "V0486", "V0487", "V0488", "V0489", "V0490", "V0491", "V0492", "V0493", "V0494":
		var s Splitter
		ok = strings.HasPrefix(v.says, "segment ") && (len(s.Feed(v.raw)) == 0 || v.id != "V0485") // put together in TestVectorStreams
	case "V0685", "V0686":
		ok = ForeignProtocol(v.raw) && ForeignProtocol(v.raw[:1])
	case "V0497", "V0498":
		a, err := ParseAPDU(v.raw)
		ok = err == nil && len(a.Data) == 1 && a.Data[0] == 0x6C
	case "V0499", "V0500", "V0501", "V0502", "V0503":
		want := map[string]int{"V0499": 256, "V0500": 65535, "V0503": 6}
		_, err := ParseAPDU(v.raw)
		var le *LengthError
		ok = errors.Is(err, ErrIncomplete) && errors.As(err, &le) == (want[v.id] != 0) && (le == nil || le.Declared == want[v.id])
		var s Splitter
		ok = ok && len(s.Feed(v.raw)) == 0 && s.Pending() == len(v.raw)
	case "V0504", "V0505", "V0506", "V0507", "V0508", "V0509":
		tag, size, err := wire.ReadTag(v.raw)
		ok = err == nil && size == len(v.raw) && strings.HasPrefix(v.says, "tag="+tag.String()+" ") && tag.Constructed() == strings.Contains(v.says, " constructed")
	case "V0510":
		length, size, err := wire.ReadLength(v.raw)
		ok = err == nil && length == 650 && size == 3
	case "V0595", "V0596":
		n.compareNodes(t, v.id, ParseTLV(v.raw), (&scanner{s: strings.TrimPrefix(v.says, "tlv ")}).nodes("]"))
	case "V0597":
		ok = checkNested(v.raw)
	case "V0511", "V0512", "V0513", "V0514", "V0598", "V0599", "V0600", "V0645", "V0646", "V0647", "V0648":
		ok = checkVariable(v)
	case "V0515":
		n.compare(t, v, APDU{Command: CmdIntermediateStatus, Data: v.raw}, strings.TrimPrefix(v.says, "payload of 04 FF: "))
	case "V0695":
		ok = wire.Kermit(0, v.raw) == 0x2189
	default:
		ok = false
	}
	if !ok {
		t.Errorf("%s (%s): %x is not read as %q", v.id, v.layer, v.raw, v.says)
	}
}

// checkNested reads a container's length and the six containers inside it.
func checkNested(raw []byte) bool {
	length, size, err := wire.ReadLength(raw)
	if err != nil || length != 14 || size != 1 {
		return false
	}
	nodes := ParseTLV(raw[1:])
	for range 6 {
		if len(nodes) != 1 || nodes[0].Tag != 0xFE || nodes[0].Opaque {
			return false
		}
		nodes = nodes[0].Children
	}
	return len(nodes) == 1 && nodes[0].Tag == 0xDE && len(nodes[0].Value) == 0
}

func checkVariable(v vector) bool {
	type want struct {
		places, length int
		rest           string
		cut            bool
	}
	w := map[string]want{
		"V0511": {3, 19, "", true}, "V0512": {3, 189, "", true}, "V0513": {2, 18, "", true}, "V0514": {2, 10, "", true}, "V0598": {3, 73, "", true},
		"V0599": {3, 0, "", false}, "V0600": {3, 1, "34", false}, "V0645": {2, 12, "", false}, "V0646": {2, 3, "", false},
		"V0647": {3, 12, "", false}, "V0648": {3, 3, "", false},
	}[v.id]
	read := wire.ReadLLVAR
	if w.places == 3 {
		read = wire.ReadLLLVAR
	}
	p := v.raw
	if w.cut { // only the length, or its first bytes: refused as cut, and right once the value is there
		if _, _, err := read(p); !errors.Is(err, wire.ErrTruncated) {
			return false
		}
		p = append(append([]byte(nil), p...), make([]byte, w.length-(len(p)-w.places))...)
	}
	value, rest, err := read(p)
	return err == nil && len(value) == w.length && hex.EncodeToString(rest) == w.rest
}

// Conversations are put together to one stream for each side and cut at random places: the same messages
// come out, over TCP and over a serial line.
func TestVectorStreams(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	streams := map[string][]vector{}
	for _, v := range vectors(t) {
		if v.layer == "apdu" && !malformed[v.id] || v.layer == "serial-frame" || v.layer == "serial-byte" {
			streams[v.layer[:4]+v.session+v.direction] = append(streams[v.layer[:4]+v.session+v.direction], v)
		}
	}
	messages := 0
	for name, rows := range streams {
		var line []byte
		var want, got []string
		for _, v := range rows {
			line = append(line, v.raw...)
			want = append(want, hex.EncodeToString(v.raw))
		}
		var split Splitter
		serial := NewSerialReader()
		for len(line) > 0 {
			cut := 1 + rng.IntN(min(len(line), 60))
			if rows[0].layer == "apdu" {
				for _, a := range split.Feed(line[:cut]) {
					got = append(got, hex.EncodeToString(a))
				}
			} else {
				for _, b := range line[:cut] {
					switch e := serial.Feed(b); e.Kind {
					case wire.DLEAck:
						got = append(got, "06")
					case wire.DLEFrame:
						got = append(got, hex.EncodeToString(SerialFrame(e.Content)))
					case wire.DLENothing:
					default:
						t.Errorf("%s: %s", name, e.Kind)
					}
				}
			}
			line = line[cut:]
		}
		messages += len(got)
		if !reflect.DeepEqual(got, want) || split.Pending() != 0 || serial.Partial() {
			t.Errorf("%s: %d messages came out, want %d", name, len(got), len(want))
		}
	}
	t.Logf("note: zvt test vectors: %d messages came whole out of %d streams cut at random", messages, len(streams))
}

// The captured print block in ten segments.
func TestVectorSegments(t *testing.T) {
	var s Splitter
	var got [][]byte
	var whole []byte
	for _, v := range vectors(t) {
		switch {
		case v.layer == "tcp-segment" && strings.HasPrefix(v.says, "segment"):
			got = append(got, s.Feed(v.raw)...)
		case v.id == "V0495":
			whole = v.raw
		}
	}
	if len(got) != 1 || string(got[0]) != string(whole) || s.Pending() != 0 {
		t.Errorf("%d APDUs came out of ten segments, %d bytes left", len(got), s.Pending())
	}
}

// surviveAll runs every reader over the bytes, whole and cut at each place: none may panic, and no card
// number may come out.
func surviveAll(t *testing.T, v vector) {
	t.Helper()
	step := 1 + len(v.raw)/8
	for end := len(v.raw); end >= 0; end -= step {
		p := v.raw[:end]
		_, _ = ParseAPDU(p)
		if s := Describe(p); cardNumber.MatchString(hideAIDs(s)) {
			t.Errorf("%s: the trace line holds a card number: %s", v.id, s)
		}
		if len(Mask(p)) != len(p) {
			t.Errorf("%s: masking changes the length", v.id)
		}
		data := p[min(len(p), 3):]
		s := ReadStatusInformation(data, CharsetAuto)
		text := fmt.Sprintf("%+v", s) + fmt.Sprintf("%+v%+v", ReadPrintLine(data, CharsetAuto), ReadPrintBlock(data, CharsetAuto)) +
			fmt.Sprintf("%+v%+v%+v", ReadAbort(data, CharsetAuto), ReadIntermediate(data, CharsetAuto), ReadCompletion(data)) +
			fmt.Sprintf("%+v", ReadStatusReply(data, CharsetAuto))
		if got := cardNumber.FindString(hideAIDs(text)); got != "" && !allowed(s, got) {
			t.Errorf("%s: a struct holds %s", v.id, got)
		}
	}
}

var cardNumber = regexp.MustCompile(`[0-9]{13,19}`)

// hideAIDs removes application ids, which are long runs of digits and no card numbers.
func hideAIDs(s string) string {
	return regexp.MustCompile(`(A000000|D276000025)[0-9A-F]*`).ReplaceAllString(s, "AID")
}

// allowed tells whether a run of digits is no card number: a vendor's code or serial in hexadecimal.
func allowed(s StatusInformation, digits string) bool {
	return strings.Contains(s.VendorCode, digits) || strings.Contains(s.Trace, digits) || strings.Contains(s.AID, digits)
}
