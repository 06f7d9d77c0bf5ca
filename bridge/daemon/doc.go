// Package daemon constructs the bridge out of its rooms and starts and stops them in order.
//
// At the start: settings, journal (whose lock keeps a second instance out), both doors' listeners, then the
// payments that an earlier run left open, then the doors and the notices. At the end, in reverse: no new
// payments, the doors, a short grace for the terminals, the notices, the journal. A stop does not wait for a
// customer; what was under way is recovered at the next start by the same path as after a power cut.
package daemon
