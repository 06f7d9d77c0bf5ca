package drivertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVectorRows(t *testing.T) {
	const table = "protocol\tid\tdirection\thex\tfacts\n" + "a\t1\tECR>TPE\t0001\tx=1\n" + "b\t2\tTPE>ECR\tff\ty\n" + "a\t3\tpos>ecr\t02\t\n"
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "t.tsv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TILLBRIDGE_VECTORS", dir)
	if _, err := ReadVectors([]string{"t.tsv"}, "a"); !os.IsNotExist(err) {
		t.Errorf("no table: %v", err)
	}
	write(table)
	all := Vectors(t, 2, []string{"t.tsv"}, "a")
	if len(all) != 2 || all[0].ID != "1" || !all[0].Sent || string(all[0].Raw) != "\x00\x01" || all[0].Facts != "x=1" || all[1].Sent || all[1].Column("direction") != "pos>ecr" || all[0].Column("none") != "" {
		t.Errorf("%+v", all)
	}
	if one := ByID(all)["3"]; string(one.Raw) != "\x02" {
		t.Errorf("%+v", one)
	}
	write("id\tdirection\tdecodes_to\thex\n" + "V1\tecr->pt\tACK\t06\n")
	if rows, err := ReadVectors([]string{"t.tsv"}, "t"); err != nil || len(rows) != 1 || !rows[0].Sent || rows[0].Facts != "ACK" {
		t.Errorf("a table of one protocol: %+v, %v", rows, err)
	}
	for bad, says := range map[string]string{"a\t1\tx\t0g\ty\n": "t.tsv, 1: ", "a\t1\tx\t00\n": "4 fields, want 5"} {
		write(table + bad)
		if _, err := ReadVectors([]string{"t.tsv"}, "a"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Where the tables are not there a test is skipped, and one that finds too few rows fails.
func TestVectorsMissing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TILLBRIDGE_VECTORS", dir)
	f := &fakeTB{TB: t}
	f.run(func() { Vectors(f, 1, []string{"t.tsv"}, "a") })
	if !f.skipped || f.failed {
		t.Errorf("no table: skipped %t, failed %t", f.skipped, f.failed)
	}
	if err := os.WriteFile(filepath.Join(dir, "t.tsv"), []byte("protocol\tid\thex\na\t1\t00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f = &fakeTB{TB: t}
	f.run(func() { Vectors(f, 2, []string{"t.tsv"}, "a") })
	if f.skipped || !f.failed {
		t.Errorf("too few rows: skipped %t, failed %t", f.skipped, f.failed)
	}
}

// fakeTB is a test that notes how it ended.
type fakeTB struct {
	testing.TB
	skipped, failed bool
}

type ended struct{}

func (f *fakeTB) run(do func()) {
	defer func() {
		if r := recover(); r != nil && r != (ended{}) {
			panic(r)
		}
	}()
	do()
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Skipf(string, ...any)  { f.skipped = true; panic(ended{}) }
func (f *fakeTB) Fatalf(string, ...any) { f.failed = true; panic(ended{}) }
func (f *fakeTB) Fatal(...any)          { f.failed = true; panic(ended{}) }
