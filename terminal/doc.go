// Package terminal is the vocabulary between the bridge and the drivers of card terminals: amounts,
// requests, results, evidence, and the interfaces that a driver offers and may use.
//
// One rule stands above the rest. A driver reports what is proven and nothing else: the zero Outcome is
// Unknown, a time-out or a broken line is never a refusal, and a command that may move money is handed to
// the line once. It may be repeated only where the terminal says explicitly that it did not get it.
//
// The package imports the standard library only.
package terminal
