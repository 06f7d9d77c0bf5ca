// Package transbank drives the terminals of Transbank (Chile) that wait for a cash register: POS Integrado (Verifone VX520,
// Ingenico Desk 3500) and POS Autoservicio (IM30), on a serial line or over USB.
//
// A sale carries a ticket of ours, six characters, and the terminal keeps that beside its own operation number. What became of a
// sale whose dialogue broke is read from the terminal's list of the sales since its last close (Integrado), or from its last sale
// (Autoservicio; Integrado where the list does not tell). A sale is sent once, and again only when the terminal says NAK to it.
//
// # Evidence
//
// The class is C2. A search of the list for our ticket is a query by our own reference (C3) only until somebody closes: a close
// empties the list, and a held payment of class C3 lets the next one pass, which on an Autoservicio overwrites what there is. So
// the ticket makes the proofs of C2 stronger, and a sale at the terminal's own keys does not hide ours, but nothing rests on
// it alone: "not in the list" counts only where the list was read to its end, by an idle terminal, and still has the sale that was
// the last one before.
//
// The acknowledgement of a result decides nothing (no C4): a terminal that misses it states the result again, at most twice.
package transbank
