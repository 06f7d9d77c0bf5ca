package ecr17

import (
	"regexp"
	"strings"
	"testing"

	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

// events takes bytes apart as the driver does while it does not know the terminal's check byte.
func events(raw []byte) (out []wire.STXEvent) {
	r := wire.NewSTXReader(format(wire.CoverAll, false), bodyLimit)
	for _, b := range raw {
		if e := r.Feed(b); e.Kind != wire.STXNothing {
			out = append(out, e)
		}
	}
	return out
}

// requests are the driver's messages for the rows that the register sends.
func requests() map[string][]byte {
	r := register{terminalID: "12345678", cashRegister: "00000001"}
	f := func(c wire.Covers, body []byte) []byte { return format(c, true).Append(nil, body) }
	const all, noSTX, text, noETX = wire.CoverAll, wire.CoverBodyETX, wire.CoverBody, wire.CoverSTXBody
	return map[string][]byte{
		"P-FULL": f(all, r.sale('P', 650, "")), "P-NOSTX": f(noSTX, r.sale('P', 650, "")), "P-MSG": f(text, r.sale('P', 650, "")),
		"P-NOETX": f(noETX, r.sale('P', 650, "")), "X-FULL": f(all, r.sale('X', 650, "")), "X-MSG": f(text, r.sale('X', 650, "")),
		"P-text": f(all, r.sale('P', 1, "ORDER 42")), "s-FULL": f(all, r.status()), "G-FULL": f(all, r.last()), "S-FULL": f(all, r.reversal("000123")),
		"C-FULL": f(all, r.closing()), "T-FULL": f(all, r.totals()), "E1-FULL": f(all, r.receipts()), "R-FULL": f(all, r.reprint(true)),
		"s-zeroid": f(all, register{terminalID: "00000000"}.status()),
		"ack":      format(all, true).AppendAck(nil, wire.ACK), "nak": format(all, true).AppendAck(nil, wire.NAK),
	}
}

// TestVectors compares what the driver writes and reads with bytes that others wrote.
func TestVectors(t *testing.T) {
	ours := requests()
	written, readOnly, pieces := 0, 0, 0
	for _, v := range drivertest.Vectors(t, 44, []string{"ecr.tsv"}, "ecr17", "iself") {
		es := events(v.Raw)
		want, made := ours[v.ID]
		switch {
		case v.Protocol == "iself":
			if m, _ := parse(es[0].Body); len(es) != 1 || m.code != 'H' {
				t.Errorf("%s: %+v", v.ID, es)
			} else if _, ok := readResult(m); ok {
				t.Errorf("%s: an iSelf answer is taken for a result", v.ID)
			}
			if _, ok := identity(es[0].Body); ok {
				t.Errorf("%s: an iSelf terminal is taken for one of ours", v.ID)
			}
			continue
		case made:
			written++
			if string(v.Raw) != string(want) {
				t.Errorf("%s: we write %x, want %x", v.ID, want, v.Raw)
			}
			delete(ours, v.ID)
		case strings.HasPrefix(v.ID, "ack-"):
			readOnly++
			if len(es) != 1 || es[0].Kind != wire.STXAck {
				t.Errorf("%s: %+v", v.ID, es)
			}
		case strings.HasPrefix(v.ID, "progress-"):
			readOnly++
			if len(es) != 1 || es[0].Kind != wire.STXProgress || len(es[0].Body) != 20 {
				t.Errorf("%s: %+v", v.ID, es)
			}
		case v.ID == "lrc-A":
			pieces++
			checkLRC(t)
		case v.ID == "E-ia-tail-ok":
			pieces++
			checkResult(t, v.ID, "123456780E00"+string(v.Raw), v.Facts)
		case v.ID == "E-ia-tail-ko":
			pieces++
			checkResult(t, v.ID, "123456780E01"+strings.Repeat(" ", 24)+string(v.Raw), v.Facts)
		case len(es) != 1 || es[0].Kind != wire.STXFrame:
			t.Errorf("%s: %+v", v.ID, es)
		default:
			readOnly++
			checkFrame(t, v, es[0])
		}
	}
	for id := range ours {
		t.Errorf("the table has no row %s", id)
	}
	t.Logf("note: vectors of ecr17: %d rows written alike, %d read, %d pieces; the row of iself is none of ours", written, readOnly, pieces)
}

func checkLRC(t *testing.T) {
	t.Helper()
	for c, want := range map[wire.Covers]byte{wire.CoverAll: 0x3F, wire.CoverBodyETX: 0x3D, wire.CoverBody: 0x3E, wire.CoverSTXBody: 0x3C} {
		frame := format(c, true).Append(nil, []byte("A"))
		if got := frame[len(frame)-1]; got != want {
			t.Errorf("check byte of A over %s: %02X, want %02X", c, got, want)
		}
	}
}

// checkFrame reads a message of the terminal's.
func checkFrame(t *testing.T, v drivertest.Vector, e wire.STXEvent) {
	t.Helper()
	covers := wire.CoverAll
	if v.ID == "frame-AB-MSG" {
		covers = wire.CoverBody
	}
	if e.Covers != covers {
		t.Errorf("%s: check byte over %s", v.ID, e.Covers)
	}
	m, ok := parse(e.Body)
	if v.ID == "frame-AB-MSG" {
		if ok {
			t.Errorf("%s: %q has a head", v.ID, e.Body)
		}
		return
	}
	_, status := readStatus(m)
	_, sums := readSums(m)
	_, result := readResult(m)
	switch v.ID {
	case "E0-FULL", "H-FULL", "t-captured": // commands that we have not
		if !v.Sent || status || sums {
			t.Errorf("%s: %q is an answer", v.ID, e.Body)
		}
	case "s-ans":
		st, _ := readStatus(m)
		if st.state != "2" || st.clock != "2911251520" || st.release != "01.02.03" || st.terminalID != "12345678" {
			t.Errorf("%s: %+v", v.ID, st)
		}
	case "C-ok", "T-ok":
		s, ok := readSums(m)
		if !ok || s.code != "00" || s.terminal != 12345 || s.hasHost != (v.ID == "C-ok") || s.hasHost && s.host != 12345 {
			t.Errorf("%s: %+v", v.ID, s)
		}
	case "C-ko":
		if s, ok := readSums(m); !ok || s.code != "01" || s.text != "HOST NON RISPONDE" {
			t.Errorf("%s: %+v", v.ID, s)
		}
	case "S-ticket":
		b := &drivertest.Book{}
		p := newPaper(b, 0)
		p.add(m)
		if len(b.Receipts) != 1 || !ticketEnds(m) {
			t.Fatalf("%s: %+v", v.ID, b.Receipts)
		}
		if l := b.Receipts[0].Lines; len(l) != 2 || l[0].Text != "NEGOZIO" || l[0].Tall || l[1].Text != "IMPORTO 6,50" || !l[1].Tall {
			t.Errorf("%s: %+v", v.ID, l)
		}
	default:
		if !result {
			t.Fatalf("%s: %q is not read", v.ID, e.Body)
		}
		checkResult(t, v.ID, string(e.Body), v.Facts)
	}
}

// fact is "name=value", the value quoted or up to the next blank that a name follows.
var fact = regexp.MustCompile(`(\w+)=("[^"]*"|.*?)(?: \w+=| [a-z]+ [a-z]+$|$)`)

// factsOf takes the facts column apart.
func factsOf(text string) map[string]string {
	out := map[string]string{}
	for text != "" {
		at := fact.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		out[text[at[2]:at[3]]] = strings.Trim(text[at[4]:at[5]], `" `)
		text = text[at[5]:]
	}
	return out
}

func checkResult(t *testing.T, id, body, facts string) {
	t.Helper()
	r := read(t, body)
	f := factsOf(strings.ReplaceAll(facts, " auth empty", " auth=\"\""))
	switch id {
	case "E-su-zeropan":
		// The row says that the authorisation code is empty, and has 000000 at its place, as E-su-ok has, which calls that the code.
		f["auth"] = "000000"
	case "E-ia-tail-ko":
		f["card"] = "2"
	case "E-ok-ext":
		f["stan"], f["online"], f["auth"] = "000123", "000456", "AUTH12" // "as E-ok-fb"
	}
	if len(f) == 0 {
		t.Fatalf("%s: no facts in %q", id, facts)
	}
	checked := 0
	is := func(name, got string) {
		want, told := f[name]
		if !told {
			return
		}
		checked++
		if got != strings.TrimSpace(want) {
			t.Errorf("%s: %s is %q, want %q", id, name, got, want)
		}
	}
	amount := ""
	if r.hasAmount {
		amount = strings.TrimLeft(r.field(75, 8), "0")
	}
	is("result", r.code)
	is("auth", r.auth)
	is("stan", r.stan)
	is("online", r.online)
	is("time", r.time)
	is("type", words(r.field(32, 3)))
	is("card", strings.TrimSpace(r.cardType))
	is("action", r.action)
	is("text", r.text)
	switch id {
	case "V-dcc":
		is("original", amount)
		if got := dccText(r); !strings.Contains(got, "USD") {
			t.Errorf("%s: %q", id, got)
		}
	default:
		is("amount", amount)
	}
	if pan, told := f["pan"]; told {
		checked++
		if r.last4 != pan[len(pan)-4:] {
			t.Errorf("%s: card %q, want %q", id, r.last4, pan)
		}
	}
	if checked == 0 {
		t.Errorf("%s: nothing of %q was checked", id, facts)
	}
	s := &session{o: NewOptions()}
	out := s.judge(r)
	if r.ok() != (out.Outcome.String() == "approved") || r.refused() != (out.Outcome.String() == "declined") {
		t.Errorf("%s: %s is %s", id, r.code, out.Outcome)
	}
}
