// Package telium drives Ingenico Telium terminals by the Concert protocol E and E+ of France, over a serial or USB line, and
// by the EPOS dialect of the United Kingdom and Ireland, which adds extended data and a TCP form in which the terminal
// dials the till.
//
// The two dialects share the frame and differ in meaning: mode 1 is a card sale in France and a mail order in the United
// Kingdom. So the dialect is a setting without a default.
//
// France has no question about an earlier payment: what its dialogue did not tell, nobody can (C1). The United Kingdom has
// CMD=DUPLIC, which states the last result again (C2).
//
// There is no Identify: ENQ is answered by too many devices, and CMD=STATE, which only the British dialect knows, reads as
// a sale of a penny at a terminal that does not know extended data.
package telium
