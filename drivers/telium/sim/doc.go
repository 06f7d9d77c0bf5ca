// Package sim plays an Ingenico Telium terminal: Concert E and E+ as in France on a serial line, or the EPOS dialect of the
// United Kingdom on a serial line or in a network. It books a sale as soon as the bank has approved it, offers its result
// some times, and shares nothing with the driver above the frame bricks.
package sim
