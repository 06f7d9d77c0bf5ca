// Package sim plays a PAX terminal with BroadPOS for tests, the demo and whoever has no terminal: A00, A14, T00 (sale, return, void), B00
// and R02, on a serial line or over TCP. It shares no code with the driver above the frame bricks.
//
// A sale is booked when the bank has approved it, whether the till hears of it or not. The result is stated up to three times, 3 s
// apart, until the till acknowledges it. The list that R02 asks lasts until the batch is closed, by the till or at the terminal, and
// survives a power cut. A terminal at work hears A14 and nothing else.
package sim
