package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// setupTries is how often a question is put.
const setupTries = 3

// errInputEnded says that the person's input is at its end.
var errInputEnded = errors.New("the input ended")

// question is one thing that the wizard must know.
type question struct {
	key     string // in the answers file
	text    string // for people
	more    string // lines below it, as they are
	usual   string // the default; empty where there is none
	allowed string // what may be answered
	// check gives the answer in its proper form, or says what is wrong with it. Nil takes any.
	check func(string) (string, error)
}

// ask gets an answer, of the file or of the person, who is told what is wrong and asked again, three times in all.
func (w *wizard) ask(ctx context.Context, q question) (string, error) {
	if q.check == nil {
		q.check = func(answer string) (string, error) { return answer, nil }
	}
	if w.given != nil {
		return w.lookUp(q)
	}
	w.say("\n" + q.text)
	fmt.Fprint(w.out, q.more)
	for try := 1; ; try++ {
		fmt.Fprintf(w.out, "%s: ", strings.TrimSpace(q.key+" "+bracketed(q.usual)))
		typed, err := w.line(ctx)
		if err != nil {
			return "", err
		}
		answer := strings.TrimSpace(typed)
		if answer == "" {
			answer = q.usual
		}
		if answer == "" {
			err = fmt.Errorf("an answer is needed: %s", q.allowed)
		} else if answer, err = q.check(answer); err == nil {
			return answer, nil
		}
		w.say("  " + upperFirst(err.Error()) + ".")
		if try == setupTries {
			return "", fmt.Errorf("%s: no answer of %d could be used", q.key, setupTries)
		}
	}
}

// lookUp takes the answer of the file, or the default.
func (w *wizard) lookUp(q question) (string, error) {
	answer, there := w.given[q.key]
	if !there {
		answer = q.usual
	}
	if answer == "" {
		return "", fmt.Errorf("%s: %s is missing and has no default; %s", w.answersFile, q.key, q.allowed)
	}
	answer, err := q.check(answer)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", w.answersFile, q.key, err)
	}
	note := ""
	if !there {
		note = " (default)"
	}
	fmt.Fprintf(w.out, "%s: %s%s\n", q.key, masked(q.key, answer), note)
	return answer, nil
}

// agree asks for a yes or a no.
func (w *wizard) agree(ctx context.Context, key, text string, usual bool) (bool, error) {
	answer, err := w.ask(ctx, question{
		key: key, text: text, usual: yesNo(usual), allowed: "yes or no",
		check: func(answer string) (string, error) {
			switch strings.ToLower(answer) {
			case "y", "yes", "true":
				return "yes", nil
			case "n", "no", "false":
				return "no", nil
			}
			return "", fmt.Errorf("%q is neither yes nor no", answer)
		},
	})
	return answer == "yes", err
}

// agreeLate is agree after the settings are written, when the end of the input is a no.
func (w *wizard) agreeLate(ctx context.Context, key, text string, usual bool) (bool, error) {
	yes, err := w.agree(ctx, key, text, usual)
	if errors.Is(err, errInputEnded) {
		fmt.Fprintln(w.out)
		return false, nil
	}
	return yes, err
}

// line is what the person types next.
func (w *wizard) line(ctx context.Context) (string, error) {
	if w.ended {
		return "", errInputEnded
	}
	text, err := w.typed.next(ctx)
	if err == nil && text == "" {
		w.ended, err = true, errInputEnded
	}
	return text, err
}

// Read lets another verb's questions be answered by the same person, line by line.
func (w *wizard) Read(b []byte) (int, error) {
	text, err := w.line(context.Background())
	if err != nil {
		return 0, io.EOF
	}
	return copy(b, text), nil
}

// say prints a paragraph that fits the screen; a blank line before it stays, and so does its indentation.
func (w *wizard) say(text string) {
	if rest, blank := strings.CutPrefix(text, "\n"); blank {
		fmt.Fprintln(w.out)
		text = rest
	}
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	fmt.Fprint(w.out, foldAt(statusColumns, indent, text))
}

// heading begins a part.
func (w *wizard) heading(text string) {
	fmt.Fprintf(w.out, "\n%s\n%s\n", text, strings.Repeat("-", len(text)))
}

func bracketed(usual string) string {
	if usual == "" {
		return ""
	}
	return "[" + usual + "]"
}

// narrow writes what is folded for a wider screen anew.
type narrow struct{ to io.Writer }

// Write takes whole paragraphs, of which the last may be a prompt without a line end.
func (n narrow) Write(b []byte) (int, error) {
	lines := strings.Split(string(b), "\n")
	var out strings.Builder
	for i := 0; i < len(lines)-1; i++ {
		text := lines[i]
		indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
		for last := text; i+1 < len(lines)-1 && continues(last, lines[i+1], indent); i++ {
			last = lines[i+1]
			text += " " + strings.TrimSpace(last)
		}
		if utf8.RuneCountInString(text) <= statusColumns {
			out.WriteString(text + "\n")
			continue
		}
		out.WriteString(foldAt(statusColumns, indent, text))
	}
	out.WriteString(lines[len(lines)-1])
	if _, err := io.WriteString(n.to, out.String()); err != nil {
		return 0, err
	}
	return len(b), nil
}

// continues tells whether a line is the rest of the one before, which was full.
func continues(last, next, indent string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(next, " "), " ")
	return word != "" && strings.HasPrefix(next, indent+"  ") && !strings.HasPrefix(next, indent+"   ") &&
		utf8.RuneCountInString(last)+1+utf8.RuneCountInString(word) > portColumns
}

// isScreen tells whether the output goes to a terminal.
func isScreen(out io.Writer) bool { return isTerminal(out) }
