// Package shop hunts for a broken money law (DESIGN, section 2) in the whole bridge at once: a shop in a bubble of
// testing/synctest, with everything real that the daemon ties together, and people and faults around it.
//
// # What is real and what is not
//
// Real, in all their goroutines: the journal on a file system, till, webhook door and counter screen behind real HTTP
// servers, the notifier with a real HTTP transport, and every driver that uses a line, over each framing that it
// has, with its options read as those of a shop are and the currency that is usual for it. Around them: the drivers'
// simulators with their ledgers, the stand-in MGR with its own, and a network and lines in memory, since a bubble's clock
// stands still while somebody waits for a socket. The rooms are tied here as bridge/daemon ties them; house.go follows
// bridge/daemon/house.go.
//
// stock_test.go lists the kinds of terminal. They are those of each driver's battery, with its options: ecr17 at
// terminals that take sales from the till only, telium in both dialects, transbank with and without a clerk. A driver that
// is added to drivers.All and uses a line fails TestStock until it has its shelf there.
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
// violation unless undecidable (holds.go) says why that terminal's evidence cannot decide it. What a terminal can tell
// stands beside it in the stock, by the paper of its protocol; the driver is not asked. At the end of each shop the
// faults stop; within five minutes everything must be final or on hold, and the clerk settles what is held at the
// counter screen by what the ledger says.
//
// # Runs
//
//	go test ./bridge/simtest/shop                                                       some 300 payments, and the zoo
//	go test ./bridge/simtest/shop -run TestShops -shop-first 4711 -shop-payments 1 -v   the story of seed 4711
//	go test ./bridge/simtest/shop -run TestShops -shop-only pax,pax-2 -v                 shops with these terminals only
//	go test -race -gcflags=modernc.org/sqlite/lib=-race=false -timeout 30m ./bridge/simtest/shop \
//	    -run TestShops -shop-payments 20000 -v                                          the long run
//
// The flag keeps the race detector out of SQLite's own C code, which was translated to Go and has no goroutines of its
// own; with it the run takes a quarter of the time. Everything else is watched. TestZoo puts mistakes into the wiring
// and wants each of them found; TestZooOfEach puts one into every driver.
//
// # What is left out
//
// A manual sale has a sum of its own, and a network never delivers a command after its connection was given up: what
// docs/reliability.md names as known limits. A disk that fails is the matter of bridge/simtest.
//
// Two drivers are not in the stock. What process speaks with is a program of its own, and a child process cannot live in
// a bubble: its clock is not the bubble's. What manual speaks with is a person at the counter screen, who is not this clerk. Both are played by
// their batteries, and manual's terminal and clerk by bridge/demo. Where a terminal dials the till (telium over TCP), a line is there as soon as the till wants one.
//
// A script that a driver is known to break a law with is spared it, with the reason in the stock.
package shop
