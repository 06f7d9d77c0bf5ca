// Package sim plays the terminal's side of ZVT (PA00P015 rev 13.08, PA00P016 rev 03) for tests, the demo and
// whoever has no terminal: registration, payment, reversal, refund, end of day, totals, repeat receipt,
// status enquiry and diagnosis, over serial framing or TCP, with a customer, a bank, faults and a ledger.
//
// It shares no code with the driver above the frame bricks, so that a misreading of the papers cannot agree
// with itself. Every message is put together here.
//
// A sale is settled as PA00P015 ch. 2.2.9 has it. The bank approves, which uses up a receipt number and a
// trace number. The terminal states the result (04 0F with 27 = 00). The sale is booked when the till's
// positive answer has come and, where receipts go to the till by print commands, each of them is
// acknowledged; only then 06 0F follows. A negative answer, or none after the repeats, makes the terminal
// reverse the sale by itself: the ledger shows it with Captured false, its numbers stay used, and the last
// stored transaction is still the one before. Nothing that happens after booking changes it.
//
// The dialogue runs on timers and not in a goroutine: it goes on when the line is gone, and nothing is left
// behind when Serve returns.
package sim
