package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

var errByHand = errors.New("its form is not one that the program can change; write the terminal into it by hand")

// source is a text with the places of its lines.
type source struct {
	text    []byte
	starts  []int // of each line, and the end of the text
	newline string
}

func newSource(text []byte) source {
	s := source{text: text, starts: []int{0}, newline: "\n"}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\n', text[i] == '\r' && (i+1 >= len(text) || text[i+1] != '\n'):
			s.starts = append(s.starts, i+1)
		}
	}
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		s.newline = "\r\n"
	}
	if s.starts[len(s.starts)-1] != len(text) {
		s.starts = append(s.starts, len(text))
	}
	return s
}

// lines is how many there are.
func (s source) lines() int { return len(s.starts) - 1 }

// start is where a line begins, from 1; the end of the text for one beyond. The library may count lines otherwise,
// by line ends that settings do not have; what comes of that is refused when it is read.
func (s source) start(n int) int { return s.starts[min(max(n-1, 0), s.lines())] }

// line is a line, from 1, without its end.
func (s source) line(n int) string {
	return strings.TrimRight(string(s.text[s.start(n):s.start(n+1)]), "\r\n")
}

// offset is where a node begins; the library counts columns in characters, from 1.
func (s source) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > s.lines() {
		return 0, errByHand
	}
	at := s.start(n.Line)
	for range n.Column - 1 {
		if at >= len(s.text) {
			return 0, errByHand
		}
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return at, nil
}

// edit is one replacement in a text.
type edit struct {
	from, to int
	with     string
}

// apply makes edits, which are in the order of their places and do not overlap.
func (s source) apply(edits ...edit) []byte {
	var out []byte
	at := 0
	for _, e := range edits {
		if e.from < at || e.to < e.from {
			continue // the lines were counted otherwise; see start
		}
		out = append(append(out, s.text[at:e.from]...), strings.ReplaceAll(e.with, "\n", s.newline)...)
		at = e.to
	}
	return append(out, s.text[at:]...)
}

// put is the text with the terminal in it.
func put(text []byte, e Entry) (out []byte, replaced bool, err error) {
	s := newSource(text)
	doc, _, err := parseYAML(text)
	if err != nil {
		return nil, false, fmt.Errorf("it is not YAML: %w", errByHand)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if doc != nil && len(doc.Content) > 0 && !isNull(doc.Content[0]) {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 {
		return nil, false, errByHand
	}
	key, all, next := member(root, "terminals", s.lines()+1)
	switch {
	case key == nil:
		return s.append("terminals:\n" + e.Block(2)), false, nil
	case isNull(all) && all.Value == "":
		return s.after(key.Line, e.Block(key.Column+1)), false, nil
	case all.Kind != yaml.MappingNode:
		return nil, false, errByHand
	}
	name, one, end := member(all, e.Name, next)
	switch {
	case name != nil:
		out, err = s.replace(name, one, end, e)
		return out, true, err
	case all.Style&yaml.FlowStyle != 0:
		out, err = s.intoFlow(all, e.flow())
		return out, false, err
	}
	indent := all.Content[0].Column - 1
	return s.after(s.lastLine(all.Content[0].Line, next, indent), e.Block(indent)), false, nil
}

// member finds a key in a mapping, its value, and the line where the next key begins, end where there is none.
func member(m *yaml.Node, name string, end int) (key, value *yaml.Node, next int) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value != name {
			continue
		}
		if i+2 < len(m.Content) {
			end = m.Content[i+2].Line
		}
		return m.Content[i], m.Content[i+1], end
	}
	return nil, nil, end
}

// lastLine is the last line of a block that begins in one line and ends before another, and whose keys are indented
// so. Comments that are not indented more belong to what follows.
func (s source) lastLine(from, end, indent int) int {
	last := end - 1
	for ; last > from; last-- {
		text := s.line(last)
		bare := strings.TrimLeft(text, " \t")
		comment := strings.HasPrefix(bare, "#") && len(text)-len(bare) <= indent
		if bare != "" && !comment && !strings.HasPrefix(text, "...") && !strings.HasPrefix(text, "---") {
			break
		}
	}
	return last
}

// append puts lines at the end.
func (s source) append(block string) []byte {
	if n := len(s.text); n > 0 && s.text[n-1] != '\n' && s.text[n-1] != '\r' {
		block = "\n" + block
	}
	return s.apply(edit{len(s.text), len(s.text), block})
}

// after puts lines after a line.
func (s source) after(line int, block string) []byte {
	at := s.start(line + 1)
	if at == len(s.text) {
		return s.append(block)
	}
	return s.apply(edit{at, at, block})
}

// intoFlow puts a text at the beginning of a mapping in braces.
func (s source) intoFlow(m *yaml.Node, text string) ([]byte, error) {
	at, err := s.offset(m)
	if err != nil || at >= len(s.text) || s.text[at] != '{' {
		return nil, errByHand
	}
	if len(m.Content) > 0 {
		text += ", "
	}
	return s.apply(edit{at + 1, at + 1, text}), nil
}

// replace changes driver and port of a terminal, whose block ends before a line.
func (s source) replace(name, one *yaml.Node, end int, e Entry) ([]byte, error) {
	if one.Kind != yaml.MappingNode || len(one.Content) == 0 {
		return nil, errByHand
	}
	_, was, _ := member(one, "driver", end)
	if options, _, _ := member(one, "options", end); options != nil && (was == nil || was.Value != e.Driver) {
		return nil, fmt.Errorf("line %d has options for another driver than %s; remove them first, or give the terminal a name of its own", options.Line, e.Driver)
	}
	for _, x := range []struct{ key, text string }{{"port", e.port()}, {"driver", e.Driver}} {
		var err error
		if s.text, err = s.set(one, end, x.key, x.text); err != nil {
			return nil, err
		}
		// The places have moved; the next key is looked for anew.
		s = newSource(s.text)
		doc, _, err := parseYAML(s.text)
		if err != nil || doc == nil || len(doc.Content) == 0 {
			return nil, errByHand
		}
		_, all, next := member(doc.Content[0], "terminals", s.lines()+1)
		if all == nil {
			return nil, errByHand
		}
		if name, one, end = member(all, name.Value, next); one == nil {
			return nil, errByHand
		}
	}
	return s.text, nil
}

// set gives a key of a mapping another value, on one line.
func (s source) set(m *yaml.Node, end int, key, text string) ([]byte, error) {
	k, v, next := member(m, key, end)
	flow := m.Style&yaml.FlowStyle != 0
	switch {
	case k == nil && flow:
		return s.intoFlow(m, key+": "+text)
	case k == nil:
		return s.after(m.Content[0].Line-1, strings.Repeat(" ", m.Content[0].Column-1)+key+": "+text+"\n"), nil
	case v.Kind == yaml.MappingNode && v.Style&yaml.FlowStyle == 0:
		return s.fold(k, v, next, text)
	}
	from, err := s.offset(v)
	if err != nil {
		return nil, err
	}
	to, err := s.endOf(v, from)
	if err != nil {
		return nil, err
	}
	if from == to { // there is a key and no value
		return nil, errByHand
	}
	return s.apply(edit{from, to, text}), nil
}

// fold puts a value on the line of its key in place of a block below it. The block's comments stay.
func (s source) fold(k, v *yaml.Node, next int, text string) ([]byte, error) {
	at, err := s.offset(k)
	if err != nil {
		return nil, err
	}
	colon := bytes.IndexByte(s.text[at:], ':')
	indent := v.Content[0].Column - 1
	if colon < 0 || v.Content[0].Line <= k.Line {
		return nil, errByHand
	}
	edits := []edit{{at + colon + 1, at + colon + 1, " " + text}}
	for n := k.Line + 1; n <= s.lastLine(k.Line, next, k.Column-1); n++ {
		content := strings.TrimLeft(s.line(n), " \t")
		if content == "" || strings.HasPrefix(content, "#") {
			continue
		}
		with := ""
		if i := commentIn(content); i >= 0 {
			with = strings.Repeat(" ", indent) + content[i:] + "\n"
		}
		edits = append(edits, edit{s.start(n), s.start(n + 1), with})
	}
	return s.apply(edits...), nil
}

// commentIn is where the comment in a line begins, -1 where there is none.
func commentIn(text string) int {
	for i := 0; i < len(text); i++ {
		if n := quoted(text, i); n > 0 {
			i += n - 1
			continue
		}
		if text[i] == '#' && (i == 0 || strings.IndexByte(" \t\r\n", text[i-1]) >= 0) {
			return i
		}
	}
	return -1
}

// quoted is the length of the value in quotation marks that begins at i, the marks included; 0 where none does.
func quoted(text string, i int) int {
	mark := text[i]
	if mark != '"' && mark != '\'' || !opens(text, i) {
		return 0
	}
	for n := i + 1; n < len(text); n++ {
		switch {
		case mark == '"' && text[n] == '\\', mark == '\'' && text[n] == mark && n+1 < len(text) && text[n+1] == mark:
			n++
		case text[n] == mark:
			return n + 1 - i
		}
	}
	return len(text) - i
}

// opens tells whether a quotation mark begins a value, and is no character in one.
func opens(text string, i int) bool {
	before := strings.TrimRight(text[:i], " \t\r\n")
	return before == "" || strings.ContainsRune("{[,:-", rune(before[len(before)-1]))
}

// endOf is where a value in braces or on one line ends. One with a comment inside is not for us.
func (s source) endOf(v *yaml.Node, from int) (int, error) {
	rest := string(s.text[from:])
	switch {
	case v.Kind == yaml.MappingNode || v.Kind == yaml.SequenceNode:
		n := closing(rest)
		if n < 0 || commentIn(rest[:n]) >= 0 {
			return 0, fmt.Errorf("line %d has a comment inside of braces, or braces that are not closed: %w", v.Line, errByHand)
		}
		return from + n, nil
	case v.Kind != yaml.ScalarNode:
	case v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		if n := quoted(rest, 0); n > 1 {
			return from + n, nil
		}
	case v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && strings.HasPrefix(rest, v.Value):
		return from + len(v.Value), nil
	}
	return 0, errByHand
}

// closing is the length of a text in braces; -1 where they are not closed.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		if n := quoted(text, i); n > 0 {
			i += n - 1
			continue
		}
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
