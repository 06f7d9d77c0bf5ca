// Package osservice makes the bridge a service of the computer: it registers, starts and stops it with the system's
// service manager (systemd, OpenRC or SysV on Linux, the service control manager on Windows), and hosts the running
// bridge as that manager expects it.
//
// Whether the program runs as a service is said to it, by an argument that the service is registered with; it is
// never guessed from the process's surroundings.
//
// A stop never waits for a customer. What was under way is recovered at the next start, as after a power cut.
package osservice
