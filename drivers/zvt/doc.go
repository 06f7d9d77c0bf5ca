// Package zvt drives payment terminals that speak ZVT, the German register interface (VdTH PA00P015 for the
// commands, PA00P016 for the transport), on a serial line or over TCP.
//
// The codec in it is pure: APDUs, bitmaps, TLV containers and texts to structs and back. It reads leniently,
// since a parse problem is never a reason to refuse a status information: the terminal would reverse a sale
// that the customer paid. No struct of a payment's result holds more of a card number than its last four
// digits, and Mask blanks the rest in raw bytes before anything is stored.
package zvt
