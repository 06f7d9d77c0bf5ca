package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// What the template has where the page goes on with what the program says of itself.
const (
	dateMark = "@DATE@"
	verbMark = "@VERBS@\n"
)

// help is what the program says of a verb.
func help(ctx context.Context, program string, verb []string) (string, error) {
	out, err := exec.CommandContext(ctx, program, append(verb, "--help")...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s --help: %w", program, strings.Join(verb, " "), err)
	}
	return string(out), nil
}

// page is what the help of one verb says.
type page struct {
	text  []string // lines
	usage string
	verbs []string // below it
	flags []flag
}

type flag struct{ short, name, value, text string }

var (
	verbLine = regexp.MustCompile(`^  ([a-z][a-z-]*) +\S`)
	flagLine = regexp.MustCompile(`^ +(?:-(\w), )?--([a-z][a-z-]*)(?: (\S+))? {2,}(.*)$`)
)

// unlisted are verbs that cobra brings along; the template tells of completion.
var unlisted = map[string]bool{"completion": true, "help": true}

// parse takes the help of a verb apart. A line that it does not know is an error, so that none is lost.
func parse(said string) (page, error) {
	var p page
	part := ""
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, " \n")
		switch line {
		case "Usage:", "Available Commands:", "Flags:":
			part = line
			continue
		}
		verb, known := verbLine.FindStringSubmatch(line), flagLine.FindStringSubmatch(line)
		switch {
		case part == "":
			p.text = append(p.text, line)
		case line == "" || strings.HasPrefix(line, `Use "tillbridge `):
		case part == "Usage:":
			if p.usage == "" { // the second is the one with a verb below it
				p.usage = strings.TrimSpace(line)
			}
		case part == "Available Commands:" && verb != nil:
			p.verbs = append(p.verbs, verb[1])
		case part == "Flags:" && known != nil:
			p.flags = append(p.flags, flag{known[1], known[2], known[3], known[4]})
		case part == "Flags:" && len(p.flags) > 0:
			p.flags[len(p.flags)-1].text += " " + strings.TrimSpace(line)
		default:
			return p, fmt.Errorf("a line of the help is not understood: %q", line)
		}
	}
	if p.usage == "" {
		return p, fmt.Errorf("there is no usage in the help: %q", said)
	}
	return p, nil
}

// manual is the page: the template, with a section for every verb from what the program says of it.
func manual(template string, at time.Time, help func(verb []string) (string, error)) (string, error) {
	if !strings.Contains(template, dateMark) || !strings.Contains(template, verbMark) {
		return "", fmt.Errorf("the template lacks %s or %s", dateMark, strings.TrimSpace(verbMark))
	}
	var b strings.Builder
	if err := sections(&b, nil, help); err != nil {
		return "", err
	}
	template = strings.ReplaceAll(template, dateMark, at.Format("January 2, 2006"))
	return strings.Replace(template, verbMark, b.String(), 1), nil
}

// sections writes what is below a verb, in its order.
func sections(b *strings.Builder, verb []string, help func([]string) (string, error)) error {
	said, err := help(verb)
	if err != nil {
		return err
	}
	p, err := parse(said)
	if err != nil {
		return err
	}
	if len(verb) > 0 {
		section(b, p)
	}
	for _, v := range p.verbs {
		if unlisted[v] {
			continue
		}
		if err := sections(b, append(verb[:len(verb):len(verb)], v), help); err != nil {
			return err
		}
	}
	return nil
}

func section(b *strings.Builder, p page) {
	usage := strings.TrimSuffix(strings.TrimPrefix(p.usage, "tillbridge "), " [flags]")
	fmt.Fprintf(b, ".Ss %s\n", roff(usage))
	literal := false
	for n, line := range p.text {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !literal:
			b.WriteString(".Bd -literal -offset indent\n")
		case !indented && literal:
			b.WriteString(".Ed\n")
		}
		literal = indented
		switch {
		case line != "":
			b.WriteString(roff(strings.TrimPrefix(line, "  ")) + "\n")
		case n+1 < len(p.text) && p.text[n+1] != "" && !strings.HasPrefix(p.text[n+1], "  "):
			b.WriteString(".Pp\n")
		}
	}
	if literal {
		b.WriteString(".Ed\n")
	}
	options(b, p.flags)
}

func options(b *strings.Builder, flags []flag) {
	begun := false
	for _, f := range flags {
		if f.name == "help" {
			continue
		}
		if !begun {
			b.WriteString(".Bl -tag -width Ds\n")
			begun = true
		}
		b.WriteString(".It ")
		if f.short != "" {
			b.WriteString("Fl " + f.short + " , ")
		}
		b.WriteString("Fl -" + f.name)
		if f.value != "" {
			b.WriteString(" Ar " + roff(f.value))
		}
		b.WriteString("\n" + roff(f.text) + "\n")
	}
	if begun {
		b.WriteString(".El\n")
	}
}

// roff is text that the formatter takes as it stands.
func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
