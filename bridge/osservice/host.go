package osservice

import (
	"context"
	"log/slog"
)

// Hosted is a program that a service manager runs.
type Hosted struct {
	// Run serves until ctx ends, and returns nil then. It calls up.Ready each time that it serves, and takes up what
	// comes on up.Reload.
	Run func(ctx context.Context, up Up) error
	// Alive asks the running program how it is, and gives that in a line. With an error it does not live: after some of
	// them the manager ends it and starts it anew. It is asked only while Run serves, and must come back within seconds.
	Alive func(context.Context) (string, error)
	// Reload asks for the settings to be read again; nil for never.
	Reload <-chan struct{}
	// ExitCode is what an error of Run is told as to a manager that takes it from here and not from the process.
	ExitCode func(error) int
	Log      *slog.Logger
}

// Up is what the host lends to a program that it runs.
type Up struct {
	Ready  func()
	Reload <-chan struct{}
}
