package transbank

import (
	"testing"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal/drivertest"
)

func TestNoisyLine(t *testing.T) {
	for _, m := range []Model{Integrado, Autoservicio} {
		t.Run(m.String(), func(t *testing.T) {
			drivertest.Noise(t, drivertest.NoiseOptions{
				Subject: subject(func(o *Options) { o.Model = m }, sim.Options{Model: m.String()}, nil),
				Name:    "transbank, " + m.String(),
				Frames: func(sent bool, b []byte) []string {
					if sent {
						return drivertest.STXFrames(b, ours())
					}
					return drivertest.STXFrames(b, theirs(m))
				},
			})
		})
	}
}
