// Package sim plays the terminal's side of ECR17, Protocollo 17 (Nexi Group, Traditional POS), for tests, the demo and whoever has no
// terminal: status, payment with the short and the extended result, reversal of the last payment, last result, totals,
// close of the session and receipts to the till, on a serial line or over TCP.
//
// It shares no code with the driver above the frame bricks. Every message is put together here, at the positions of the paper.
//
// A sale is booked when the bank has approved it, whether the till hears of it or not. The result is stated up to three times, 3 s
// apart, until the till acknowledges it; then the terminal drops the line. The last result stays in its memory and survives a
// power cut; results of refusals are kept there too.
package sim
