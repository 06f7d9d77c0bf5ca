package telium

import (
	"testing"

	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

func TestNoisyLine(t *testing.T) {
	for _, o := range []drivertest.NoiseOptions{{Subject: inFrance(), Name: "telium, France"}, {Subject: inBritain(), Name: "telium, Britain"}} {
		t.Run(o.Name, func(t *testing.T) {
			drivertest.Noise(t, drivertest.NoiseOptions{
				Subject: o.Subject, Name: o.Name,
				Frames: func(_ bool, b []byte) []string {
					return drivertest.STXFrames(b, wire.STXFormat{Covers: wire.CoverBodyETX})
				},
			})
		})
	}
}
