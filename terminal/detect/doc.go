// Package detect finds out which serial port or address has a card terminal, and which protocol that speaks.
//
// It opens nothing that it is not told to, leaves alone what somebody uses, listens before it speaks, and lets a
// driver write nothing but the messages that the driver lists for it, none of which moves money. A message of one
// protocol may meet a terminal of another, or any other device. It is no money message there either: a terminal acts on
// a whole message whose marks, length and check bytes are right in its own protocol, and drops or refuses anything
// else. A driver for whose messages that does not hold has none here.
package detect
