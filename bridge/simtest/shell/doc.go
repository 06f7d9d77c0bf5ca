// Package shell hunts for a broken money law: model terminals of every evidence class with ledgers of
// their own, a fuse that kills the bridge at any chosen operation, and checks of the invariants against those
// ledgers and against what MGR was told. It is the slower and more real part of the hunt: the real journal on a real
// file system, real lines in memory, and a real driver, in all their goroutines.
//
// The model terminals speak a small text protocol of their own. Model is its terminal's side and ModelDriver
// its till's side; they share the words on the line and nothing else.
package shell
