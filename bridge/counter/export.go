package counter

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// The addresses of the exports.
const (
	exportCSVPath  = "/payments/export.csv"
	exportJSONPath = "/payments/export.json"
)

// exportTime is how long an export may take altogether.
const exportTime = 10 * time.Minute

// export writes every payment of a choice, newest first, as a file. Where the book fails in the middle the connection is
// broken off, so that the browser calls the download failed and nobody takes half a list for a whole one.
func (c *Counter) export(w http.ResponseWriter, r *http.Request, s *session, ending, kind string, begin func(io.Writer) (one func(Row) error, end func() error)) {
	v := chosen(c.language(r), r.URL.Query())
	f, problem := v.filter(c.language(r), "")
	if problem != "" {
		c.problem(w, r, s, http.StatusBadRequest, problem)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportTime)
	defer cancel()
	f.Limit = apiMost
	rows, err := c.find(ctx, f)
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	name := "payments"
	for _, day := range []string{v.From, v.To} {
		if day != "" {
			name += "-" + day
		}
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+ending+`"`)
	out := bufio.NewWriterSize(w, 32<<10)
	one, end := begin(out)
	n := 0
	for err == nil && len(rows) > 0 {
		for _, row := range rows {
			err = errors.Join(err, one(row))
		}
		n += len(rows)
		if len(rows) < f.Limit || err != nil {
			break
		}
		f.BeforeID = rows[len(rows)-1].ID
		rows, err = c.find(ctx, f)
	}
	if err == nil {
		err = errors.Join(end(), out.Flush())
	}
	if err != nil {
		c.log.Error("export payments", "error", err)
		panic(http.ErrAbortHandler) // the only way to say so once the file has begun
	}
	c.log.Info("payments exported at the counter screen", "file", name+ending, "payments", n, "name", s.name, "role", s.role.String())
}

// exportJSON writes one array of the payments as the API tells them.
func (c *Counter) exportJSON(w http.ResponseWriter, r *http.Request, s *session) {
	c.export(w, r, s, ".json", "application/json", func(out io.Writer) (func(Row) error, func() error) {
		before := "["
		return func(row Row) error {
				b, err := json.Marshal(listedFacts{row.ID, row.Facts()})
				if err == nil {
					_, err = io.WriteString(out, before+"\n"+string(b))
				}
				before = ","
				return err
			}, func() error {
				if before == "[" {
					_, err := io.WriteString(out, "[]\n")
					return err
				}
				_, err := io.WriteString(out, "\n]\n")
				return err
			}
	})
}

// exportCSV writes a table that spreadsheets open: UTF-8 with its mark, times of this computer, amounts with a decimal point.
func (c *Counter) exportCSV(w http.ResponseWriter, r *http.Request, s *session) {
	c.export(w, r, s, ".csv", "text/csv; charset=utf-8", func(out io.Writer) (func(Row) error, func() error) {
		_, failed := io.WriteString(out, "\ufeff")
		t := csv.NewWriter(out)
		t.UseCRLF = true
		failed = errors.Join(failed, t.Write([]string{
			"received", "terminal", "amount", "captured", "currency", "state", "outcome", "auth_code", "txn_ref", "card", "card_last4", "settled_by",
			"payment_uuid", "customer_uuid", "reference", "proof", "reason", "kind", "sale_uuid", "ordered_by",
		}))
		return func(row Row) error { return errors.Join(failed, t.Write(csvRow(row.Payment))) }, func() error {
			t.Flush()
			return errors.Join(failed, t.Error())
		}
	})
}

func csvRow(p bridge.Payment) []string {
	f := p.Facts()
	captured := ""
	if f.Captured != nil {
		captured = terminal.Amount{Minor: *f.Captured, Currency: p.Amount.Currency}.Decimal()
	}
	cells := []string{
		f.Received.Local().Format(time.DateTime), f.Terminal, p.Amount.Decimal(), captured, f.Currency, f.State, f.Outcome, f.AuthCode, f.TxnRef,
		f.Card, f.Last4, f.Settled, f.UUID, f.Customer, f.Reference, f.Proof, f.Reason,
		f.Kind, f.Sale, f.By,
	}
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}

// harmless keeps a spreadsheet from taking a text for a formula: MGR, a terminal or a person wrote it.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
