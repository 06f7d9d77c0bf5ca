package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestDemoByHand has the real program work with a terminal without a connection, and a clerk at its counter screen.
func TestDemoByHand(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	for outcome, story := range map[string][]string{
		"approved":     {"keys it in", "types what it printed: charged", "types what it printed, once more", "told APPROVED"},
		"declined":     {"DECLINED BY THE BANK", "types that it printed: not charged", "told DENIED"},
		"lost-reply":   {"NO PAPER", "cannot tell", "settles the payment: charged", "told APPROVED"},
		"cable-pulled": {"comes out", "NO CONNECTION TO THE BANK", "types that it printed: not charged", "told DENIED"},
		"power-cut":    {"loses its power", "kill -9", "started again", "settles the payment: charged", "told APPROVED"},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), binary(t), "demo", "--driver", "manual", "--once", "1200", "--outcome", outcome).CombinedOutput()
			rest := string(out)
			for _, next := range story {
				_, after, found := strings.Cut(rest, next)
				if !found {
					err = errors.Join(err, fmt.Errorf("%q is not told, or not in its turn", next))
					break
				}
				rest = after
			}
			if err != nil || !strings.HasSuffix(rest, "They agree.\n") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
