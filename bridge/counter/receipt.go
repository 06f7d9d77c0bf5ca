package counter

import (
	"net/http"
	"net/url"
	"strconv"

	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// paper is what a receipt can be printed on.
type paper struct {
	Key, Label string
	Address    string
	Chosen     bool
}

// papers are all papers, with the address of each, and the one that is asked for: the first where none is, none where there is no
// such paper.
func papers(asked string, address func(paper string) string) (all []paper, chosen string) {
	all = []paper{{Key: "w80", Label: "80 mm"}, {Key: "w58", Label: "58 mm"}, {Key: "a4", Label: "A4"}}
	for i := range all {
		one := &all[i]
		one.Address = address(one.Key)
		if one.Chosen = one.Key == asked || asked == "" && i == 0; one.Chosen {
			chosen = one.Key
		}
	}
	return all, chosen
}

// printView is a receipt alone.
type printView struct {
	paymentLine
	receiptView
	Paper  string
	Papers []paper
}

// viewReceipt is a payment's n-th receipt, from 1.
func viewReceipt(l *language.Language, uuid string, n int, r terminal.Receipt) receiptView {
	return receiptView{Title: receiptTitle(l, r), Lines: r.Lines, Address: receiptAddress(uuid, n, "")}
}

func receiptAddress(uuid string, n int, paper string) string {
	q := url.Values{"uuid": {uuid}, "n": {strconv.Itoa(n)}}
	if paper != "" {
		q.Set("paper", paper)
	}
	return "/receipt?" + q.Encode()
}

// receipt shows one receipt as wide as the paper that it is to be printed on.
func (c *Counter) receipt(w http.ResponseWriter, r *http.Request, s *session) {
	q := r.URL.Query()
	uuid := q.Get("uuid")
	p, ok, err := c.book.Payment(r.Context(), uuid)
	var all []terminal.Receipt
	if err == nil && ok {
		all, err = c.book.Receipts(r.Context(), uuid)
	}
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	n, err := strconv.Atoi(q.Get("n"))
	if !ok || err != nil || n < 1 || n > len(all) {
		c.problem(w, r, s, http.StatusNotFound, c.language(r).HTML("There is no such receipt."))
		return
	}
	l := c.language(r)
	v := printView{paymentLine: line(l, p, 0), receiptView: viewReceipt(l, uuid, n, all[n-1])}
	v.Papers, v.Paper = papers(q.Get("paper"), func(paper string) string { return receiptAddress(uuid, n, paper) })
	if v.Paper == "" {
		c.problem(w, r, s, http.StatusNotFound, c.language(r).HTML("There is no such paper."))
		return
	}
	f := c.frame(r, s, v.Title, v)
	f.Section = "payments"
	c.render(w, http.StatusOK, "receipt", f)
}
