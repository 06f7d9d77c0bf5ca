// Package caisseap drives French card terminals by Caisse-AP, the text of Concert V3: one request of tagged fields and one
// answer, over TCP with one connection for each payment, or on a serial line by Concert's exchange.
//
// Whether a payment was made is told by the field AE alone; an authorisation number stands in refusals too. Our reference
// goes in the field CF and comes back, which ties an answer to its payment. There is no question about an earlier payment
// (C1) and no cancellation.
//
// There is no Identify: the one message that might serve, the identification CD=I, is told of by two programs only, and
// what a terminal does that does not know it is not documented. There is no Void: CD=2 is not implemented by the terminals
// whose papers are open.
package caisseap
