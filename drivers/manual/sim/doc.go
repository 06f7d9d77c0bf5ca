// Package sim plays a card terminal that has no connection to the till, and the clerk who works it by hand. The clerk keys the
// amount in, the customer pays, the terminal prints. Its cable is the one to its bank.
//
// The terminal's ledger is the truth. The clerk knows nothing of it, and nothing of what a driver knows: what they say stands on
// the printout, or in the terminal's own journal, which it prints as well.
package sim
