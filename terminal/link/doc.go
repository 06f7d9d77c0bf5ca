// Package link joins the framing bricks of terminal/wire to a line: what a driver or a simulated terminal waits
// for, takes apart and writes, once for all protocols that frame alike. It knows no messages, and decides nothing
// about when something may be sent again: that is each protocol's own.
package link
