// Package line opens the byte line to a terminal: a serial port, or a TCP connection.
//
// Whatever the line is made of, it keeps the contract of terminal.Port: a read ends with a byte, with its
// deadline, or because the line is gone; a system call that hangs holds up neither a read, nor a write, nor
// Close. A serial port is locked, so that no second program, not even one of the superuser, speaks into a
// payment. Trace records what passed, with card data masked.
package line
