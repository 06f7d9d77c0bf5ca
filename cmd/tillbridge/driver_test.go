package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDemoThroughAProgram has the bridge reach the terminal through a program of its own, over pipes, and breaks the line under it.
func TestDemoThroughAProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	for outcome, told := range map[string]string{"approved": "APPROVED", "cable-pulled": "DENIED"} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), binary(t), "demo", "--driver", "process", "--once", "12.50", "--outcome", outcome, "--tcp").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "told "+told) || !strings.HasSuffix(string(out), "They agree.\n") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What is wrong on the command line is told before anything is opened.
func TestDriverVerb(t *testing.T) {
	for line, want := range map[string]string{
		"driver zvt":                                                         "either --serial PORT or --tcp HOST:PORT",
		"driver zvt --serial x --tcp y":                                      "either --serial PORT or --tcp HOST:PORT",
		"driver process --tcp 127.0.0.1:1":                                   `there is no driver "process" to be run so`,
		"driver nobody --tcp 127.0.0.1:1":                                    `there is no driver "nobody" to be run so`,
		"driver zvt --tcp 127.0.0.1:1":                                       "currency",
		"driver zvt --tcp nowhere:x --option":                                "flag needs an argument",
		"driver zvt --tcp 127.0.0.1:1 --currency EUR --option password":      `--option "password": want key=value`,
		"driver zvt --tcp 127.0.0.1:1 --currency EUR --option password=abc":  "terminals.terminal.options.password",
		"driver caisseap --tcp 127.0.0.1:1 --currency EUR --option colour=1": "terminals.terminal.options.colour",
	} {
		if code, out, told := call(t, strings.Fields(line)...); code != exitUsage || !strings.Contains(told, want) {
			t.Errorf("%s ends with %d and says %q%q, want %q", line, code, out, told, want)
		}
	}
}
