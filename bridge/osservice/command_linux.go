package osservice

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// commandWithin bounds a command of the system; the longest is a start, for which the unit gives 90 s.
const commandWithin = 2 * time.Minute

// runner runs a command and gives what it printed. An error is one of starting it; it wraps exec.ErrNotFound where
// there is no such command.
type runner func(ctx context.Context, name string, args ...string) (out string, code int, err error)

func runCommand(ctx context.Context, name string, args ...string) (string, int, error) {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return string(b), exit.ExitCode(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return string(b), -1, fmt.Errorf("%s: %w", name, err)
	}
	return string(b), 0, nil
}

// must runs a command that has to end well.
func (r runner) must(ctx context.Context, name string, args ...string) error {
	out, code, err := r(ctx, name, args...)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s ended with code %d", strings.Join(append([]string{name}, args...), " "), code)
		if said := strings.Join(strings.Fields(out), " "); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	return err
}
