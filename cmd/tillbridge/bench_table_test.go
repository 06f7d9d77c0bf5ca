package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	benchResults = flag.String("bench-results", "", "what the benchmarks printed, to be compared with the goals")
	benchUpdate  = flag.Bool("bench-update", false, "write the table into docs/performance.md too")
)

// figure is a row of the table: a goal of the design, and the metrics that tell whether it is met.
type figure struct {
	what, goal string
	parts      []part
}

// part is one metric of a benchmark, and the most that it may be; 0 for no goal of its own.
type part struct {
	bench, metric, name string
	most                float64
}

var figures = []figure{
	{"webhook to 202 at 50 requests/s", "p99 ≤ 50 ms", []part{
		{"Door/quiet", "p50-ms", "median", 0}, {"Door/quiet", "p99-ms", "p99", 50}, {"Door/quiet", "refused", "refused", 0},
	}},
	{"the same under a flood of wrong passcodes, 64 connections", "p99 ≤ 100 ms", []part{
		{"Door/flood64", "p50-ms", "median", 0}, {"Door/flood64", "p99-ms", "p99", 100}, {"Door/flood64", "wrong/s", "wrong passcodes a second", 0},
	}},
	{"the same under a flood of wrong passcodes, 128 connections", "p99 ≤ 100 ms", []part{
		{"Door/flood128", "p50-ms", "median", 0}, {"Door/flood128", "p99-ms", "p99", 100}, {"Door/flood128", "wrong/s", "wrong passcodes a second", 0},
	}},
	{"202 to the first byte on the line", "median ≤ 2 ms, p99 ≤ 10 ms", []part{
		{"Wire/calm", "line-p50-ms", "median", 2}, {"Wire/calm", "line-p99-ms", "p99", 10},
	}},
	{"the same, hurried terminal: first byte of the sale", "median ≤ 2 ms, p99 ≤ 10 ms", []part{
		{"Wire/hurried", "sale-p50-ms", "median", 2}, {"Wire/hurried", "sale-p99-ms", "p99", 10},
	}},
	{"last byte of the terminal's completion to the notice at MGR", "median ≤ 2 ms, p99 ≤ 10 ms", []part{
		{"Wire/calm", "notice-p50-ms", "median", 2}, {"Wire/calm", "notice-p99-ms", "p99", 10},
	}},
	{"the same, from the ACK that is the terminal's very last byte", "", []part{
		{"Wire/calm", "last-p50-ms", "median", 0}, {"Wire/calm", "last-p99-ms", "p99", 0},
	}},
	{"the same, hurried terminal: from its completion", "median ≤ 2 ms, p99 ≤ 10 ms", []part{
		{"Wire/hurried", "notice-p50-ms", "median", 2}, {"Wire/hurried", "notice-p99-ms", "p99", 10},
	}},
	{"added to a frame's turn-around at 9600 baud: ACK", "≤ 1 ms", []part{
		{"Turnaround/9600", "ack-p50-ms", "median", 1}, {"Turnaround/9600", "ack-p99-ms", "p99", 0},
	}},
	{"… answer", "≤ 1 ms", []part{
		{"Turnaround/9600", "answer-p50-ms", "median", 1}, {"Turnaround/9600", "answer-p99-ms", "p99", 0},
	}},
	{"… answer to the result, which is journalled first", "", []part{
		{"Turnaround/9600", "result-p50-ms", "median", 0}, {"Turnaround/9600", "result-p99-ms", "p99", 0},
	}},
	{"added to a frame's turn-around at 115200 baud: ACK", "≤ 1 ms", []part{
		{"Turnaround/115200", "ack-p50-ms", "median", 1}, {"Turnaround/115200", "ack-p99-ms", "p99", 0},
	}},
	{"… answer", "≤ 1 ms", []part{
		{"Turnaround/115200", "answer-p50-ms", "median", 1}, {"Turnaround/115200", "answer-p99-ms", "p99", 0},
	}},
	{"… answer to the result, which is journalled first", "", []part{
		{"Turnaround/115200", "result-p50-ms", "median", 0}, {"Turnaround/115200", "result-p99-ms", "p99", 0},
	}},
	{"resident memory, 1 terminal", "≤ 30 MB idle", []part{
		{"Memory/1", "idle-MB", "idle", 30}, {"Memory/1", "after-100-MB", "after 100 payments", 0}, {"Memory/1", "peak-MB", "peak", 0},
	}},
	{"resident memory, 64 terminals", "≤ 60 MB", []part{
		{"Memory/64", "idle-MB", "idle", 60}, {"Memory/64", "after-100-MB", "after 100 payments", 60}, {"Memory/64", "peak-MB", "peak", 0},
	}},
	{"the program's file", "≤ 20 MB", []part{{"Memory/1", "file-MB", "size", 20}}},
	{"start to ready, first start", "≤ 300 ms", []part{
		{"Start/first", "ready-p50-ms", "log median", 300}, {"Start/first", "answer-p50-ms", "door median", 300}, {"Start/first", "answer-p99-ms", "door p99", 300},
	}},
	{"start to ready, later starts", "≤ 300 ms", []part{
		{"Start/later", "ready-p50-ms", "log median", 300}, {"Start/later", "answer-p50-ms", "door median", 300}, {"Start/later", "answer-p99-ms", "door p99", 300},
	}},
	{"journal of 1,000,000 payments: look-up by uuid, file in memory", "≤ 5 ms", []part{
		{"Million", "look-up-p50-ms", "median", 5}, {"Million", "look-up-p99-ms", "p99", 5},
	}},
	{"… look-up by uuid, from the disk", "≤ 5 ms", []part{
		{"Million", "look-up-cold-p50-ms", "median", 5}, {"Million", "look-up-cold-p99-ms", "p99", 5},
	}},
	{"… start", "≤ 2 s", []part{
		{"Million", "open-ms", "in memory", 2000}, {"Million", "open-cold-ms", "from the disk", 2000}, {"Million", "unsettled-ms", "open payments", 0},
	}},
	{"… on the disk", "≤ 2 KB a payment", []part{{"Million", "B/payment", "bytes", 2000}}},
	{"the counter screen's first page with 100,000 payments, until it can be used", "median ≤ 300 ms", []part{
		{"Counter/now", "usable-p50-ms", "median", 300}, {"Counter/now", "usable-p99-ms", "p99", 0},
	}},
	{"… list of payments, a payment, end of day", "median ≤ 300 ms", []part{
		{"Counter/list", "usable-p50-ms", "list", 300}, {"Counter/payment", "usable-p50-ms", "payment", 300}, {"Counter/day-end", "usable-p50-ms", "end of day", 300},
	}},
	{"… a search through all of them", "", []part{{"Counter/search", "usable-p50-ms", "median", 0}}},
	{"for scale: syncing 4 KiB to the disk", "", []part{{"Sync", "p50-ms", "median", 0}, {"Sync", "p99-ms", "p99", 0}}},
	{"for scale: one step of a payment made durable", "", []part{{"Append", "p50-ms", "median", 0}, {"Append", "p99-ms", "p99", 0}}},
}

// TestBenchTable prints what "make bench" measured beside the goals, and with -bench-update writes it into
// docs/performance.md. It fails where a metric is missing, and judges none.
func TestBenchTable(t *testing.T) {
	if *benchResults == "" {
		t.Skip("there are no results to compare; make bench gives them with -bench-results")
	}
	text, err := os.ReadFile(*benchResults)
	if err != nil {
		t.Fatal(err)
	}
	got := readBench(string(text))
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n| figure | goal | measured | |\n|---|---|---|---|\n", machine())
	for _, f := range figures {
		row, missing := f.row(got)
		for _, m := range missing {
			t.Errorf("the results have no %s", m)
		}
		out.WriteString(row)
	}
	fmt.Print("\n" + out.String() + "\n")
	if *benchUpdate && !t.Failed() {
		writeTable(t, out.String())
	}
}

// row is a figure as a row of the table, and the metrics that were not there.
func (f figure) row(got map[string]float64) (row string, missing []string) {
	verdict := ""
	var said []string
	for _, p := range f.parts {
		v, ok := got[p.bench+" "+p.metric]
		if !ok {
			missing = append(missing, p.bench+" "+p.metric)
			continue
		}
		unit := ""
		switch {
		case strings.HasSuffix(p.metric, "-ms"):
			unit = " ms"
		case strings.HasSuffix(p.metric, "-MB"):
			unit = " MB"
		}
		said = append(said, fmt.Sprintf("%s %s%s", p.name, strconv.FormatFloat(v, 'g', 4, 64), unit))
		switch {
		case p.most > 0 && v > p.most:
			verdict = "**missed**"
		case p.most > 0 && verdict == "":
			verdict = "met"
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", f.what, f.goal, strings.Join(said, ", "), verdict), missing
}

// readBench reads "BenchmarkX/y-2  N  1.5 a  2.5 b" lines into "X/y a" and "X/y b".
func readBench(text string) map[string]float64 {
	got := map[string]float64{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(f[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			if _, err := strconv.Atoi(name[i+1:]); err == nil { // the number of processors
				name = name[:i]
			}
		}
		for i := 2; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil {
				got[name+" "+f[i+1]] = v
			}
		}
	}
	return got
}

// machine says in a sentence where this was measured.
func machine() string {
	said := []string{time.Now().UTC().Format(time.DateOnly), fmt.Sprintf("%d processors", runtime.NumCPU())}
	if cpu, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(cpu), "model name"); ok {
			model, _, _ := strings.Cut(strings.TrimLeft(rest, "\t :"), "\n")
			said[1] += " (" + model + ")"
		}
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		said = append(said, "Linux "+string(bytes.TrimSpace(kernel)))
	}
	if fs := fileSystem(os.TempDir()); fs != "" {
		said = append(said, fs)
	}
	said = append(said, runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(load)); len(f) > 2 {
			said = append(said, "load average at the end "+strings.Join(f[:3], " "))
		}
	}
	if commit, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		said = append(said, "commit "+string(bytes.TrimSpace(commit)))
	}
	return strings.Join(said, " · ")
}

// Between these lines docs/performance.md has the table.
const tableBegin, tableEnd = "<!-- measured by make bench -->\n", "<!-- end -->\n"

func writeTable(t *testing.T, table string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "performance.md")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(old), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has lost the lines between which the table stands", path)
	}
	aside := path + ".new"
	if err := errors.Join(os.WriteFile(aside, []byte(before+tableBegin+table+tableEnd+after), 0o644), os.Rename(aside, path)); err != nil {
		t.Fatal(err)
	}
}

func TestReadBench(t *testing.T) {
	got := readBench("goos: linux\nBenchmarkWire/calm-2 \t 300\t 1.5 line-p50-ms\t 2e+01 B/payment\nBenchmarkDoor/flood64 \t 1\t 3 wrong/s\nPASS\nok  \ttillbridge 3.2s\n")
	want := map[string]float64{"Wire/calm line-p50-ms": 1.5, "Wire/calm B/payment": 20, "Door/flood64 wrong/s": 3}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	row, missing := figure{"a", "b", []part{{"Wire/calm", "line-p50-ms", "median", 1}, {"Wire/calm", "x", "y", 0}}}.row(got)
	if row != "| a | b | median 1.5 ms | **missed** |\n" || len(missing) != 1 {
		t.Errorf("row %q, missing %v", row, missing)
	}
}
