package pax

import (
	"testing"

	"tillbridge/terminal/drivertest"
)

func TestNoisyLine(t *testing.T) {
	drivertest.Noise(t, drivertest.NoiseOptions{
		Subject: subject(),
		Frames:  func(_ bool, b []byte) []string { return drivertest.STXFrames(b, format()) },
	})
}
