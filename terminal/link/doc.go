// Package link joins the framing bricks of terminal/wire to a line: what a driver or a simulated terminal waits
// for, takes apart and writes, once for all protocols that frame alike. It knows no messages. How a money command
// is handed over is the same for all protocols of a kind, and stands here too: Money on a line of frames, Delivery
// where the terminal brings the result by itself. When anything else may be sent again is each protocol's own.
package link
