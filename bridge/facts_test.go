package bridge

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tillbridge/terminal"
)

// What other programs read keeps its names.
func TestFacts(t *testing.T) {
	eur := terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	captured := int64(1400)
	p := Payment{
		Order:     Order{UUID: "u", Customer: "c", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}},
		Reference: "R", State: Held, Reason: "Why.",
		Result: &terminal.Result{Outcome: terminal.Approved, CapturedMinor: &captured, AuthCode: "A1", TxnRef: "7", CardName: "Maestro", CardLast4: "1111"},
	}
	told := func() string {
		b, err := json.Marshal(p.Facts())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const times = `"received":"0001-01-01T00:00:00Z","updated":"0001-01-01T00:00:00Z"}`
	held := `{"payment_uuid":"u","customer_uuid":"c","terminal":"counter","kind":"sale","amount_minor":1250,"captured_minor":1400,"currency":"EUR",` +
		`"state":"held","outcome":"unknown","proof":"none","card":"Maestro","card_last4":"1111","reason":"Why.","reference":"R",` + times
	if d := cmp.Diff(held, told()); d != "" {
		t.Errorf("on hold, no code is told (-want +got):\n%s", d)
	}
	p.State, p.Outcome, p.Proof = Reported, terminal.Approved, terminal.Person
	p.Person, p.Result.Outcome, p.Reason = &Person{Name: "Anna", AuthCode: "B2"}, terminal.Unknown, ""
	settled := `{"payment_uuid":"u","customer_uuid":"c","terminal":"counter","kind":"sale","amount_minor":1250,"currency":"EUR",` +
		`"state":"reported","outcome":"approved","proof":"person","auth_code":"B2","card":"Maestro","card_last4":"1111","settled_by":"Anna","reference":"R",` + times
	if d := cmp.Diff(settled, told()); d != "" {
		t.Errorf("settled by a person (-want +got):\n%s", d)
	}
	at := time.Unix(7, 0)
	want := StepFacts{At: at, Event: "arm", State: "armed", Words: Event{Kind: Arm}.Words()}
	if got := StepOf(at, Event{Kind: Arm}, Armed); got != want || got.Words == "" {
		t.Errorf("%+v, want %+v", got, want)
	}
}
