// Package health is what a running bridge tells of itself: to its own counter screen, and to the tools on the same
// computer that look after it, status and doctor.
//
// The tools come through a door on the counter screen's port. At each start the bridge makes a new key and keeps it,
// with its address, in a file beside the journal that only its own user and root can read. A request carries no
// secret but a proof that its sender knows the key, and the answer carries one over its content. So another user
// of the computer can neither read the trace of a line, nor answer in place of a bridge that has ended, nor learn
// the key by listening on its port. The door only tells; nothing can be changed through it.
package health
