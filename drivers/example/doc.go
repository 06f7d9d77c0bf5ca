// Package example is the blueprint of a driver: small, complete and tested, for a protocol that no terminal speaks. It is not
// in drivers.All. To begin a driver, copy the folder and follow docs/drivers.md.
//
// # The protocol
//
// In a real driver this place names the paper and its version, what it leaves open and what was decided there. Here it is the
// paper itself.
//
// Serial line, 19200 8N1. A frame is STX, the body, ETX and a check byte, the exclusive or of body and ETX. Whoever gets a frame
// answers ACK, or NAK where the check byte does not hold; a frame is sent at most three times. A body has fields with a bar
// between them, the first one its kind:
//
//	till      I                                            who are you?
//	terminal  I|terminal                                   eight digits
//	till      P|reference|minor|currency                   charge; currency is the ISO 4217 number
//	terminal  T|reference|stage                            CARD, PIN or BANK
//	terminal  R|reference|code|minor|currency|auth|number|last4
//	till      C|reference                                  give it up, if that is still possible
//	till      Q|reference                                  what became of it?
//	terminal  S|reference|code|minor|currency|auth|number|last4
//
// The terminal books when the bank has approved (code 00), whether the till hears of it or not. To Q it says code N for a
// reference that it did not book and does not work on, and B while it works on anything. It keeps what it booked.
//
// So a payment can be asked about by our own reference: evidence C3. There is no mark, since a reference is better.
package example
