package counter

import (
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// sale puts an approved sale of 12.50 EUR into the book, at a terminal that gives back.
func (w *world) sale(uuid string) *bridge.Payment {
	p := w.payment(uuid, bridge.Reported)
	p.Outcome, p.Result = terminal.Approved, &terminal.Result{Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "163"}
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Currency: eur, Health: bridge.Ready, CanRefund: true, CanVoid: true}}
	return p
}

// goesBack puts what goes back of a sale into the book.
func (w *world) goesBack(uuid, sale string, k bridge.Kind, s bridge.State, o terminal.Outcome) *bridge.Payment {
	p := w.payment(uuid, s)
	p.Kind, p.Sale, p.By, p.Outcome, p.Amount.Minor = k, sale, "Olga", o, 500
	return p
}

// Words that are true of a sale only. On the page of what goes back each would be a wrong word about money.
var saleWords = []string{
	"may have been charged", "Do not take this payment again", "card was charged", "card was not charged", "The card <b>was</b> charged", "MGR is still to be told", "MGR was told",
	"is what MGR is told", "MGR is told <b>", "are still to be paid", "the customer pays twice", "the shop loses the money", "if the card was charged", "Ask the terminal again",
}

// rows is what a page of the list says below its filter, which offers the states of sales too.
func rows(page string) string { return page[strings.Index(page, `<div id="list"`):] }

func TestReturnsInEveryStateAreToldRight(t *testing.T) {
	w, b := signedIn(t)
	for _, k := range []bridge.Kind{bridge.Refund, bridge.Void} {
		for _, s := range bridge.States() {
			for _, o := range []terminal.Outcome{terminal.Unknown, terminal.Approved, terminal.Declined} {
				if s == bridge.Reported || s == bridge.Approved && o != terminal.Approved || s == bridge.Declined && o != terminal.Declined {
					continue // no return is told to MGR, and none is approved with another outcome
				}
				w.rows = nil
				w.sale("s")
				p := w.goesBack("r", "s", k, s, o)
				w.terminals[0].Payment = p
				for name, page := range map[string]string{"page": b.get("/payment?uuid=r").Body.String(), "now": b.get("/").Body.String(), "list": rows(b.get("/payments?kind=" + k.String()).Body.String())} {
					absent(t, page, saleWords...)
					if !strings.Contains(page, kindName(english(t), k)) || !strings.Contains(page, "5.00 EUR") {
						t.Errorf("%s of a %s that is %s/%s does not say what it is:\n%s", name, k, s, o, page)
					}
				}
			}
		}
	}
}

func TestWhatBecameOfAReturn(t *testing.T) {
	for name, c := range map[string]struct {
		kind    bridge.Kind
		state   bridge.State
		outcome terminal.Outcome
		says    []string
	}{
		"refund":            {bridge.Refund, bridge.Approved, terminal.Approved, []string{"</svg>Paid back<", "The amount was paid back to the card. MGR is told nothing of it: enter it in MGR too."}},
		"reversal":          {bridge.Void, bridge.Approved, terminal.Approved, []string{"</svg>Reversed<", "The sale was reversed", "MGR is told nothing of it: enter it in MGR too."}},
		"refund declined":   {bridge.Refund, bridge.Declined, terminal.Declined, []string{"</svg>Declined<", "Nothing was given back."}},
		"reversal declined": {bridge.Void, bridge.Declined, terminal.Declined, []string{"</svg>Declined<", "The sale was not reversed: it stands."}},
		"refund held":       {bridge.Refund, bridge.Held, terminal.Unknown, []string{"</svg>On hold<", "The card may have been credited. Do not give it back again.", "The card <b>was</b> credited 5.00 EUR", "The card was <b>not</b> credited"}},
		"reversal asked":    {bridge.Void, bridge.Uncertain, terminal.Unknown, []string{"</svg>On hold<", "The sale may have been reversed. Do not give it back again.", "The sale of 5.00 EUR <b>was</b> reversed"}},
		"refund never sent": {bridge.Refund, bridge.NotSent, terminal.Declined, []string{"</svg>Never sent<", "no money moved.</p>"}},
		"reversal too late": {bridge.Void, bridge.Expired, terminal.Declined, []string{"</svg>Never sent<", "no money moved.</p>"}},
		"refund under way":  {bridge.Refund, bridge.Sent, terminal.Unknown, []string{"</svg>At the terminal<", "Insert the card."}},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.sale("s/1")
			p := w.goesBack("r", "s/1", c.kind, c.state, c.outcome)
			w.terminals[0].Payment, w.terminals[0].Progress = p, "Insert the card."
			page := b.page(b.get("/payment?uuid=r"), http.StatusOK, append(c.says, `<a id="sale" href="/payment?uuid=s%2F1">s/1</a>`, "<dt>Ordered by</dt><dd>Olga</dd>")...)
			absent(t, page, "Give money back", "Can still be given back")
			if c.state == bridge.Held {
				b.page(b.get("/"), http.StatusOK, c.says[1])
			}
		})
	}
}

// A held return is settled by hand like a sale, in its own words, and MGR is told nothing.
func TestReturnIsSettledInItsOwnWords(t *testing.T) {
	for name, c := range map[string]struct {
		kind   bridge.Kind
		choice string
		says   []string
	}{
		"credited":     {bridge.Refund, "charged", []string{"Settle the refund of 5.00 EUR", "says that the card <b>was credited 5.00 EUR</b>", "cannot be given back again", "Yes: the card was credited"}},
		"not credited": {bridge.Refund, "not-charged", []string{"says that the card <b>was not credited</b>", "gets the money twice", "its records show otherwise", "Yes: the card was not credited"}},
		"reversed":     {bridge.Void, "charged", []string{"Settle the reversal of 5.00 EUR", "that the sale of 5.00 EUR <b>was reversed</b>", "Yes: the sale was reversed"}},
		"not reversed": {bridge.Void, "not-charged", []string{"that the sale of 5.00 EUR <b>was not reversed</b>", "gets the money twice", "Yes: the sale was not reversed"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.sale("s")
			w.goesBack("u", "s", c.kind, bridge.Held, terminal.Unknown).Seen = &terminal.Result{Outcome: terminal.Approved}
			form := charged()
			form.Set("choice", c.choice)
			page := b.page(b.post("/payment/settle", form), http.StatusOK, append(c.says, "MGR is told nothing of it.")...)
			absent(t, page, append(saleWords, "APPROVED", "DENIED")...)
			w.resolve = func(string, bool, bridge.Person) error { return nil }
			r := b.post("/payment/confirm", url.Values{"uuid": {"u"}, "token": {tokenField.FindStringSubmatch(page)[1]}})
			b.goes(r, "/payment?uuid=u&done=settled-return")
			b.page(b.get("/payment?uuid=u&done=settled-return"), http.StatusOK, "It is settled. MGR is told nothing of it.")
			form.Set("choice", "charged")
			form.Set("auth_code", "")
			form.Set("txn_ref", "")
			b.page(b.post("/payment/settle", form), http.StatusUnprocessableEntity, "What goes back leaves a receipt")
		})
	}
}

func TestBookedOtherwiseInAReturn(t *testing.T) {
	w, b := signedIn(t)
	w.sale("s")
	booked := int64(450)
	p := w.goesBack("u", "s", bridge.Refund, bridge.Held, terminal.Unknown)
	p.Result = &terminal.Result{CapturedMinor: &booked}
	b.page(b.get("/payment?uuid=u"), http.StatusOK, "The card <b>was</b> credited: the terminal booked 4.50 EUR")
	page := b.page(b.post("/payment/settle", charged()), http.StatusOK, "<b>was credited 4.50 EUR</b>", "The terminal booked <b>4.50 EUR</b>; asked for was 5.00 EUR.")
	absent(t, page, "MGR takes")
}

// The page of a sale lists what went back of it and what is left.
func TestSaleListsItsReturns(t *testing.T) {
	w, b := signedIn(t)
	w.sale("s")
	absent(t, b.page(b.get("/payment?uuid=s"), http.StatusOK, "Can still be given back: <b>12.50 EUR</b>"), "the refund")
	w.goesBack("r-1", "s", bridge.Refund, bridge.Approved, terminal.Approved)
	w.goesBack("r-2", "s", bridge.Refund, bridge.Declined, terminal.Declined)
	w.goesBack("other", "another sale", bridge.Refund, bridge.Approved, terminal.Approved)
	page := b.page(b.get("/payment?uuid=s"), http.StatusOK, "Can still be given back: <b>7.50 EUR</b>", `href="/payment?uuid=r-1">the refund`, `href="/payment?uuid=r-2">the refund`, "Paid back", "Declined", "Olga")
	absent(t, page, "uuid=other")
	w.goesBack("v", "s", bridge.Void, bridge.Held, terminal.Unknown)
	b.page(b.get("/payment?uuid=s"), http.StatusOK, "Nothing is left to give back.", `href="/payment?uuid=v">the reversal`)
	w.rows[0].Outcome = terminal.Declined
	w.rows = w.rows[:1]
	absent(t, b.page(b.get("/payment?uuid=s"), http.StatusOK), "given back", "Nothing is left")
}

func TestReceiptSaysWhatItIs(t *testing.T) {
	w, b := signedIn(t)
	w.sale("s")
	w.goesBack("r", "s", bridge.Refund, bridge.Approved, terminal.Approved)
	w.receipts = []terminal.Receipt{{Kind: terminal.CustomerReceipt, Lines: []terminal.Line{{Text: "REFUND"}}}}
	b.page(b.get("/receipt?uuid=r&n=1"), http.StatusOK, "Refund · 5.00 EUR", ">the refund</a>")
	absent(t, b.page(b.get("/receipt?uuid=s&n=1"), http.StatusOK, ">the payment</a>"), "Refund ·")
}

// Kinds and states are chosen together, also where they exclude each other.
func TestKindsAreChosen(t *testing.T) {
	w, b := signedIn(t)
	w.sale("a-sale")
	w.goesBack("a-refund", "a-sale", bridge.Refund, bridge.Approved, terminal.Approved)
	w.goesBack("a-reversal", "a-sale", bridge.Void, bridge.Held, terminal.Unknown)
	owed := w.sale("owed")
	owed.State = bridge.Approved
	for path, want := range map[string]string{
		"":                            "a-sale a-refund a-reversal owed",
		"kind=sale":                   "a-sale owed",
		"kind=refund":                 "a-refund",
		"kind=void":                   "a-reversal",
		"kind=void&state=unknown":     "a-reversal",
		"state=decided":               "owed",
		"kind=refund&state=decided":   "",
		"state=returned":              "a-refund",
		"kind=void&state=returned":    "",
		"kind=sale&state=returned":    "",
		"kind=sale&state=reported":    "a-sale",
		"kind=refund&state=returned":  "a-refund",
		"kind=sale&state=decided&q=x": "owed",
	} {
		page := b.page(b.get("/payments?"+path), http.StatusOK)
		var got []string
		for _, uuid := range []string{"a-sale", "a-refund", "a-reversal", "owed"} {
			if strings.Contains(page, `href="/payment?uuid=`+uuid+`"`) {
				got = append(got, uuid)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q chooses %q, want %q", path, got, want)
		}
	}
	page := html.UnescapeString(b.page(b.get("/payments?kind=refund&state=returned"), http.StatusOK, `value="refund" selected`))
	if !strings.Contains(page, `data-page="/payments?kind=refund&state=returned"`) {
		t.Error("the choice is lost")
	}
	b.page(b.get("/payments?kind=gift"), http.StatusBadRequest, "no such choice")
	token := func(path string, status int) string {
		t.Helper()
		return b.page(b.ask(http.MethodGet, path, "Basic YW55b25lOmEgdGlsbCdzIHBhc3N3b3Jk", ""), status)
	}
	absent(t, token("/api/v1/payments?kind=refund&kind=void", http.StatusOK), `"a-sale","customer`)
	if f := w.asked[len(w.asked)-1]; fmt.Sprint(f.Kinds) != "[refund void]" {
		t.Errorf("the API asked for %v", f.Kinds)
	}
	token("/api/v1/payments?kind=gift", http.StatusBadRequest)
}

func TestExportsNameTheKind(t *testing.T) {
	w, b := asOwner(t)
	w.sale("=s")
	w.goesBack("r", "=s", bridge.Refund, bridge.Approved, terminal.Approved).By = "@Olga"
	r := b.get("/payments/export.csv?kind=refund")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.page(r, http.StatusOK), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 || strings.Join(rows[0][17:], " ") != "kind sale_uuid ordered_by" || strings.Join(rows[1][17:], " ") != "refund '=s '@Olga" {
		t.Errorf("%v: %q", err, rows)
	}
	b.page(b.get("/payments/export.json?kind=refund"), http.StatusOK, `"kind":"refund","sale_uuid":"=s","ordered_by":"@Olga"`)
	if got := b.page(b.get("/payments/export.json?kind=void&state=decided"), http.StatusOK); got != "[]\n" {
		t.Errorf("what excludes each other exports %s", got)
	}
}

// returnPages is every page about what goes back, for the test of all languages.
func returnPages(w *world, b *browser) map[string]string {
	pages := map[string]string{}
	w.rows, w.story = nil, nil
	w.sale("sale")
	for i, k := range []bridge.Kind{bridge.Refund, bridge.Void} {
		for j, s := range bridge.States() {
			for _, o := range []terminal.Outcome{terminal.Approved, terminal.Declined} {
				uuid := fmt.Sprint("back-", i, "-", j, "-", o)
				p := w.goesBack(uuid, "elsewhere", k, s, o)
				p.Received, p.Amount.Minor = time.Date(2025, 3, 31, 14, 3, 5, 0, time.Local), 123450
				p.Result = &terminal.Result{Outcome: terminal.Approved}
				booked := int64(123550)
				if o == terminal.Approved {
					p.Result.CapturedMinor = &booked
				}
				pages["return "+uuid] = b.get("/payment?" + query("uuid", uuid)).Body.String()
				if s == bridge.Held {
					for _, choice := range []string{"charged", "not-charged"} {
						f := charged()
						f.Set("uuid", uuid)
						f.Set("choice", choice)
						pages["settle "+choice+" "+uuid] = b.post("/payment/settle", f).Body.String()
						f.Set("auth_code", "")
						f.Set("txn_ref", "")
						pages["settle without a code "+choice+" "+uuid] = b.post("/payment/settle", f).Body.String()
					}
				}
				w.terminals[0].Payment, w.terminals[0].CanCancel = p, true
				if s == bridge.Sent || s == bridge.Held {
					pages["now with "+uuid] = b.get("/").Body.String()
				}
			}
		}
	}
	pages["list of refunds"] = b.get("/payments?kind=refund").Body.String()
	pages["no such kind"] = b.get("/payments?kind=gift").Body.String()
	for _, done := range []string{"settled-return", "back", "password"} {
		pages["done "+done] = b.get("/payments?done=" + done).Body.String()
	}
	return pages
}
