// Package manual is the driver for a card terminal that has no connection to the till. The clerk types the amount at the
// terminal, and on the counter screen what the terminal printed: paid, with its authorisation code or reference, or not paid.
// An approval is typed twice, and both must agree. A person's word is all the evidence there is (C0, terminal.Person), and it
// is kept with their name.
//
// Nothing can be asked afterwards. Where the bridge stops before the clerk has answered, the payment is held, and a person
// settles it on the counter screen as any other.
//
// There is no line, and no cancellation: the clerk says "not paid". The simulator plays the terminal and the clerk at it.
package manual
