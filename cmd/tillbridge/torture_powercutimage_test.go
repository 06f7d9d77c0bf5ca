//go:build linux

package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"tillbridge/bridge"
	"tillbridge/terminal/simulate"
)

// witnessed is something that was seen of the program from outside, and how much its disk had carried out by then.
// The program did it before it was seen, so that what must be durable before it is among those records.
type witnessed struct {
	what    moment
	state   bridge.State // of atState
	uuid    string       // of atNotice
	outcome string       // of atNotice, with the codes
	life    int
	records int
}

// crash is a disk as a power cut may have left it: everything up to a flush, and of what came after it, up to the
// moment of the cut, any sectors.
type crash struct {
	life, n int
	records int          // what the disk had carried out at the cut
	death   bool         // it is all that the disk had carried out when the program was dead
	flushed int          // so many of them are sure
	kept    []diskRecord // of those after, by sectors
	window  int          // sectors after the flush
	how     string
}

func (c crash) String() string {
	return fmt.Sprintf("life %d, image %d: cut after request %d, flushed up to request %d, of %d sectors after that %s", c.life, c.n, c.records, c.flushed, c.window, c.how)
}

// torn tells whether it holds some of what came after the flush, and not all.
func (c crash) torn() bool { return len(c.kept) > 0 && sectors(c.kept) < c.window }

func sectors(records []diskRecord) (n int) {
	for _, r := range records {
		n += len(r.data) / sector
	}
	return n
}

// key is the same for images that are the same.
func (c crash) key() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, c.flushed)
	for _, r := range c.kept {
		fmt.Fprintf(h, " %d %d ", r.at, len(r.data))
		_, _ = h.Write(r.data) // it never fails
	}
	return h.Sum64()
}

// planCrashes chooses power cuts in one life of the program, the last of which is that in which it died: the first
// to go on from, then some at the same moment with the empty and the full subset among them, then some at the moments
// when something was seen, and at any.
func planCrashes(d *rand.Rand, life int, log []diskRecord, seen []witnessed, most, forgets int) []crash {
	var all []crash
	known := map[uint64]bool{}
	add := func(records, policy int) {
		c := crashAt(d, log, records, policy, forgets)
		if c.life, c.n = life, len(all); known[c.key()] {
			return
		}
		known[c.key()] = true
		all = append(all, c)
	}
	add(len(log), -1)
	add(len(log), keepNothing)
	add(len(log), keepAll)
	for tries := 0; len(all) < most && tries < 4*most; tries++ {
		at := d.IntN(len(log) + 1)
		switch n := d.IntN(10); {
		case n < 1:
			at = len(log)
		case n < 5 && len(seen) > 0:
			at = min(len(log), seen[d.IntN(len(seen))].records+d.IntN(3)/2)
		}
		add(at, -1)
	}
	return all
}

// What of the sectors after the flush has reached the disk.
const (
	keepNothing = iota
	keepAll
	keepBeginning // in the order of the requests, the last of them in part
	keepRequests  // whole requests
	keepSectors
	keepAllButOne // sector
	keepKinds
)

// secondOfSuperblock is where the second sector of ext4's superblock is, which goes with the first. The file system has
// one checksum over both and cannot be mounted where they do not belong together, whatever is on it.
const secondOfSuperblock = 1024 + sector

// crashAt makes a power cut after so many requests; -1 for any policy. A sound disk forgets nothing that was flushed.
func crashAt(d *rand.Rand, log []diskRecord, records, policy, forgets int) crash {
	c := crash{records: records, death: records == len(log)}
	for i, r := range log[:max(0, records-forgets)] {
		if r.flush {
			c.flushed = i + 1
		}
	}
	window := log[c.flushed:records]
	c.window = sectors(window)
	if c.window == 0 {
		c.how = "none was there"
		return c
	}
	if policy < 0 {
		policy = d.IntN(keepKinds)
	}
	part, one := pick(d, 10, 50, 90), d.IntN(c.window)
	c.how = [keepKinds]string{
		"none is there", "all are there", fmt.Sprintf("the first %d are there", one), "those of some requests are there",
		fmt.Sprintf("some %d %% are there", part), fmt.Sprintf("all but number %d are there", one),
	}[policy]
	n, keep := 0, false
	for _, r := range window {
		whole := chance(d, 50)
		for at := 0; at < len(r.data); at += sector {
			if r.at+int64(at) != secondOfSuperblock || at == 0 {
				keep = [keepKinds]bool{false, true, n < one, whole, chance(d, part), n != one}[policy]
			}
			if n++; keep {
				c.keep(r.at+int64(at), r.data[at:at+sector])
			}
		}
	}
	return c
}

// keep adds a sector, to the request before where it continues that.
func (c *crash) keep(at int64, b []byte) {
	if i := len(c.kept) - 1; i >= 0 {
		last := &c.kept[i]
		if last.at+int64(len(last.data)) == at && cap(last.data) > len(last.data) && &last.data[:len(last.data)+1][len(last.data)] == &b[0] {
			last.data = last.data[:len(last.data)+len(b)]
			return
		}
	}
	c.kept = append(c.kept, diskRecord{at: at, data: b})
}

// claims is what the program has told the world by the moment of a cut, so that it must be in its journal.
type claims struct {
	accepted bool // 202
	sent     bool // the terminal has the command to pay
	voted    bool // the terminal has our answer to its first result in the same dialogue
	states   []bridge.State
	notices  map[string]string // by payment
}

// claimed collects what was seen by a cut. Where the terminal says the result of the payment before first, the answer
// to that says nothing.
func claimed(seen []witnessed, c crash, script string) claims {
	all := claims{notices: map[string]string{}}
	open, votes := false, 0 // the dialogue of the payment
	if script == simulate.LateFrame || script == simulate.LateThenDeclined {
		votes = -1
	}
	for _, w := range seen {
		if w.life > c.life || w.life == c.life && w.records > c.records && !c.death {
			continue
		}
		switch w.what {
		case atAccepted:
			all.accepted = true
		case atCommand:
			all.sent, open = true, true
		case atVote:
			if open {
				votes++
			}
			all.voted = votes > 0
		case atState:
			all.states = append(all.states, w.state)
			open = open && w.state < bridge.Uncertain
		case atStart:
			open = false
		case atNotice:
			all.notices[w.uuid] = w.outcome
		}
	}
	return all
}
