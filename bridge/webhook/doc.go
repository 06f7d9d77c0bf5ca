// Package webhook is MGR's door: the HTTP address that MyGadgetRepairs (MGR) calls to have a payment taken.
//
// A call is checked from the outside in, so that nobody learns more than their place in that order: the host
// name by which we were called, the web origin, the path and method, whether the source has guessed too often,
// the passcode (and HTTP Basic where it is set), the terminal, the content type, the size, the JSON. Only then the
// desk is asked, and only its word that the payment is durable gives 202. Every other answer is an
// application/problem+json with one sentence for the clerk.
//
// # Wrong passcodes
//
// Ten failures within a minute from one source, an IPv4 address or an IPv6 /64, and its calls are answered with
// 429 for the rest of that minute without looking at the passcode. The loopback is the exception: MGR's page in the
// shop's own browser and a tunnel on the same PC call from there, and neither a foreign web page nor a stranger
// behind the tunnel may lock the shop out. From the loopback the right passcode always passes, and the wrong
// ones get 429. What slows guessing there is that the answer to a wrong passcode takes a second; at most 256 calls
// wait so at a time, and further ones get 429 at once. What stops it is a passcode of sixteen characters.
//
// The passcode, Basic credentials and bodies are neither logged nor sent back.
package webhook
