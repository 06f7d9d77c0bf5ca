package main

import (
	"errors"
	"strings"
)

// unsetNotice stands above the terminals of fresh settings.
const unsetNotice = "# While no terminal is named, no payment is taken. \"tillbridge setup\" asks for it and writes it here. Or by hand: \"tillbridge\n" +
	"# detect --probe\" finds it; remove the # in front of the lines below that are settings, from \"terminals:\" on, and change them.\n"

// settings are those that a package begins with: the example, with its terminals commented out. A terminal of the example is none of the
// shop's, and whatever is plugged in at its port must not be spoken to.
func settings(example string) (string, error) {
	var b strings.Builder
	within, found := false, false
	for line := range strings.Lines(example) {
		set := strings.TrimSpace(line) != "" && !strings.HasPrefix(strings.TrimSpace(line), "#")
		switch {
		case strings.TrimSpace(line) == "terminals:" && !found:
			within, found = true, true
			b.WriteString(unsetNotice)
		case set && !strings.HasPrefix(line, " "):
			within = false
		}
		if within && set {
			b.WriteString("#")
		}
		b.WriteString(line)
	}
	if !found {
		return "", errors.New("the example of the settings has no terminals")
	}
	return b.String(), nil
}
