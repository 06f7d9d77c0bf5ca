package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built makes the program once for all tests that run it as a process of its own.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tillbridge-test-")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "tillbridge")
	out, err := exec.Command("go", "build", "-o", exe, "tillbridge/cmd/tillbridge").CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(dir) // an empty folder among the system's temporary files
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return exe, nil
})

func TestMain(m *testing.M) {
	// Most of what runs here waits for a bridge of its own, so that more fit side by side than there are processors.
	if err := flag.Set("test.parallel", "12"); err != nil { // the command line comes later and has its way
		panic(err)
	}
	code := m.Run()
	if used.Load() {
		// Where it could not be built there is nothing to remove, and what is above it is not ours.
		if exe, err := built(); err == nil {
			_ = os.RemoveAll(filepath.Dir(exe)) // a folder among the system's temporary files
		}
	}
	os.Exit(code)
}

// binary is the path of the built program.
func binary(t testing.TB) string {
	t.Helper()
	used.Store(true)
	exe, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
