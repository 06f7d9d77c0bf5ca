package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// linked is a program and what is linked into it.
type linked struct {
	os      string // as Go names it
	arch    string
	sha256  string // of the program, hexadecimal
	modules []module
}

// module is a library of others.
type module struct {
	path, version, sum string
	texts              []text   // licences and notices, as its authors wrote them
	ids                []string // SPDX
}

type text struct{ name, body string }

// std is Go's own library, as it is named in bills of materials.
const std = "std"

// linkedInto reads from a program which modules are linked into it, and from the module cache their licences.
func linkedInto(ctx context.Context, program string) (linked, error) {
	raw, err := os.ReadFile(program)
	if err != nil {
		return linked{}, err
	}
	info, err := buildinfo.Read(bytes.NewReader(raw))
	if err != nil {
		return linked{}, fmt.Errorf("%s: %w", program, err)
	}
	sum := sha256.Sum256(raw)
	l := linked{sha256: hex.EncodeToString(sum[:])}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			l.os = s.Value
		case "GOARCH":
			l.arch = s.Value
		}
	}
	root, err := goRoot(ctx, info.GoVersion)
	if err != nil {
		return linked{}, err
	}
	folders := []string{root}
	l.modules = []module{{path: std, version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			return linked{}, fmt.Errorf("%s is replaced by %s, whose licence is not looked for", d.Path, d.Replace.Path)
		}
		folder, err := command(ctx, "go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", d.Path)
		if err != nil {
			return linked{}, err
		}
		version, folder, _ := strings.Cut(folder, " ")
		if version != d.Version || folder == "" {
			return linked{}, fmt.Errorf("the program has %s %s and the module cache %q", d.Path, d.Version, version)
		}
		folders = append(folders, folder)
		l.modules = append(l.modules, module{path: d.Path, version: d.Version, sum: d.Sum})
	}
	for i := range l.modules {
		if err := l.modules[i].read(folders[i]); err != nil {
			return linked{}, err
		}
	}
	return l, nil
}

// goRoot is the folder of the Go that a program was built by.
func goRoot(ctx context.Context, version string) (string, error) {
	here, err := command(ctx, "go", "env", "GOVERSION", "GOROOT")
	if err != nil {
		return "", err
	}
	v, root, _ := strings.Cut(here, "\n")
	if v != version {
		return "", fmt.Errorf("the program was built by %s, and this is %s", version, v)
	}
	return root, nil
}

func command(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// read reads the licences and notices in a module's folder. One without a licence that is known is an error: somebody must look.
func (m *module) read(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type() != fs.ModeDir && licenceFile.MatchString(e.Name()) {
			b, err := os.ReadFile(filepath.Join(folder, e.Name()))
			if err != nil {
				return err
			}
			body := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
			m.texts = append(m.texts, text{e.Name(), body})
			m.ids = append(m.ids, licenceIDs(body)...)
		}
	}
	slices.Sort(m.ids)
	m.ids = slices.Compact(m.ids)
	if len(m.ids) == 0 {
		return fmt.Errorf("%s %s has no licence that is known, in %s", m.path, m.version, folder)
	}
	return nil
}

// licenceIDs are the SPDX identifiers of the licences that a text grants, by sentences that each of them has.
func licenceIDs(body string) (ids []string) {
	flat := strings.Join(strings.Fields(body), " ")
	has := func(all ...string) bool {
		return !slices.ContainsFunc(all, func(s string) bool { return !strings.Contains(flat, s) })
	}
	bsd := has("Redistribution and use in source and binary forms, with or without modification, are permitted")
	third := has("to endorse or promote products derived from")
	for _, l := range []struct {
		id  string
		yes bool
	}{
		{"Apache-2.0", has("Apache License") && has("Version 2.0")},
		{"BSD-2-Clause", bsd && !third},
		{"BSD-3-Clause", bsd && third},
		{"MIT", has("Permission is hereby granted, free of charge", "The above copyright notice and this permission notice shall be included")},
		{"Zlib", has("provided 'as-is', without any express or implied warranty", "Altered source versions must be plainly marked")},
	} {
		if l.yes {
			ids = append(ids, l.id)
		}
	}
	return ids
}

const rule = "================================================================================\n"

// licences is one text of all licences.
func licences(l linked) string {
	var b strings.Builder
	b.WriteString("tillbridge contains the software of others that is named here, under these licences.\n\n")
	for _, m := range l.modules {
		fmt.Fprintf(&b, "  %s %s (%s)\n", m.name(), m.version, strings.Join(m.ids, ", "))
	}
	for _, m := range l.modules {
		for _, t := range m.texts {
			fmt.Fprintf(&b, "\n%s%s %s: %s\n%s\n%s\n", rule, m.name(), m.version, t.name, rule, t.body)
		}
	}
	return b.String()
}

func (m module) name() string {
	if m.path == std {
		return "Go's standard library and run-time system"
	}
	return m.path
}
