package transbank

import (
	"context"
	"fmt"
	"strings"

	"tillbridge/terminal"
)

// mark names the terminal's last transaction: terminal number, operation number and authorisation code, or that none is stored.
type mark struct {
	terminalID, operation, auth string
}

const markPrefix = "transbank"

func markOf(r sale) mark { return mark{r.terminalID, shortNumber(r.operation), r.auth} }

// markOf is the mark of a sale of the terminal that answers here.
func (s *session) markOf(r sale) mark {
	m := markOf(r)
	if s.terminalID != "" {
		m.terminalID = s.terminalID
	}
	return m
}

// shortNumber is an operation number without the zeros before it, which some messages leave out.
func shortNumber(operation string) string {
	if short := strings.TrimLeft(operation, "0"); short != "" || operation == "" {
		return short
	}
	return "0"
}

// none tells whether nothing was stored.
func (m mark) none() bool { return m.operation == "" && m.auth == "" }

// text is the mark for the engine.
func (m mark) text() terminal.Mark {
	parts := []string{markPrefix, m.terminalID, m.operation, m.auth}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(tidy(p), "|", ".")
	}
	return terminal.Mark(strings.Join(parts, "|"))
}

func parseMark(t terminal.Mark) (mark, bool) {
	p := strings.Split(string(t), "|")
	if len(p) != 4 || p[0] != markPrefix {
		return mark{}, false
	}
	return mark{p[1], p[2], p[3]}, true
}

// is tells whether a record of the same terminal is the marked one.
func (m mark) is(r sale) bool {
	n, _ := parseMark(markOf(r).text())
	return !m.none() && m.operation == n.operation && m.auth == n.auth
}

// sameTerminal compares the terminal's number, where both are known.
func (m mark) sameTerminal(id string) bool {
	return m.terminalID == "" || id == "" || m.terminalID == id
}

// Mark reads the terminal's last transaction, silently: from the list, or on an Autoservicio the last sale. A terminal that does not
// tell is ErrRefused; an Integrado without the list is not asked for its last sale, since it prints that.
func (s *session) Mark(ctx context.Context) (terminal.Mark, error) {
	if s.fresh {
		s.fresh = false
		return s.last, nil
	}
	err := s.ready(ctx)
	if err != nil {
		return "", err
	}
	s.last, err = s.readMark(ctx)
	return s.last, err
}

// readMark reads it on a line on which nothing is under way.
func (s *session) readMark(ctx context.Context) (terminal.Mark, error) {
	if s.o.Model == Autoservicio {
		r, stored, err := s.lastSale(ctx, false)
		switch {
		case err != nil:
			return "", err
		case !stored:
			return mark{terminalID: s.terminalID}.text(), nil
		}
		return s.markOf(r).text(), nil
	}
	all, _, err := s.list(ctx)
	switch {
	case err != nil:
		return "", s.listless(err)
	case len(all) == 0:
		return mark{terminalID: s.terminalID}.text(), nil
	case all[len(all)-1].operation == "":
		return "", fmt.Errorf("%w: its last record has no operation number", terminal.ErrRefused)
	}
	return s.markOf(all[len(all)-1]).text(), nil
}
