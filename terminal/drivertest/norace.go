//go:build !race

package drivertest

// raceDetector tells whether the race detector is on, under which a play takes ten times as long.
const raceDetector = false
