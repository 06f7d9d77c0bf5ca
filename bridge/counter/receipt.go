package counter

import (
	"net/http"
	"net/url"
	"strconv"

	"tillbridge/terminal"
)

// paper is what a receipt can be printed on.
type paper struct {
	Key, Label string
	Address    string
	Chosen     bool
}

func papers() []paper {
	return []paper{{Key: "w80", Label: "80 mm"}, {Key: "w58", Label: "58 mm"}, {Key: "a4", Label: "A4"}}
}

// printView is a receipt alone.
type printView struct {
	paymentLine
	receiptView
	Paper  string
	Papers []paper
}

// viewReceipt is a payment's n-th receipt, from 1.
func viewReceipt(uuid string, n int, r terminal.Receipt) receiptView {
	return receiptView{Title: receiptTitle(r), Lines: r.Lines, Address: receiptAddress(uuid, n, "")}
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
		c.problem(w, r, s, http.StatusNotFound, "There is no such receipt.")
		return
	}
	v := printView{paymentLine: line(p, 0), receiptView: viewReceipt(uuid, n, all[n-1]), Papers: papers()}
	for i := range v.Papers {
		one := &v.Papers[i]
		one.Address = receiptAddress(uuid, n, one.Key)
		if one.Chosen = one.Key == q.Get("paper") || q.Get("paper") == "" && i == 0; one.Chosen {
			v.Paper = one.Key
		}
	}
	if v.Paper == "" {
		c.problem(w, r, s, http.StatusNotFound, "There is no such paper.")
		return
	}
	f := c.frame(r, s, v.Title, v)
	f.Section = "payments"
	c.render(w, http.StatusOK, "receipt", f)
}
