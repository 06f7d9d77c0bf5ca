package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds of a settings file.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 20      // blocks within blocks
)

// decodeText gives the text of a file as UTF-8 without a byte order mark. Windows editors write UTF-16 too.
func decodeText(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		high, low := 1, 0
		if data[0] == 0xfe {
			high, low = 0, 1
		}
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			units = append(units, uint16(data[i+high])<<8|uint16(data[i+low]))
		}
		return []byte(string(utf16.Decode(units)))
	}
	return data
}

// checkText refuses what no editor shows and what would make our line numbers differ from an editor's.
func (r *reader) checkText(text []byte) bool {
	line, column, indent := 1, 1, true
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		at := &yaml.Node{Line: line, Column: column}
		switch {
		case c == utf8.RuneError && size == 1:
			r.fail(at, "", "this is not UTF-8 text", "save the file with the encoding UTF-8")
			return false
		case c == '\u00a0' && indent:
			r.fail(at, "", "a non-breaking space is in the indentation", "replace it by an ordinary space; it often comes from copying a web page")
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c >= 0x7f && c < 0xa0, c == '\u2028', c == '\u2029', c == '\ufeff', c == 0xfffe, c == 0xffff:
			r.fail(at, "", fmt.Sprintf("an invisible control character (U+%04X) is here", c), "delete it")
			return false
		}
		i += size
		column++
		indent = indent && (c == ' ' || c == '\t')
		if c == '\n' || c == '\r' && (i >= len(text) || text[i] != '\n') {
			line, column, indent = line+1, 1, true
		}
	}
	return true
}

// tree reads the text as one YAML document and returns its root, or reports why it cannot.
func (r *reader) tree(data []byte) (*yaml.Node, bool) {
	if len(data) > maxFile {
		r.fail(nil, "", "the file is too large", fmt.Sprintf("settings have at most %d bytes", maxFile))
		return nil, false
	}
	text := decodeText(data)
	if !r.checkText(text) {
		return nil, false
	}
	first, second, err := parseYAML(text)
	switch {
	case err != nil:
		r.syntax(text, err)
		return nil, false
	case first == nil || len(first.Content) == 0 || isNull(first.Content[0]):
		r.fail(&yaml.Node{Line: 1, Column: 1}, "", "the file is empty", "copy config.example.yaml and change it")
		return nil, false
	case second != nil:
		r.fail(second, "", "a second document begins here", `settings are one document: remove the line "---"`)
	}
	return first.Content[0], r.plain(first.Content[0], "", 0)
}

// parseYAML reads at most two documents. The library gives positions only in the tree, and its tree keeps
// aliases as they are, so that nothing is expanded.
func parseYAML(text []byte) (first, second *yaml.Node, err error) {
	defer func() {
		// A daemon that reads its settings anew must not die of a fault in the library.
		if p := recover(); p != nil {
			first, second, err = nil, nil, errors.New("yaml: the text confuses the reader")
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	var one, two yaml.Node
	if err := d.Decode(&one); errors.Is(err, io.EOF) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	if err := d.Decode(&two); errors.Is(err, io.EOF) {
		return &one, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	return &one, &two, nil
}

// plain refuses the parts of YAML that settings do without. What it reported is not looked at again.
func (r *reader) plain(n *yaml.Node, path string, depth int) bool {
	const spell = "write the value itself; a text that begins with & * or ! goes in quotes"
	if depth > maxDepth {
		r.fail(n, path, "blocks are nested too deep", fmt.Sprintf("at most %d levels", maxDepth))
		return false
	}
	if n.Kind == yaml.AliasNode {
		r.fail(n, path, "an alias (*) is not used in settings", spell)
		r.bad[n] = true
		return true
	}
	if n.Anchor != "" {
		r.fail(n, path, "an anchor (&) is not used in settings", spell)
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.fail(n, path, "a tag (!) is not used in settings", spell)
		r.bad[n] = true
	}
	if n.Tag == "!!merge" {
		r.fail(n, path, "a merge (<<) is not used in settings", "write the keys out")
		r.bad[n] = true
	}
	for i, c := range n.Content {
		below := path
		if n.Kind == yaml.MappingNode && n.Content[i&^1].Kind == yaml.ScalarNode {
			below = join(path, n.Content[i&^1].Value)
		}
		if !r.plain(c, below, depth+1) {
			return false
		}
	}
	return true
}

// syntax reports a text that is not YAML. The library stops at the first place that it does not understand.
func (r *reader) syntax(text []byte, err error) {
	message, line := yamlMessage(err)
	line = refine(text, message, line)
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	line = min(max(line, 1), len(lines))
	this := lines[line-1]
	rest := strings.TrimLeft(this, " ")
	at := &yaml.Node{Line: line, Column: len(this) - len(rest) + 1}
	if strings.HasPrefix(rest, "\t") {
		r.fail(at, "", "a tab is used for indentation", "YAML indents with spaces only: replace the tab by spaces")
		return
	}
	what, todo := explain(message)
	r.fail(at, "", what, todo)
}

var yamlPrefix = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlMessage splits the library's error. Line is 1 where it names none.
func yamlMessage(err error) (message string, line int) {
	text := err.Error()
	m := yamlPrefix.FindStringSubmatch(text)
	if m == nil {
		return text, 1
	}
	line = 1
	if n, err := strconv.Atoi(m[1]); err == nil {
		line = n
	}
	return text[len(m[0]):], line
}

// refine finds the line that a syntax error stands in. The library names the line where the surrounding block
// begins, or the one before; the error stands in the first line without which it is not there.
func refine(text []byte, message string, line int) int {
	const most = 200
	if len(text) > 64<<10 {
		return line
	}
	end := 0
	for n := 1; n < line+most; n++ {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return max(n, line)
		}
		end += i + 1
		if n < line {
			continue
		}
		if _, _, err := parseYAML(text[:end]); err != nil {
			if m, _ := yamlMessage(err); m == message {
				return n
			}
		}
	}
	return line
}

// explain says what the library's messages mean. Their own text is not shown: it may quote the file.
func explain(message string) (what, todo string) {
	for _, x := range []struct{ has, what, todo string }{
		{"cannot start any token", "a value begins with a character that YAML keeps for itself (@ ` %)", "put the value in quotes"},
		{"mapping values are not allowed", "a colon stands where none can", "indent the keys of a block alike, and put a text with \": \" in it in quotes"},
		{"could not find expected ':'", "a key without its colon", "write key: value, with a space after the colon"},
		{"block sequence entries are not allowed", "a list item stands where none can", "put the dash on a line of its own below the key, or write [a, b]"},
		{"unknown escape", "a backslash in double quotes means a special character", `write Windows paths without quotes or in single quotes: 'C:\Tillbridge\passcode'`},
		{"expected hexdecimal", "a backslash in double quotes means a special character", `write Windows paths without quotes or in single quotes: 'C:\Tillbridge\passcode'`},
		{"unexpected end of stream", "a quotation mark is opened and never closed", "close it, or double a ' inside single quotes"},
		{"unexpected document indicator", "a quotation mark is opened and never closed", "close it"},
		{"expected ',' or ']'", "a [ is opened and not closed", "write [a, b]"},
		{"expected ',' or '}'", "a { is opened and not closed", "write {key: value, key: value}"},
		{"expected '-' indicator", "a key stands among list items", "indent it as part of the item above, or end the list"},
		{"node content", "a value is missing where one must follow, or a bracket is opened and not closed", "write [a, b] or {key: value}; put a text that begins with , ] or } in quotes"},
		{"mapping keys are not allowed", "a question mark stands where none can", "put a text that begins with ? in quotes"},
		{"<document start>", "text follows the end of the settings", "remove it"},
		{"tag", "a value begins with !", "put a text that begins with ! in quotes"},
		{"expected '!'", "a value begins with !", "put a text that begins with ! in quotes"},
		{"comment or line break", "after | or > only a line break may follow", "put a text that begins with | or > in quotes"},
		{"indentation indicator", "after | or > only a line break may follow", "put a text that begins with | or > in quotes"},
		{"character escape code", "a backslash in double quotes means a special character", `write Windows paths without quotes or in single quotes: 'C:\Tillbridge\passcode'`},
		{"did not find expected key", "the indentation does not fit, or text follows a closing quote or bracket", "indent the keys of a block alike"},
		{"tab character", "a tab is used for indentation", "YAML indents with spaces only: replace the tab by spaces"},
		{"unknown anchor", "a value begins with *", "put a text that begins with * in quotes"},
		{"alphabetic or numeric character", "a value begins with * or &", "put a text that begins with * or & in quotes"},
		{"depth", "blocks are nested too deep", fmt.Sprintf("at most %d levels", maxDepth)},
		{"directive", "a line begins with %", "remove it"},
	} {
		if strings.Contains(message, x.has) {
			return x.what, x.todo
		}
	}
	return "this is not YAML", "compare it with config.example.yaml"
}
