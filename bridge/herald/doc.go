// Package herald tells the shop's owner what stands on the counter screen: alarms, payments on hold, outcomes that MGR
// does not have, terminals that are not reached; by e-mail, by a web address, or by both.
//
// Every few seconds it looks at all that stands and compares that with what each of the two ways was given: what is new
// is told once, when it has stood for as long as its kind asks for, and what stands no more is told once again. What
// came and went between two looks is not told. Several things go in one message, and a way gets one a minute at the
// most. A message that is not taken is tried again, less and less often, for a day; then what is in it is given up, and
// the next one says that something was left out.
//
// What was told, and what is still to be told, is kept in a file. So nothing is told again after a restart but the message
// whose delivery a crash cut off from its record, and what ended meanwhile is told. Where the file is lost or cannot be
// written, all that stands is told once more after the next start. How long something has stood is not in it: a hold of
// four minutes waits its five minutes again.
//
// It reads and never decides. It runs beside the way of the money, and nothing waits for it.
package herald
