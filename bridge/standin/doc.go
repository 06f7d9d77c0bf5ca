// Package standin is a stand-in for MyGadgetRepairs (MGR): it asks for payments as MGR does, is told their
// outcomes as MGR is, and keeps a ledger of both. The ledger is what tests and the demo compare the bridge
// with, beside that of the simulated terminal.
//
// It shares no code with the bridge, so that a misreading of MGR's contract cannot agree with itself. What
// the contract leaves open it takes the strict way: a notice with a field too many is refused.
package standin
