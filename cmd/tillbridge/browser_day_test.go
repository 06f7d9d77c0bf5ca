//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// What a day at the counter is, in changes that a screen is told of: one every ten seconds for 24 hours, with a payment among each
// two hundred.
const (
	changesOfADay = 24 * 60 * 6
	changesAPiece = changesOfADay / 45
	warmChanges   = 400 // after which nothing may grow any more
)

// dayScript lets the test tell the page of changes, and takes away the pause after each: what is left is everything that the page
// does in a day, in a minute.
const dayScript = `
	window.streams = [];
	window.EventSource = class extends EventTarget {
		static CLOSED = 2; static OPEN = 1;
		readyState = 1;
		constructor() { super(); window.streams.push(this); }
		close() { this.readyState = 2; window.streams = window.streams.filter((s) => s !== this); }
	};
	const wait = window.setTimeout;
	window.setTimeout = (f, ms, ...more) => wait(f, ms === 300 ? 0 : ms, ...more);`

// footprint is what an open screen takes.
type footprint struct {
	Nodes, Listeners, Documents, HeapBytes, ServerKB int
}

// TestBrowserOpenForADay leaves the first page open for a simulated day: neither the page nor the bridge grows by it. It runs where
// TILLBRIDGE_BROWSER=1 asks for it.
func TestBrowserOpenForADay(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it drives a browser for minutes, which -short leaves out")
	case os.Getenv("TILLBRIDGE_BROWSER") != "1":
		t.Skip("it drives a browser, which is done where TILLBRIDGE_BROWSER=1 is set")
	}
	b, r := openBrowser(t), newRig(t, "pty", "--outcome", "approved")
	b.devtools(nil, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": dayScript})
	b.signIn("http://"+r.bridge.find(t, `msg=ready .*counter=(\S+)`)[1], r.dir, "owner-password")
	b.says(".well", `^All is well`)
	changes := 0
	tell := func(n int) {
		t.Helper()
		var fetched int
		err := b.call(http.MethodPost, "/execute/async", map[string]any{"args": []any{n}, "script": `const [n, done] = arguments;
			(async () => {
				const before = performance.getEntriesByType("resource").length;
				performance.clearResourceTimings();
				let fetched = 0;
				for (let i = 0; i < n; i++) {
					const wanted = new Promise((ok) => { new PerformanceObserver((list, o) => { o.disconnect(); ok(); }).observe({ type: "resource" }); });
					for (const s of window.streams) s.dispatchEvent(new Event("changed"));
					await wanted;
					fetched++;
					performance.clearResourceTimings();
					await new Promise((ok) => setTimeout(ok, 1));
				}
				return fetched;
			})().then(done, (e) => done(-1))`}, &fetched)
		if err != nil || fetched != n {
			t.Fatalf("%d of %d changes were looked at: %v", fetched, n, err)
		}
		changes += n
	}
	tell(warmChanges)
	before := b.footprint(r)
	for n := 0; changes < changesOfADay; n++ {
		id := r.uuid()
		r.charge(id, fmt.Sprintf("%d.50", 10+n))
		r.agree(id, 1)
		tell(min(changesAPiece, changesOfADay-changes))
	}
	after := b.footprint(r)
	t.Logf("note: a screen left open for %d changes, a simulated day: before %+v, after %+v", changes, before, after)
	for what, grown := range map[string][3]int{ // before, after, and what garbage that is still to be collected may make of it
		"nodes": {before.Nodes, after.Nodes, 300}, "listeners": {before.Listeners, after.Listeners, 10}, "documents": {before.Documents, after.Documents, 3},
		"bytes of the page's heap": {before.HeapBytes, after.HeapBytes, 2 << 20}, "KB of the bridge": {before.ServerKB, after.ServerKB, 12 << 10},
	} {
		if grown[1] > grown[0]+grown[2] {
			t.Errorf("%s grew from %d to %d", what, grown[0], grown[1])
		}
	}
	b.says(".card .state", `^Ready$`)
	b.quiet("after a day")
}

// footprint measures after what can be collected was collected.
func (b *browser) footprint(r *rig) (f footprint) {
	b.t.Helper()
	for range 3 {
		b.devtools(nil, "HeapProfiler.collectGarbage", nil)
	}
	var dom struct{ Nodes, JSEventListeners, Documents int }
	b.devtools(&dom, "Memory.getDOMCounters", nil)
	var heap struct{ UsedSize float64 }
	b.devtools(&heap, "Runtime.getHeapUsage", nil)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.bridge.cmd.Process.Pid))
	if err == nil {
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		f.ServerKB, err = strconv.Atoi(strings.Fields(rest)[0])
	}
	if err != nil {
		b.t.Logf("the bridge's memory is not known here: %v", err)
	}
	f.Nodes, f.Listeners, f.Documents, f.HeapBytes = dom.Nodes, dom.JSEventListeners, dom.Documents, int(heap.UsedSize)
	return f
}
