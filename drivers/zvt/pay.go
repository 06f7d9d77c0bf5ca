package zvt

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Pay is 06 01 (PA00P015 ch. 2.2). An approval is a status information with result 00 that was recorded, then
// acknowledged, and the completion after it; nothing less.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.transact(ctx, Authorisation{
		AmountMinor: r.Amount.Minor, CurrencyNumeric: r.Amount.Currency.Numeric,
		PaymentType: PaymentTypeDefault, HasPaymentType: true,
	}.Encode, till)
}

// Refund is 06 31 (PA00P015 ch. 2.12): an independent credit.
func (s *session) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.transact(ctx, Refund{
		Password: s.o.Password, AmountMinor: r.Amount.Minor, CurrencyNumeric: r.Amount.Currency.Numeric,
		PaymentType: PaymentTypeDefault, HasPaymentType: true,
	}.Encode, till)
}

// Void is 06 30 (PA00P015 ch. 2.11): it takes back the whole of an earlier sale, named by its receipt number.
// A terminal that reverses another sale than the one asked for (some know only the last) is told apart by the
// amount and the original trace number; then the outcome is unknown.
func (s *session) Void(ctx context.Context, r terminal.Request, sale terminal.Result, till terminal.Till) (terminal.Result, error) {
	m, ok := parseMark(sale.Mark)
	if !ok || m.receipt == "" {
		return terminal.Result{}, fmt.Errorf("%w: the sale has no receipt number to name it by", terminal.ErrNotSent)
	}
	out, err := s.transact(ctx, Reversal{
		Password: s.o.Password, ReceiptNo: m.receipt, AmountMinor: r.Amount.Minor,
		CurrencyNumeric: r.Amount.Currency.Numeric,
	}.Encode, till)
	if err == nil && out.Outcome == terminal.Approved && out.Captured(r.Amount).Minor != r.Amount.Minor {
		out.Outcome, out.Proof = terminal.Unknown, terminal.NoProof
		out.Text = "The terminal reversed another amount than that of the sale."
	}
	return out, err
}

// transact runs a money command.
func (s *session) transact(ctx context.Context, encode func() ([]byte, error), till terminal.Till) (terminal.Result, error) {
	apdu, err := encode()
	if err == nil {
		err = s.prepare(ctx, till)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	s.cancel.Store(false)
	d := &dialogue{
		s: s, kind: money, expects: payment, till: till, stale: s.told,
		record: func(r StatusInformation, raw []byte) error { return till.Seen(s.result(r, raw)) },
	}
	s.held.Undecided(true)
	e, err := d.run(ctx, apdu)
	s.doubt = time.Now()
	if err != nil {
		s.drop() // before it counts as decided
	}
	s.held.Undecided(false)
	if err != nil {
		return terminal.Result{}, err
	}
	out := s.outcome(e)
	if out.Mark.Known() {
		s.last = out.Mark
	}
	s.known = time.Now()
	s.settle()
	return out, nil
}

// told tells whether a stated approval is the last transaction that the terminal has told already.
func (s *session) told(r StatusInformation) bool {
	last, ok := parseMark(s.last)
	return ok && (markOf(r).String() == s.last || r.HasResult && r.Result == 0 && last.same(markOf(r)))
}

// outcome judges the end of a money command's dialogue.
//
// A refusal is one only where nothing was stated that may be an approval: after that an abort says that
// something went wrong later, and not that the sale was taken back.
func (s *session) outcome(e ending) terminal.Result {
	var out terminal.Result
	if e.result != nil {
		out = s.result(*e.result, e.raw)
	}
	stated := out.Outcome
	switch {
	case e.refused && e.again:
		// The first copy may have been taken, its ACK garbled, and the refusal be meant for the second one.
		out = terminal.Result{Text: "The terminal refused a command that had been sent twice. " + s.reason(e, out.Text)}
	case e.refused:
		out = terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: s.reason(e, "")}
	case e.aborted && !e.maybe && !(e.hasCode && e.code == 0):
		text := s.reason(e, out.Text)
		out.Outcome, out.Proof, out.Text = terminal.Declined, terminal.Refused, text
	case e.aborted:
		out.Outcome, out.Proof = terminal.Unknown, terminal.NoProof
		out.Text = "The terminal ended the payment with an error, and what it stated before may be an approval. " + s.reason(e, "")
	case stated == terminal.Approved:
		return out
	case e.result == nil:
		out.Text = "The terminal ended the payment and stated no result."
	default:
		out.Outcome, out.Proof = terminal.Unknown, terminal.NoProof
		out.Text = "The terminal ended the payment well and stated: " + out.Text
	}
	if e.hasCode {
		out.Code = CodeText(e.code)
	}
	if out.Outcome != terminal.Approved {
		out.Mark = ""
	}
	return out
}

// reason says why a command failed: the table's sentence, then what the terminal said in its own words.
func (s *session) reason(e ending, stated string) string {
	text := ""
	if e.hasCode {
		text = ResultText(e.code).In(s.o.Language)
	} else if stated != "" {
		return stated
	}
	if e.text != "" && !strings.Contains(text, e.text) {
		text = strings.TrimSpace(text + " (" + oneLine(e.text) + ")")
	}
	if text == "" {
		text = "The terminal gave no reason."
	}
	return text
}

// result is a status information in the engine's words. Where it is not clear that an approval is one, or of
// which amount, the outcome is unknown.
func (s *session) result(r StatusInformation, raw []byte) terminal.Result {
	out := terminal.Result{
		CurrencyNumeric: r.CurrencyNumeric, AuthCode: r.ApprovalCode, TxnRef: txnRef(r), TerminalID: r.TerminalID,
		CardName: r.Brand(), CardLast4: r.CardLast4, Raw: support(raw),
	}
	if t, ok := r.Clock(time.Now()); ok {
		out.TerminalTime = t
	}
	if r.HasAmount {
		minor := r.AmountMinor
		out.CapturedMinor, out.ExtraMinor = &minor, r.TipMinor+r.CashbackMinor
	}
	switch {
	case !r.HasResult:
		out.Text = "The terminal stated a result that cannot be read."
		return out
	case r.Result != 0 && slices.Contains(r.Repeated, byte(bmpResult)):
		out.Text = "The terminal's result states its code twice."
		return out
	case r.Result != 0:
		if !undecided(r.Result) {
			out.Outcome, out.Proof = terminal.Declined, terminal.Refused
		}
		out.Code, out.Text = CodeText(r.Result), ResultText(r.Result).In(s.o.Language)
		if said := r.Failure(); said != "" {
			out.Text += " (" + oneLine(said) + ")"
		}
		return out
	}
	out.Code = CodeText(0)
	if why := doubtful(r); why != "" {
		out.Text = why
		return out
	}
	out.Outcome, out.Proof, out.Mark = terminal.Approved, terminal.Dialogue, markOf(r).String()
	return out
}

// mayBeApproval tells whether a status information is an approval, or cannot be told from one: its result is 00,
// missing, one that decides nothing, or stated more than once.
func mayBeApproval(r StatusInformation) bool {
	return !r.HasResult || r.Result == 0 || undecided(r.Result) || slices.Contains(r.Repeated, byte(bmpResult))
}

// doubtful says why a status information with result 00 is not taken for an approval; empty where it is.
func doubtful(r StatusInformation) string {
	for _, id := range r.Repeated {
		if id == bmpResult || id == bmpAmount {
			return "The terminal's result states its code or its amount twice."
		}
	}
	for _, id := range r.Unreadable {
		if id == bmpAmount || id == bmpCurrency {
			return "The terminal's result states an amount that cannot be read."
		}
	}
	switch {
	case r.Rest > 0 && !r.HasAmount:
		return "A part of the terminal's result cannot be read, perhaps the amount."
	case strings.Trim(r.VendorCode, "0") != "":
		return "The terminal states an approval and its own error code " + r.VendorCode + " beside it."
	}
	return ""
}

// txnRef names a transaction for people and for MGR: terminal id, receipt number, trace number; a part that
// the terminal does not tell is left out, from the left.
func txnRef(r StatusInformation) string {
	parts := make([]string, 0, 3)
	for _, p := range []string{r.TerminalID, r.ReceiptNo, r.Trace} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "-")
}

// support is the masked message for whoever looks into a dispute.
func support(raw []byte) string { return wire.Excerpt(Mask(raw)) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
