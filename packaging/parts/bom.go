package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// document is a bill of materials, CycloneDX 1.5 as JSON.
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []licence  `json:"licenses,omitempty"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// bom is the bill of materials of a program. A library's property go:sum is the sum of its sources as go.sum has it.
func bom(l linked, version string, at time.Time) (string, error) {
	me := "pkg:golang/tillbridge@" + escape(version) + "?goarch=" + l.arch + "&goos=" + l.os
	d := document{
		Format: "CycloneDX", Spec: "1.5", Version: 1,
		Metadata: metadata{
			Timestamp: at.Format(time.RFC3339),
			Component: component{Type: "application", Ref: me, Name: "tillbridge", Version: version, PURL: me, Hashes: []hash{{"SHA-256", l.sha256}}},
		},
		Dependencies: []dependency{{Ref: me}},
	}
	for _, m := range l.modules {
		// A package URL has a Go module's path in lower case.
		purl := fmt.Sprintf("pkg:golang/%s@%s", strings.ToLower(m.path), escape(m.version))
		c := component{Type: "library", Ref: purl, Name: m.path, Version: m.version, PURL: purl, Licenses: []licence{{strings.Join(m.ids, " AND ")}}}
		if m.sum != "" {
			c.Properties = []property{{"go:sum", m.sum}}
		}
		d.Components = append(d.Components, c)
		d.Dependencies[0].DependsOn = append(d.Dependencies[0].DependsOn, purl)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return "", err
	}
	return b.String(), nil
}

// escape writes a version as package URLs have it.
func escape(version string) string { return strings.ReplaceAll(version, "+", "%2B") }
