// Package simtest hunts for a broken money law (DESIGN, section 2) by deterministic simulation: the real core, the
// real till and the real notifier run in a model world, with a fault at every operation by which they touch it, and
// what became of the money is compared with the model terminal's ledger and the model MGR's.
//
// # What is real and what is a model
//
// Real: bridge (the core), bridge/till (desk and workers) and bridge/notify, unchanged, with all their goroutines.
// Models: the terminal with its ledger (Terminal), the till's side of its protocol (session), the line, the journal
// (Disk, with the rules of bridge/journal), MGR, the wall clock, the people at the till. The real journal and a real
// driver are swept in bridge/simtest/shell, more slowly.
//
// # One seed, one story
//
// A story plays in a bubble of testing/synctest, whose clock is virtual. A worker written as a state machine on one
// goroutine would have been easier to make deterministic, but it would have tested a copy. Instead: all chance is a
// hash of the seed, the operation and the virtual instant, never a shared generator; each actor (the story, the
// till, each notice, …) touches the world only at instants of its own, modulo 64 ns, so that the clock alone orders
// what they do; and the terminal runs no goroutine but is moved on to the present by whoever looks at it. An
// operation during which somebody holds a lock takes no time, or the bubble's clock would stand still.
// TestSameSeedSameStory plays seeds twice and compares.
//
// # Times of the wall clock
//
// A bubble has one clock. What the disk keeps is kept by a wall clock that is offset from it, and is read back by
// the offset of the moment of reading: so the clock is set, forward and back, under a running bridge.
//
// # The oracle
//
// The ledgers of the terminal and of MGR, and what the disk holds when something is handed to a line, acknowledged,
// answered or told. It shares no code with the bridge; it reads the states that the disk holds. The laws are checked
// at the event itself: I1 to I10, I13 (by deaths inside recoveries), I14 and I16. I11, I12 and I15 are tested where
// they live, at MGR's door and in the journal. A hold is a violation unless World.undecidable says why the class of
// terminal cannot decide it; what each class can decide is written there.
//
// # Runs
//
//	go test ./bridge/simtest                                            20,000 payments, every single fault
//	go test ./bridge/simtest -run TestSimulation -payments 1000000 -v   the big run
//	go test ./bridge/simtest -run TestSimulation -first 4711 -payments 1 -v   the story of seed 4711, in words
//	go test ./bridge/simtest -run TestSimulation -first 4711 -plan -v   its script only
//	go test ./bridge/simtest -run TestSameSeed -traces 10000            each seed twice, the same story
//	go test ./bridge/simtest -run TestEveryFault -depth 2               every pair of faults; 3 for triples
//	go test ./bridge/simtest -run TestZoo -zoo 20000 -timeout 30m -v    planted design bugs, by go test -overlay
//
// A run fails as well when a cell (a fault while a payment is in a state) or a point that it should have reached was
// never reached; see reach_test.go.
//
// # What nobody can tell apart, and is left out
//
// With a terminal that tells its last transaction only, a sale of the same sum that somebody makes at its keys,
// after our payment was armed and while our command was lost, looks like ours. (It mostly is: the clerk helped
// himself.) The same holds where the PC's clock is slow and such a sale was made just before. A command that a
// network delivers after its connection was given up and the terminal was asked is not modelled.
package simtest
