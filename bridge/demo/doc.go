// Package demo shows the bridge at work on one machine without a terminal, a shop or MyGadgetRepairs (MGR):
// the real bridge with its journal as a process of its own, a stand-in for MGR on one side of it, a simulated
// card terminal on a byte line on the other, and a page to use and to sabotage all of them. Below stand the
// three ledgers, which are kept independently of each other, and whether they agree.
//
// On Linux the line is a pseudo-terminal with the protocol's serial framing; elsewhere it is a TCP connection
// on the loopback. Pulling the cable, cutting the power and killing the bridge do to it what they do to a real
// one.
//
// A terminal without a connection has no line. Whoever looks at the page is its clerk, and types on the counter
// screen what the terminal printed; in a payment that runs by itself a simulated clerk does, over the same pages.
package demo
