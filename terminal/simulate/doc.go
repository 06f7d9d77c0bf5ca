// Package simulate holds what simulated terminals of every protocol share: the desk with its display, customer
// and script, the ledger that is the truth for tests, the menu of outcomes and faults, and lines to serve a
// terminal on, in memory, paced, noisy, cut, on a pseudo-terminal or over TCP. Body is a whole terminal without a
// protocol, and STX the queue of frames that want an acknowledgement. What a message means is the simulator's own.
package simulate
