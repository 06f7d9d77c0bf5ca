package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"tillbridge/bridge/doctor"
)

// The columns of the report; what is found takes the rest of the screen.
const (
	verdictWidth = 13
	titleWidth   = 20
)

func verdictWord(v doctor.Verdict) string {
	if v == doctor.Fault || v == doctor.Warning {
		return strings.ToUpper(v.String())
	}
	return v.String()
}

// text is the report for a screen of 100 columns.
func (e *examination) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tillbridge doctor %s, %s\nSettings: %s\n\n", versionText(), e.at.Format(time.DateTime), e.shop.File)
	indent := strings.Repeat(" ", verdictWidth+titleWidth)
	last := ""
	for _, f := range e.findings {
		title := f.Title
		if title == last {
			title = ""
		}
		last = f.Title
		what := f.Text
		// A path that the sentence names already is not said twice; a terminal's name may be a word like any other.
		if f.About != "" && !(strings.ContainsAny(f.About, `/\`) && strings.Contains(what, f.About)) {
			what = f.About + ": " + what
		}
		fmt.Fprintf(&b, "%-*s%-*s", verdictWidth, verdictWord(f.Verdict), titleWidth, title)
		b.WriteString(strings.TrimLeft(fold(indent, what), " "))
		if f.Verdict == doctor.NotChecked {
			commandLines(&b, indent, f.Commands)
		}
	}
	b.WriteString("\n" + e.summary() + "\n")
	todo := doctor.ToDo(e.findings)
	if len(todo) == 0 {
		return b.String()
	}
	b.WriteString("\nWhat to do\n")
	for i, f := range todo {
		title := f.Title
		if f.About != "" {
			title += ", " + f.About
		}
		fmt.Fprintf(&b, "\n%3d. %s  %s\n", i+1, verdictWord(f.Verdict), title)
		b.WriteString(fold("     ", f.Text))
		b.WriteString("     -> " + strings.TrimLeft(fold("        ", f.Remedy), " "))
		commandLines(&b, "     ", f.Commands)
	}
	return b.String()
}

// summary is the whole in one line.
func (e *examination) summary() string {
	faults, warnings, skipped := doctor.Count(e.findings, doctor.Fault), doctor.Count(e.findings, doctor.Warning), doctor.Count(e.findings, doctor.NotChecked)
	rest := ""
	if skipped > 0 {
		rest = fmt.Sprintf(" %s not checked, for the reason given there.", were(skipped))
	}
	switch {
	case faults > 0:
		return fmt.Sprintf("%s and %s.%s", count(faults, "fault", "faults"), count(warnings, "warning", "warnings"), rest)
	case warnings > 0:
		return fmt.Sprintf("No fault, and %s.%s", count(warnings, "warning", "warnings"), rest)
	}
	return "All that was checked is well." + rest
}

func were(n int) string {
	if n == 1 {
		return "1 thing was"
	}
	return fmt.Sprintf("%d things were", n)
}

// commandLines writes commands each on a line of its own, whole, to be copied.
func commandLines(b *strings.Builder, indent string, commands []string) {
	for _, c := range commands {
		b.WriteString(indent + "   " + c + "\n")
	}
}

// fold is foldAt for the wide screen of the reports.
func fold(indent, text string) string { return foldAt(portColumns, indent, text) }

// foldAt writes a paragraph that fits the columns, every line indented alike. A word that is wider stays whole.
func foldAt(columns int, indent, text string) string {
	var b strings.Builder
	width := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString(indent)
			width = len(indent)
		case width+1+n > columns:
			b.WriteString("\n" + indent)
			width = len(indent)
		default:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += n
	}
	b.WriteString("\n")
	return b.String()
}
