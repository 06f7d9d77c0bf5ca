package doctor

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Part is one file of a support bundle.
type Part struct {
	Name string // in the bundle, with folders divided by a slash
	What string // one line: what it is
	Text string // as it is; the bundle takes secrets and card numbers out
	// Settings tells that the text is a settings file, of which only what is known to be plain is kept.
	Settings bool
	// Missing says why there is no text; then only the table of contents tells of it.
	Missing string
}

// The bounds of a bundle.
const (
	partMost  = 4 << 20 // bytes of one part; the end counts, and the beginning is left out
	partsMost = 160
)

// WriteBundle writes a support bundle: a zip with a table of contents first. Every text goes through the redactor,
// whatever made it.
func WriteBundle(w io.Writer, at time.Time, title string, parts []Part, r *Redactor) error {
	parts = parts[:min(len(parts), partsMost)]
	texts := make([]string, len(parts))
	var contents strings.Builder
	fmt.Fprintf(&contents, "%s\nMade %s.\n\n", title, at.UTC().Format(time.RFC3339))
	contents.WriteString("Passcodes, passwords and keys are left out, and card numbers show their last four digits at\nmost. " +
		"Look through the files before you send them.\n\n")
	for i, p := range parts {
		if p.Missing != "" {
			fmt.Fprintf(&contents, "  %-22s %s\n  %-22s missing: %s\n", p.Name, p.What, "", p.Missing)
			continue
		}
		texts[i] = r.part(p)
		fmt.Fprintf(&contents, "  %-22s %s (%d bytes)\n", p.Name, p.What, len(texts[i]))
	}
	z := zip.NewWriter(w)
	if err := add(z, at, "CONTENTS.txt", r.Text(contents.String())); err != nil {
		return err
	}
	for i, p := range parts {
		if p.Missing != "" {
			continue
		}
		if err := add(z, at, p.Name, texts[i]); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}

// part is a part's text as it goes into the bundle.
func (r *Redactor) part(p Part) string {
	text := p.Text
	if p.Settings {
		text = r.Settings(text)
	}
	if len(text) > partMost {
		text = text[len(text)-partMost:]
		// A cut could begin in the middle of a secret, so that it begins with a whole line.
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		} else {
			text = ""
		}
		text = "[the beginning is left out]\n" + text
	}
	return r.Text(text)
}

func add(z *zip.Writer, at time.Time, name, text string) error {
	f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.UTC()})
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err != nil {
		return fmt.Errorf("write %s into the bundle: %w", name, err)
	}
	return nil
}

// JSON is a value as a part's text.
func JSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "it cannot be written: " + err.Error()
	}
	return b.String()
}
