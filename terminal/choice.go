package terminal

import (
	"fmt"
	"slices"
	"strings"
)

// Choice are the words of an option that takes one of a few: the word of value n stands at n. A value whose word is
// empty cannot be written in the settings.
type Choice[T ~uint8] []string

// Read sets a value by its word. An error says which words there are, and leaves the value as it was.
func (c Choice[T]) Read(to *T, word []byte) error {
	if n := slices.Index(c, string(word)); n >= 0 && len(word) > 0 {
		*to = T(n)
		return nil
	}
	known := slices.DeleteFunc(slices.Clone(c), func(w string) bool { return w == "" })
	last := len(known) - 1
	return fmt.Errorf("%q is not known; write %s or %s", word, strings.Join(known[:last], ", "), known[last])
}

// Write is the word of a value, for UnmarshalText to read again.
func (c Choice[T]) Write(v T) ([]byte, error) {
	if int(v) >= len(c) {
		return nil, fmt.Errorf("option value %d has no word", v)
	}
	return []byte(c[v]), nil
}
