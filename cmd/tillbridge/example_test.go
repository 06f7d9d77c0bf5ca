package main

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
	"tillbridge/drivers/zvt"
)

// exampleEnv is a machine on which the example's files are there.
func exampleEnv(goos string) config.Env {
	return config.Env{
		OS: goos, LookupEnv: func(string) (string, bool) { return "", false },
		ReadFile: func(path string, _ int64) ([]byte, fs.FileMode, error) {
			if strings.HasSuffix(path, "passcode") || strings.HasSuffix(path, "password") {
				return []byte("correct horse battery staple\n"), 0o600, nil
			}
			return nil, 0, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		},
	}
}

// TestExample reads config.example.yaml as it is, and once more with each setting that is commented out put in
// force, since a comment that is wrong misleads whoever takes the number sign away.
func TestExample(t *testing.T) {
	text := string(config.Example())
	s, err := config.Parse("config.example.yaml", []byte(text), drivers.All(), exampleEnv("linux"))
	if err != nil {
		t.Fatalf("the example is wrong:\n%v", err)
	}
	if len(s.Terminals) != 1 || len(s.Warnings) > 0 {
		t.Errorf("the example has %d terminals and the warnings %v", len(s.Terminals), s.Warnings)
	}
	plain := *s.Terminals[0].Options.(*zvt.Options)
	setting := regexp.MustCompile(`(?m)^( *)#([a-z_]+: .*)$`)
	found := setting.FindAllStringSubmatchIndex(text, -1)
	if len(found) < 20 {
		t.Fatalf("%d settings are commented out, fewer than there were", len(found))
	}
	for _, at := range found {
		line := text[at[4]:at[5]]
		env := exampleEnv("linux")
		changed := text[:at[0]] + text[at[2]:at[3]] + line + text[at[1]:]
		if key, _, _ := strings.Cut(line, ":"); key == "port" { // it takes the place of the one above
			changed = regexp.MustCompile(`(?m)^ +port: .*$`).ReplaceAllLiteralString(text, "    "+line)
			if strings.Contains(line, "COM") {
				env = exampleEnv("windows")
				changed = strings.ReplaceAll(changed, "/etc/tillbridge/", `C:\Tillbridge\`)
			}
		}
		if strings.HasPrefix(line, "tls:") {
			continue // its files must be a certificate and its key, which bridge/config tests
		}
		s, err := config.Parse("config.example.yaml", []byte(changed), drivers.All(), env)
		if err != nil {
			t.Errorf("with %q in force:\n%v", line, err)
			continue
		}
		// What the comments show for the driver are its defaults, but for the two bytes that providers name.
		o := *s.Terminals[0].Options.(*zvt.Options)
		o.ConfigByte, o.ServiceByte = plain.ConfigByte, plain.ServiceByte
		if o != plain {
			t.Errorf("%q is not the default", line)
		}
	}
}
