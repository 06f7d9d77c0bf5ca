package terminal

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is shown to people and stands in receipts is pinned as well.
func TestNames(t *testing.T) {
	var stages, kinds []string
	for s := Working; s <= Acknowledged; s++ {
		stages = append(stages, s.String())
	}
	if got := strings.Join(stages, " "); got != "working sent started card-wait card-read host-wait attention acknowledged" {
		t.Errorf("stages are %q", got)
	}
	for k := OtherReceipt; k <= AdministrationReceipt; k++ {
		kinds = append(kinds, k.String())
	}
	if got := strings.Join(kinds, " "); got != "other merchant customer administration" {
		t.Errorf("receipts are %q", got)
	}
	if got := Outcome(9).String() + " " + Proof(99).String() + " " + Serial.String() + " " + TCP.String(); got != "outcome(9) proof(99) serial tcp" {
		t.Errorf("others are %q", got)
	}
}

// A result and a receipt read back as they were written; a word that is not known leaves the safe value.
func TestJSON(t *testing.T) {
	minor := int64(1250)
	for _, r := range []Result{
		{},
		{Outcome: Approved, Proof: LastRecord, CapturedMinor: &minor, AuthCode: "1", Mark: "m"},
		{Outcome: Declined, Proof: UnchangedMark, Text: "nothing booked"},
	} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Result
		if err := json.Unmarshal(b, &back); err != nil || back.Outcome != r.Outcome || back.Proof != r.Proof || back.Text != r.Text || back.Mark != r.Mark {
			t.Errorf("%s reads back as %+v, %v", b, back, err)
		}
	}
	b, err := json.Marshal(Receipt{Kind: CustomerReceipt, Lines: []Line{{Text: "x"}}})
	var back Receipt
	if err != nil || json.Unmarshal(b, &back) != nil || back.Kind != CustomerReceipt || len(back.Lines) != 1 {
		t.Errorf("%s reads back as %+v, %v", b, back, err)
	}
	for _, text := range []string{`{"outcome":"maybe"}`, `{"proof":"rumour"}`} {
		r := Result{Outcome: Approved, Proof: Dialogue}
		if err := json.Unmarshal([]byte(text), &r); err == nil || r.Outcome == Approved && r.Proof == Dialogue {
			t.Errorf("%s was read as %s by %s", text, r.Outcome, r.Proof)
		}
	}
	if err := json.Unmarshal([]byte(`{"kind":"copy"}`), &back); err == nil || back.Kind != OtherReceipt {
		t.Errorf("an unknown receipt was read as %s", back.Kind)
	}
}

func TestEvidence(t *testing.T) {
	e := C2 | C4
	if !e.Has(C2) || !e.Has(C2|C4) || e.Has(C3) || e.Has(C2|C3) || e.String() != "C2+C4" || Evidence(0).String() != "none" || (C0|C1|C2|C3|C4).String() != "C0+C1+C2+C3+C4" {
		t.Errorf("%s has C2 %t, C3 %t", e, e.Has(C2), e.Has(C3))
	}
	if Mark("").Known() || !Mark("1").Known() {
		t.Error("a mark is known by what it says")
	}
}

func TestAmounts(t *testing.T) {
	eur := Currency{Code: "EUR", Numeric: 978, Digits: 2}
	asked := Amount{Minor: 1250, Currency: eur}
	more := int64(1400)
	if got := (Result{}).Captured(asked); got != asked {
		t.Errorf("captured %s where the terminal stated nothing", got)
	}
	if got := (Result{CapturedMinor: &more}).Captured(asked); got.String() != "14.00 EUR" {
		t.Errorf("captured %s", got)
	}
	for minor, right := range map[int64]bool{1: true, MaxMinor: true, 0: false, -1: false, MaxMinor + 1: false} {
		if err := (Amount{Minor: minor, Currency: eur}).Validate(); (err == nil) != right {
			t.Errorf("%d: %v", minor, err)
		}
	}
	if err := (Amount{Minor: 1}).Validate(); err == nil {
		t.Error("an amount without a currency is right")
	}
	_, err := ParseAmount(strings.Repeat("9", 60), eur)
	if err == nil || !strings.Contains(err.Error(), "…") || len(err.Error()) > 120 {
		t.Errorf("a long amount: %v", err)
	}
}
