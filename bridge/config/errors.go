package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxErrors bounds how many mistakes of one file are kept.
const maxErrors = 100

// Error is one mistake in the settings, or one warning. It holds no secret.
type Error struct {
	File    string
	Line    int    // from 1; 0 where the file as a whole is meant
	Column  int    // in characters, from 1; 0 where the line is 0
	Path    string // the key, as in "terminals.counter.port.baud"; empty where the file as a whole is meant
	Message string // what is wrong
	Allowed string // what is allowed, or what to do; may be empty
}

// Error is the mistake in one line: "file:line:column: path: message; allowed".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	for _, part := range []string{e.Path, e.Message} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Allowed != "" {
		b.WriteString("; " + e.Allowed)
	}
	return b.String()
}

// Errors are all mistakes of a settings file in the order of their places, at most 100.
type Errors []*Error

// Error is the mistakes, one a line.
func (e Errors) Error() string {
	lines := make([]string, 0, len(e)+1)
	for _, x := range e {
		lines = append(lines, x.Error())
	}
	if len(e) == maxErrors {
		lines = append(lines, fmt.Sprintf("there may be more: only the first %d mistakes found are shown", maxErrors))
	}
	return strings.Join(lines, "\n")
}

func sortErrors(e []*Error) {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
}
