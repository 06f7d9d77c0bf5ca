package caisseap

import (
	"testing"

	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

func TestNoisyLine(t *testing.T) {
	drivertest.Noise(t, drivertest.NoiseOptions{
		Subject: subject(),
		Frames: func(_ bool, b []byte) []string {
			return drivertest.STXFrames(b, wire.STXFormat{Covers: wire.CoverBodyETX})
		},
	})
}
