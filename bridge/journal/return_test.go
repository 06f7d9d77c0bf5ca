package journal

import (
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
)

func TestReturns(t *testing.T) {
	j := fresh(t)
	for n := 1; n <= 2; n++ {
		live(t, j, bridge.Payment{}, approved(n)...)
	}
	live(t, j, bridge.Payment{}, refunded(3, 1)...)
	live(t, j, bridge.Payment{}, refunded(4, 2)...)
	live(t, j, bridge.Payment{}, refunded(5, 1)[:2]...)
	for sale, want := range map[string]string{uuid(1): uuid(3) + " " + uuid(5), uuid(2): uuid(4), uuid(3): "", "": ""} {
		all, err := j.Returns(t.Context(), sale)
		var got []string
		for _, p := range all {
			got = append(got, p.UUID)
			if p.Kind != bridge.Refund || p.Sale != sale || p.By != "Olga" {
				t.Errorf("%+v", p)
			}
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("returns of %q are %q, %v; want %q", sale, got, err, want)
		}
	}
	for kind, want := range map[bridge.Kind]int{bridge.Sale: 2, bridge.Refund: 3, bridge.Void: 0} {
		if list, err := j.List(t.Context(), Filter{Kinds: []bridge.Kind{kind}}); err != nil || len(list) != want {
			t.Errorf("%d of kind %s are listed, %v; want %d", len(list), kind, err, want)
		}
	}
	if due, err := j.Due(t.Context(), noon.AddDate(1, 0, 0), 10); err != nil || len(due) != 0 {
		t.Errorf("%d notices are owed, %v", len(due), err)
	}
	if _, err := j.Renotify(t.Context(), uuid(3)); err == nil || !strings.Contains(err.Error(), "was not ordered by MGR") {
		t.Errorf("a notice of a refund: %v", err)
	}
	if p := plan(t, j, selectPayment+fromPayment+"WHERE p.sale = 'x' AND p.sale <> '' ORDER BY p.id"); !strings.Contains(p, "payment_sale") {
		t.Errorf("the returns of a sale are looked for by %s", p)
	}
	verified(t, j)
	for what, c := range map[string]struct{ statement, problem string }{
		"notice":    {"INSERT INTO outbox VALUES ((SELECT max(id) FROM payment WHERE state = 'approved'), 0, 0, '')", "a refund and has a notice"},
		"kind":      {"UPDATE payment SET kind = 'void' WHERE kind = 'refund'", "kind is not what its entries say"},
		"sale":      {"UPDATE payment SET sale = 'x' WHERE kind = 'refund'", "sale is not what its entries say"},
		"corrected": {"UPDATE payment SET correct_seq = NULL WHERE correct_seq IS NOT NULL", "correction is not what its entries say"},
		"orderer":   {"UPDATE payment SET ordered_by = 'x' WHERE kind = 'refund'", "orderer is not what its entries say"},
	} {
		problems := altered(t, whole(t), c.statement)
		if len(problems) != 1 || !strings.Contains(problems[0].Text, c.problem) {
			t.Errorf("%s altered: %v", what, problems)
		}
	}
}

// What is given back is kept as long as what was sold, and goes then, though MGR is never told of it.
func TestReturnsArePruned(t *testing.T) {
	j := fresh(t)
	now := noon.AddDate(0, 14, 0)
	live(t, j, bridge.Payment{}, approved(1)...)
	live(t, j, bridge.Payment{}, refunded(2, 1)...)
	live(t, j, bridge.Payment{}, refunded(3, 1)[:3]...) // not decided
	if n, err := j.Prune(t.Context(), now.AddDate(0, -13, 0), now.Add(time.Second)); err != nil || n != 2 {
		t.Errorf("%d are pruned, %v", n, err)
	}
	if p := read(t, j, uuid(3)); p.State != bridge.Sent {
		t.Errorf("what is not decided is %s", p.State)
	}
	verified(t, j)
}
