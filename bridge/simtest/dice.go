package simtest

import "time"

// mix is splitmix64 folded over its arguments: all chance of the simulation comes from it, so that what happens
// depends on the seed, the operation and the virtual moment, and on no order of goroutines.
func mix(parts ...uint64) uint64 {
	h := uint64(0x9E3779B97F4A7C15)
	for _, p := range parts {
		h ^= p
		h += 0x9E3779B97F4A7C15
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	return h
}

// dice are thrown one after the other by the one goroutine that owns them.
type dice struct{ seed, thrown uint64 }

func (d *dice) next() uint64 {
	d.thrown++
	return mix(d.seed, d.thrown)
}

// below is a number from 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// chance is true in about percent of a hundred throws.
func (d *dice) chance(percent int) bool { return d.below(100) < percent }

// between is a time between two others, in milliseconds.
func (d *dice) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.below(int((to-from)/time.Millisecond)+1))*time.Millisecond
}
