package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(text)
	word, _, _ := strings.Cut(text, " ")
	// A path or a name that begins with a small letter stays as it is.
	if unicode.IsLower(first) && !strings.ContainsAny(word, "/\\.:_=") {
		text = string(unicode.ToUpper(first)) + text[n:]
	}
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "!") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// one or many of a thing.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}

// arg is an argument of a command, in quotes where the system's shell needs them.
func (x *exam) arg(s string) string {
	switch {
	case x.OS != "windows":
		return shell(s)
	case strings.ContainsAny(s, " &()^"):
		return `"` + s + `"`
	}
	return s
}

// shell puts an argument in quotes where a shell needs them.
func shell(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+:,@", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
