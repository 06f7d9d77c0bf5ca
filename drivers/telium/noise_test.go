package telium

import (
	"testing"

	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

func TestNoisyLine(t *testing.T) {
	for name, s := range map[string]drivertest.Subject{"France": inFrance(), "Britain": inBritain()} {
		t.Run(name, func(t *testing.T) {
			drivertest.Noise(t, drivertest.NoiseOptions{
				Subject: s, Name: "telium, " + name,
				Frames: func(_ bool, b []byte) []string {
					return drivertest.STXFrames(b, wire.STXFormat{Covers: wire.CoverBodyETX})
				},
			})
		})
	}
}
