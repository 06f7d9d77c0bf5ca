package drivertest

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Vector is a row of the tables of test bytes, which lie beside the project (../shared/vectors, or where TILLBRIDGE_VECTORS says).
type Vector struct {
	Table    string // "ecr.tsv"
	Protocol string // "zvt" where the table is of one protocol
	ID       string
	Sent     bool // by the till
	Raw      []byte
	Facts    string // what a reader must find

	columns map[string]string
}

// Column is a column by its name in the table's first line; empty where the table has none.
func (v Vector) Column(name string) string { return v.columns[name] }

// Vectors reads the rows of protocols from tables, in the tables' order, and wants at least so many. Where there is no table the test is
// skipped, aloud.
func Vectors(t testing.TB, least int, tables []string, protocols ...string) []Vector {
	t.Helper()
	all, err := ReadVectors(tables, protocols...)
	switch {
	case os.IsNotExist(err):
		t.Skipf("no test vectors: set TILLBRIDGE_VECTORS to their folder: %v", err)
	case err != nil:
		t.Fatal(err)
	case len(all) < least:
		t.Fatalf("%d rows of %s in %s, want %d or more", len(all), strings.Join(protocols, ", "), strings.Join(tables, ", "), least)
	}
	return all
}

// ByID are the rows by their id.
func ByID(all []Vector) map[string]Vector {
	out := map[string]Vector{}
	for _, v := range all {
		out[v.ID] = v
	}
	return out
}

// ReadVectors is Vectors without a test. The error of a table that is not there is that of the file.
func ReadVectors(tables []string, protocols ...string) (all []Vector, err error) {
	dir, err := vectorFolder()
	if err != nil {
		return nil, err
	}
	for _, name := range tables {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		rows, err := vectorRows(name, string(text))
		if err != nil {
			return nil, err
		}
		for _, v := range rows {
			if slices.Contains(protocols, v.Protocol) {
				all = append(all, v)
			}
		}
	}
	return all, nil
}

// vectorFolder is TILLBRIDGE_VECTORS, or the folder beside the module, above the folder in which the test runs.
func vectorFolder() (string, error) {
	if dir := os.Getenv("TILLBRIDGE_VECTORS"); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	return filepath.Join(filepath.Dir(dir), "shared", "vectors"), nil
}

// vectorRows takes a table apart: tabs between fields, the first line names them.
func vectorRows(table, text string) (rows []Vector, err error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if names == nil {
			names = fields
			continue
		}
		if len(fields) != len(names) {
			return nil, fmt.Errorf("%s: %d fields, want %d: %q", table, len(fields), len(names), line)
		}
		v := Vector{Table: table, columns: map[string]string{}}
		for i, name := range names {
			v.columns[name] = fields[i]
		}
		first := func(names ...string) string {
			for _, n := range names {
				if c := v.columns[n]; c != "" {
					return c
				}
			}
			return ""
		}
		v.ID, v.Facts = v.columns["id"], first("facts", "decoded", "decodes_to")
		if v.Protocol = v.columns["protocol"]; v.Protocol == "" {
			v.Protocol = strings.TrimSuffix(table, ".tsv")
		}
		v.Sent = strings.HasPrefix(strings.ToLower(v.columns["direction"]), "ecr")
		if v.Raw, err = hex.DecodeString(first("hex", "bytes_hex")); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", table, v.ID, err)
		}
		rows = append(rows, v)
	}
	return rows, nil
}
