//go:build !linux && !windows

package osservice

import (
	"errors"
	"runtime"
)

const logHint = "the system's log"

func thisSystem() (system, error) {
	return nil, errors.New("tillbridge makes no service on " + runtime.GOOS + "; make one by the system's own means of: tillbridge run --service --config FILE")
}
