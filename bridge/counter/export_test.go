package counter

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// An export has every payment of the choice once, however many pages of the book that takes.
func TestExport(t *testing.T) {
	w, b := asOwner(t)
	const many = apiMost + 3
	for i := range many {
		p := w.payment(fmt.Sprintf("u-%04d", i), bridge.Reported)
		p.Outcome, p.Received = terminal.Approved, time.Date(2026, 3, 31, 18, 0, 0, 0, time.Local)
	}
	captured := int64(1400)
	odd := &w.rows[0].Payment
	odd.Customer, odd.Reason = `=HYPERLINK("http://evil")`, "Two\nlines, \"quoted\"."
	odd.Result = &terminal.Result{Outcome: terminal.Approved, CapturedMinor: &captured, AuthCode: "-1", TxnRef: "163", CardName: "@Maestro", CardLast4: "1111"}

	r := b.get("/payments/export.csv?from=2026-03-01&to=2026-03-31")
	body, marked := strings.CutPrefix(b.page(r, http.StatusOK), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || !marked || len(rows) != many+1 || rows[1][12] != "u-0000" || rows[many][12] != fmt.Sprintf("u-%04d", many-1) {
		t.Fatalf("%d rows, %v, %t", len(rows), err, marked)
	}
	want := []string{"2026-03-31 18:00:00", "counter", "12.50", "14.00", "EUR", "reported", "approved", "'-1", "163", "'@Maestro", "1111", "", "u-0000", `'=HYPERLINK("http://evil")`, "0ABCDEF123", "none", "Two\nlines, \"quoted\".", "sale", "", ""}
	if fmt.Sprint(rows[1]) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", rows[1], want)
	}
	if got := r.Header().Get("Content-Disposition"); got != `attachment; filename="payments-2026-03-01-2026-03-31.csv"` {
		t.Error(got)
	}

	var all []bridge.Facts
	if err := json.Unmarshal([]byte(b.page(b.get("/payments/export.json"), http.StatusOK)), &all); err != nil || len(all) != many || *all[0].Captured != 1400 {
		t.Errorf("%d payments, %v", len(all), err)
	}
	w.rows = nil
	if got := b.page(b.get("/payments/export.json"), http.StatusOK); got != "[]\n" {
		t.Errorf("of nothing: %q", got)
	}
}

// Half a list is never taken for a whole one.
func TestExportBreaksOff(t *testing.T) {
	w, b := asOwner(t)
	b.page(b.get("/payments/export.csv?to=x"), http.StatusBadRequest, "last day")
	w.failPayments = errors.New("disk gone")
	b.page(b.get("/payments/export.csv"), http.StatusServiceUnavailable, "Disk gone.")
	w.failPayments = nil
	for i := range apiMost {
		w.payment(fmt.Sprint(i), bridge.Reported)
	}
	w.failLater = errors.New("disk gone")
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("the answer ended with %v", r)
		}
	}()
	t.Errorf("it was answered: %.200s", b.get("/payments/export.csv").Body)
}

func TestReceiptAlone(t *testing.T) {
	w, b := signedIn(t)
	w.payment("u&1", bridge.Reported)
	w.receipts = []terminal.Receipt{
		{Kind: terminal.MerchantReceipt, Lines: []terminal.Line{{Text: "MERCHANT"}}},
		{Kind: terminal.CustomerReceipt, Lines: []terminal.Line{{Text: "<b>SHOP</b>", Centred: true}, {Text: "12.50", Indent: 2, Tall: true}}},
	}
	b.page(b.get("/payment?uuid=u%261"), http.StatusOK, `href="/receipt?n=2&amp;uuid=u%261"`)
	page := b.page(b.get("/receipt?n=2&uuid=u%261"), http.StatusOK, "Customer", `class="paper w80"`, `<pre class="centred">&lt;b&gt;SHOP`, `<pre class=" tall">  12.50`, `href="/payment?uuid=u%261"`)
	absent(t, page, "MERCHANT")
	b.page(b.get("/receipt?n=1&paper=w58&uuid=u%261"), http.StatusOK, `class="paper w58"`, "MERCHANT")
	for _, path := range []string{"n=3&uuid=u%261", "n=0&uuid=u%261", "n=x&uuid=u%261", "uuid=u%261", "n=1&uuid=other", "n=1&paper=a5&uuid=u%261"} {
		b.page(b.get("/receipt?"+path), http.StatusNotFound, "There is no such")
	}
	w.failReceipts = errors.New("disk gone")
	b.page(b.get("/receipt?n=1&uuid=u%261"), http.StatusServiceUnavailable, "Disk gone.")
}
