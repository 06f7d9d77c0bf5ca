package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
)

// Options are what a daemon is made of.
type Options struct {
	ConfigFile string
	Drivers    []terminal.Driver
	Env        config.Env
	Log        *slog.Logger
	Level      *slog.LevelVar // set to the level of the settings; nil where the log has a fixed one
	Version    string
	LogFile    string // where the log is written, for the owner to find it; empty where the system keeps it
	// Reload asks for the settings to be read again; nil for never. With a file that is wrong the daemon goes on
	// as it was. A good one is taken once no terminal is in a payment.
	Reload <-chan struct{}
	// Ready is told where the doors are, each time that they open; nil for nobody. In trouble with the settings
	// only the counter screen is served, and Door is empty.
	Ready func(Addresses)
	// Trace gets a line for everything that passes over a terminal's line, masked. It must neither wait nor fail, as
	// line.TraceFile does not. Nil for none; what passed last is kept in memory all the same.
	Trace io.Writer

	started time.Time
}

// Addresses are where a running daemon listens, host:port.
type Addresses struct {
	Door    string // MGR's
	Counter string
}

// Run serves until ctx ends, and returns nil then. An error means that it could not start, or that a part of
// it broke down that it cannot do without; everything is closed and nothing is lost.
func Run(ctx context.Context, o Options) error {
	o.started = time.Now()
	var old *config.Settings // those before a reload, to go back to
	settings, err := o.load()
	var wrong config.Errors
	if errors.As(err, &wrong) {
		if settings, err = o.rescue(ctx, wrong); err != nil {
			return err
		}
	}
	for settings != nil {
		h := o.house(settings)
		err := h.build(ctx)
		switch {
		case err != nil && old != nil:
			o.Log.Error("the new settings cannot be used; the bridge goes back to the old ones", "error", err)
			settings, old = old, nil
			continue
		case err != nil:
			return err
		}
		next, err := h.serve(ctx, o.reload)
		if err != nil {
			return err
		}
		settings, old = next, settings
	}
	return nil
}

func (o Options) house(s *config.Settings) *house {
	return &house{o: o, settings: s, wires: map[string]*wire{}, pulse: make(chan struct{}, 1)}
}

// load reads the settings file.
func (o Options) load() (*config.Settings, error) {
	s, err := config.Load(o.ConfigFile, o.Drivers, o.Env)
	if err != nil {
		return nil, err
	}
	if o.Level != nil {
		o.Level.Set(s.LogLevel)
	}
	for _, w := range s.Warnings {
		o.Log.Warn("settings", "warning", w.Error())
	}
	return s, nil
}

// rescue serves the counter screen with the mistakes of the settings, and nothing else, until a reload finds
// a good file.
func (o Options) rescue(ctx context.Context, wrong config.Errors) (*config.Settings, error) {
	for _, e := range wrong {
		o.Log.Error("settings", "error", e.Error())
	}
	h := o.house(config.Rescue(o.ConfigFile, o.Env))
	h.trouble = wrong.Error()
	if err := h.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the settings are wrong, so that no payment is taken:\n%w", wrong), err)
	}
	o.Log.Error("no payment is taken until the settings are mended", "counter", h.counterListener.Addr().String())
	return h.serve(ctx, o.reload)
}

// reload reads the settings again; nil where they are wrong.
func (o Options) reload() *config.Settings {
	s, err := o.load()
	if err != nil {
		o.Log.Error("the settings are not taken; the bridge goes on with the old ones", "error", err)
		return nil
	}
	return s
}

// listen opens a door, with a remedy in its error.
func listen(ctx context.Context, what, address string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if err == nil {
		return limited(l, connectionsMost), nil
	}
	hint := "choose another address in the settings"
	if isInUse(err) {
		hint = "another program uses it, perhaps another tillbridge; stop that one or choose another port in the settings"
	}
	return nil, fmt.Errorf("open %s on %s: %w (%s)", what, address, err, hint)
}

func isInUse(err error) bool {
	s := err.Error()
	return strings.Contains(s, "address already in use") || strings.Contains(s, "Only one usage of each socket address")
}

// stopGrace is how long the answers that are being written may take at a stop.
const stopGrace = 3 * time.Second
