// Package journal keeps payments durable, in one SQLite file: every event of every payment, the notices
// that MyGadgetRepairs (MGR) is owed, each terminal's mark, alarms and receipts.
//
// Append writes one transition in one transaction: the entry, the payment as it is after it, the notice,
// the alarm and the terminal's mark are on disk together when it returns nil, or none of them is. A
// payment's entries are never changed. Each carries the SHA-256 digest of the one before it, and the
// payment carries the digest of the last, so that Verify finds a single altered byte. What a payment is can
// always be computed from its entries alone; the payment's own row is there for queries.
//
// One process writes at a time. A lock file beside the journal says which one; another Open fails before it
// has touched anything. OpenReadOnly needs no lock and disturbs nobody.
//
// A full disk stops new payments and lets accepted ones end: a reserve file beside the journal is given up
// for them and made again when there is space.
//
// A disk that fails stops new payments until it works again. What it refuses once before a commit is done once
// more on a new connection; after a commit that failed, whose effect nobody knows, a commit of its own takes the
// place of what may stand there before anything new is taken. Where SQLite finds damage, which is also its word
// for a read error of the disk, the whole journal is read anew beside everything else (Verify, past all that is
// in memory), again and again as long as it finds anything; new payments are taken when it finds nothing.
//
// Files beside the journal, which is path: path-wal and path-shm are SQLite's own and belong to the journal
// (a copy without the -wal is not a copy), path.lock names the process that has it open, path.reserve holds
// the reserve.
package journal
