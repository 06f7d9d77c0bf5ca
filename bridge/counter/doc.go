// Package counter is the counter screen: small pages, made by the server, for the person at the till. They
// show what every terminal does, which payments are on hold, and the life of each payment; and they take the
// few things that a person may do: cancel, ask again, settle, clear an alarm; and, as the owner, give a sale back, export, read
// the settings and change passwords. The password decides who is the owner.
//
// The pages read a Book and act through a Desk. They need no JavaScript; where there is some, an event stream
// says that something has changed and the page fetches itself again. Nothing is loaded from anywhere else.
//
// Its words are in bridge/counter/language, in the language that the clerk chose or the browser likes best. Programs are told
// everything in English.
//
// A web page of a stranger in the clerk's browser is taken for an attacker: a list of host names, the check of
// Origin and Sec-Fetch-Site, a strict session cookie, a content security policy, and no GET that changes
// anything stand between it and the till.
package counter
