// Package pax drives PAX terminals with BroadPOS by the POSLink protocol, in the United States and Canada, on a serial line, over USB
// or over TCP.
//
// A sale carries our reference and an approval brings it back. What became of a payment whose dialogue broke is asked by
// that reference in the terminal's own list (R02), which lasts until its batch is closed; docs/decisions/0013 says when "not found"
// proves something. A money command is written again only after a clean NAK, never on silence and never for a damaged reply, which
// is asked for again instead.
//
// Left out: the HTTP form, which has no link bytes and no cancellation; the second connection to the next port by which one program
// cancels, since A14 goes on the payment's own; the totals (R00) and the list of failed payments (R04), whose layouts are not known.
// No USB id is listed: terminals were seen behind a common CH340 adapter, which tells nothing.
package pax
