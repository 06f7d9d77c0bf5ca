//go:build !(linux && amd64)

package main

import (
	"runtime"
	"testing"
)

// TestTortureSyscalls needs a tracer, which is made for Linux on amd64 only.
func TestTortureSyscalls(t *testing.T) {
	t.Skip("skipped: the tracer is for linux/amd64 only, this is " + runtime.GOOS + "/" + runtime.GOARCH)
}
