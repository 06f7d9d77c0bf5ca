// Package shop hunts for a broken money law (DESIGN, section 2) in the whole bridge at once: a shop in a bubble of
// testing/synctest, with everything real that the daemon ties together, and people and faults around it.
//
// # What is real and what is not
//
// Real, in all their goroutines: the journal on a file system, till, webhook door and counter screen behind real HTTP
// servers, the notifier with a real HTTP transport, and every driver that has a simulator, over each framing that it
// has. Around them: the drivers' simulators with their ledgers, the stand-in MGR with its own, and a network and lines
// in memory, since a bubble's clock stands still while somebody waits for a socket. The rooms are tied here as
// bridge/daemon ties them; house.go follows bridge/daemon/house.go.
//
// # One seed, one shop
//
// The plan of a shop is drawn from its seed before anything happens: terminals, customers and what they and the
// terminals do, repeated and conflicting webhooks, floods of wrong passcodes, the clerk, pulled cables and power cuts,
// MGR's faults, and when the bridge is stopped or dies: at a moment, or at its n-th touch of the world. Real goroutines
// that run at the same instant are ordered by the scheduler, so that a seed tells nearly the same story each time, and
// not exactly; what is judged depends on the ledgers and never on luck.
//
// # The oracle
//
// The terminals' ledgers and MGR's, and the journal as the third book. See oracle.go for the laws. A hold is a
// violation unless undecidable says why that terminal's evidence cannot decide it. At the end of each shop the faults
// stop; within five minutes everything must be final or on hold, and the clerk settles what is held at the counter
// screen by what the ledger says.
//
// # Runs
//
//	go test ./bridge/simtest/shop                                                       some 300 payments, and the zoo
//	go test ./bridge/simtest/shop -run TestShops -shop-first 4711 -shop-payments 1 -v   the story of seed 4711
//	go test -race -gcflags=modernc.org/sqlite/lib=-race=false -timeout 30m ./bridge/simtest/shop \
//	    -run TestShops -shop-payments 20000 -v                                          the long run
//
// The flag keeps the race detector out of SQLite's own C code, which was translated to Go and has no goroutines of its
// own; with it the run takes a quarter of the time. Everything else is watched. TestZoo puts mistakes into the wiring
// and wants each of them found.
//
// # What is left out
//
// A manual sale has a sum of its own, and a network never delivers a command after its connection was given up: what
// docs/reliability.md names as known limits. A disk that fails is the matter of bridge/simtest.
package shop
