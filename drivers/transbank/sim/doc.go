// Package sim plays the terminal's side of Transbank's POS Integrado and POS Autoservicio, for tests, the demo and whoever has no
// terminal: sale, sale for one of several merchants, last sale, list of sales, close, sums, void, keys and poll on a serial line.
//
// It shares no code with the driver above the frame bricks. Every message is put together here, in the order of the paper.
//
// A sale is booked when the bank has approved it, whether the till hears of it or not. The result is stated up to three times, 10 s
// apart, until the till acknowledges it. While the terminal works on something it answers no other command. Nobody who comes
// to pay is told as 07, as a cancellation is; the paper does not say which code that has.
package sim
