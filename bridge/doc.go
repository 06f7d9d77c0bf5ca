// Package bridge is the core of tillbridge: the life of a payment as states, events and one transition
// table, and the rules of evidence that decide what may be told to MyGadgetRepairs (MGR).
//
// The core is pure. Step takes a payment and an event and returns the payment after it with the effects
// that are now due; it knows no disk, network, clock or goroutine. Whoever calls it makes the transition
// durable first and carries out the effects afterwards. So the same rules run in the daemon, in the
// simulation and in the replay of a journal.
//
// The money law that the table serves: no customer is charged twice, no approved payment is lost, and MGR is
// never told DENIED unless it is proven that no money moved. Time alone decides nothing once a payment is
// armed.
package bridge
