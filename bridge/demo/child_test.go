package demo

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/drivers"
)

// childEnv makes this test program a bridge with the settings file that it names.
const childEnv = "TILLBRIDGE_DEMO_TEST_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		log := slog.New(slog.NewTextHandler(os.Stderr, nil))
		if err := daemon.Run(context.Background(), daemon.Options{ConfigFile: file, Drivers: drivers.All(), Env: config.SystemEnv(), Log: log}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Most of what runs here waits for a bridge of its own, so that more fit side by side than there are processors.
	if err := flag.Set("test.parallel", "8"); err != nil { // the command line comes later and has its way
		panic(err)
	}
	os.Exit(m.Run())
}

// child is the bridge as a process.
type child struct {
	cmd  *exec.Cmd
	done chan error
}

func startChild(out io.Writer) func(string) (Daemon, error) {
	return func(file string) (Daemon, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+file)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		c := &child{cmd, make(chan error, 1)}
		go func() { c.done <- cmd.Wait() }()
		return c, nil
	}
}

func (c *child) Kill() error        { return c.cmd.Process.Kill() }
func (c *child) Stop() error        { return c.cmd.Process.Signal(syscall.SIGTERM) }
func (c *child) Done() <-chan error { return c.done }
