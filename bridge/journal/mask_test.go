package journal

import (
	"strings"
	"testing"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// A card number that stands where a text is cut is known for one all the same (I10).
func TestCutCardNumbers(t *testing.T) {
	j, ctx := fresh(t), t.Context()
	p := live(t, j, bridge.Payment{}, approved(1)[:6]...)
	at := func(most int) string { return strings.Repeat("x", most-10) + "4111111111111111" }
	err := j.SaveReceipt(ctx, p.UUID, terminal.Receipt{Lines: []terminal.Line{{Text: at(maxLine)}}})
	if err == nil {
		err = j.RaiseAlarm(ctx, Alarm{At: noon, Kind: "x", UUID: p.UUID, Text: at(maxWords)})
	}
	if err == nil {
		err = j.Postpone(ctx, p.UUID, 1, noon, at(maxWords))
	}
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := j.Receipts(ctx, p.UUID)
	if err != nil || len(receipts) != 1 {
		t.Fatalf("%d receipts, %v", len(receipts), err)
	}
	alarms, err := j.AlarmsOf(ctx, p.UUID)
	if err != nil || len(alarms) != 1 {
		t.Fatalf("%d alarms, %v", len(alarms), err)
	}
	notices, err := j.Due(ctx, noon, 10)
	if err != nil || len(notices) != 1 {
		t.Fatalf("%d notices, %v", len(notices), err)
	}
	for what, text := range map[string]string{
		"receipt": receipts[0].Lines[0].Text, "alarm": alarms[0].Text, "notice": notices[0].LastError,
	} {
		if !strings.HasSuffix(text, "x**********") {
			t.Errorf("the %s ends in %q", what, text[max(0, len(text)-20):])
		}
	}
}
