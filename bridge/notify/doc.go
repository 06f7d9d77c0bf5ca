// Package notify tells MyGadgetRepairs (MGR) the outcome of each payment, until MGR has it.
//
// What MGR is owed stands in the journal's outbox, written together with the outcome. A notifier posts it, always
// with the same content, and judges the answer by one rule, Judge: a 2xx is delivery; a fault of the network or
// of MGR's server is tried again for ever; a refusal is an alarm for the shop and is tried again every quarter of
// an hour. So the worst that a crash can do is to send the same content once more.
//
// A few notices are on their way at once, never two of one payment, so that a slow or refused one holds up no
// other. What the journal cannot record just now is remembered: a notice that MGR has is not sent again while the
// bridge runs, and one that failed keeps to its schedule.
package notify
