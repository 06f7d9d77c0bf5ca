// Package ecr17 drives payment terminals that speak ECR17, in Italy called "Protocollo 17" (Nexi Group, Traditional
// POS; Ingenico, PAX and Worldline hardware), on a serial line or over TCP.
//
// The protocol numbers nothing, and has no reference of ours. What became of a payment whose dialogue broke is read from the
// terminal's last stored result (G), compared with the one from before. A sale is sent once, and again only when the
// terminal says NAK to it.
package ecr17
