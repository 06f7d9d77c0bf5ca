// Package process is the driver for a terminal that another program speaks to, in whatever language: the bridge starts the
// program, and both say JSON lines over its standard input and output. PROTOCOL.md is the paper, example.py a program.
//
// The evidence class comes from the settings and not from the program: a payment is armed with it before the program has to be
// there, held payments are judged by it when it is gone, and what a shop relies on is the shop's to say. The program tells its own
// in the handshake, and one that proves less than the settings claim is refused.
//
// There is no port in the settings: the program opens its line itself, and finds where in options.settings. A program that dies
// in a payment leaves it unknown; the engine opens a session anew, with its back-off, which starts the program, and asks. One that
// dies between payments is started again by the next call.
//
// Serve is the other side: it makes a driver of this repository such a program.
package process
