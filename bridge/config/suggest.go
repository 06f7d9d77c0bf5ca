package config

import (
	"slices"
	"strings"
)

// suggest finds the word that was most likely meant, with few enough typing errors; empty when none is near.
func suggest(word string, from []string) string {
	best, bestDistance := "", 0
	for _, candidate := range from {
		if strings.EqualFold(squeeze(word), squeeze(candidate)) {
			return candidate
		}
		d := distance(strings.ToLower(word), candidate)
		shorter := min(len(word), len(candidate))
		if d > max(1, shorter/3) || d >= shorter {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

func squeeze(s string) string { return strings.NewReplacer("_", "", "-", "", " ", "").Replace(s) }

// distance counts the letters to add, drop, change or swap with their neighbour. Words of more than 64 bytes
// are far from everything.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// oneOf says what is allowed, after what was probably meant.
func oneOf(word string, allowed []string) string {
	list := strings.Join(allowed, ", ")
	if s := suggest(word, allowed); s != "" {
		return "did you mean " + s + "? Allowed: " + list
	}
	return "allowed: " + list
}

func sorted(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return words
}
