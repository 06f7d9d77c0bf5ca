// Package access knows who may do what at the counter screen: two roles, each with a password, kept in a file of its own.
//
// A password that the bridge made stands in its file as it is, so that whoever installs the bridge can read it there. One that a
// person chose stands there as its Argon2id digest, which nobody can read.
package access
