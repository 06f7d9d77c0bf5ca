package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// simulation is what the verb simulate was asked for.
type simulation struct {
	driver     terminal.Driver
	pty, tcp   string
	control    string
	currency   string
	outcome    string
	think      time.Duration
	terminalID string
	manual     []string // presses at the start
	baud       int
}

func (p *program) simulateVerb() *cobra.Command {
	var s simulation
	cmd := &cobra.Command{
		Use: "simulate DRIVER", Short: "play a card terminal, for anyone without one", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Plays a card terminal on a pseudo-terminal (--pty LINK, Linux) or on an address (--tcp HOST:PORT), with a ledger\n" +
			"of its own. --outcome scripts every payment; without it, somebody presses over the HTTP control (--control):\n" +
			"GET / is its face, GET /choices what there is to press, POST /press?action=tap presses.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var ok bool
			if s.driver, ok = p.driver(args[0]); !ok {
				return usageError{fmt.Errorf("there is no driver %q; see tillbridge drivers", args[0])}
			}
			if err := playable(s.driver); err != nil {
				return err
			}
			if d := s.driver; d.Line.None() {
				return usageError{fmt.Errorf("the terminal of the driver %q (%s) has no line on which it could be played; tillbridge demo --driver %s shows it, with its keys and its printer", d.Name, d.Title, d.Name)}
			}
			if (s.pty == "") == (s.tcp == "") {
				return usageError{errors.New("say where the terminal is to be: either --pty LINK or --tcp HOST:PORT")}
			}
			return p.simulate(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.pty, "pty", "", "make a pseudo-terminal with this link to it")
	f.StringVar(&s.tcp, "tcp", "", "listen on this address")
	f.StringVar(&s.control, "control", "", "serve the HTTP control on this loopback address")
	f.StringVar(&s.currency, "currency", "", "what the terminal takes; the protocol's usual one if empty")
	f.StringVar(&s.outcome, "outcome", "", "script of every payment")
	f.DurationVar(&s.think, "think", 0, "how long customer and bank take for each step")
	f.StringVar(&s.terminalID, "terminal-id", "", "the terminal's own number")
	f.StringArrayVar(&s.manual, "press", nil, "press this at the start, as manual-sale:1250; may be repeated")
	f.IntVar(&s.baud, "baud", 0, "pace the pseudo-terminal like a serial line of this speed; 0 for as fast as it goes")
	return cmd
}

// playable refuses a driver that has no terminal to simulate.
func playable(d terminal.Driver) error {
	if d.Simulate != nil {
		return nil
	}
	return usageError{fmt.Errorf("the driver %q (%s) has no simulated terminal; tillbridge drivers shows which have", d.Name, d.Title)}
}

func (p *program) simulate(ctx context.Context, s simulation) error {
	if s.currency == "" {
		s.currency = cmp.Or(s.driver.Currency, "EUR")
	}
	currency, ok := config.Currency(s.currency)
	if !ok {
		return usageError{fmt.Errorf("--currency %s: want an ISO 4217 code such as EUR", s.currency)}
	}
	sim, err := s.driver.Simulate(terminal.SimulatorOptions{Currency: currency, Outcome: s.outcome, Think: s.think, TerminalID: s.terminalID})
	if err != nil {
		return usageError{err}
	}
	for _, press := range s.manual {
		if err := sim.Press(press); err != nil {
			return usageError{err}
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	if s.control != "" {
		l, err := listenLoopback(ctx, s.control)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "control: http://%s/\n", l.Addr())
		parts.Go(func() { serveControl(ctx, l, sim) })
	}
	parts.Go(func() { p.tellFace(ctx, sim) })
	lines := simulate.Lines{Sim: sim}
	if s.baud > 0 {
		bits := 1 + s.driver.Line.DataBits + 1
		if n, err := strconv.Atoi(s.driver.Line.StopBits); err == nil {
			bits = 1 + s.driver.Line.DataBits + n
		}
		lines.Wrap = func(port terminal.Port) terminal.Port { return simulate.Pace(port, s.baud, bits) }
	}
	if s.pty != "" {
		lines.Opened = func(where string) { fmt.Fprintf(p.out, "terminal: %s (%s)\n", s.pty, where) }
		return lines.PTY(ctx, s.pty)
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", s.tcp)
	if err != nil {
		return fmt.Errorf("listen for the till: %w", err)
	}
	fmt.Fprintf(p.out, "terminal: tcp %s\n", l.Addr())
	return lines.TCP(ctx, l)
}

// listenLoopback listens on an address that only this machine can reach.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the control: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(usageError{fmt.Errorf("--control %s: the control asks for no password, so it must be on this machine only, as 127.0.0.1:9000", address)}, l.Close())
	}
	return l, nil
}

func serveControl(ctx context.Context, l net.Listener, sim terminal.Simulator) {
	server := &http.Server{Handler: simulate.Control(sim), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	_ = server.Serve(l) // it ends when the server is closed
}

// tellFace prints what can be seen of the terminal whenever it changes.
func (p *program) tellFace(ctx context.Context, sim terminal.Simulator) {
	var shown []string
	booked := 0
	for {
		changed := sim.Changed()
		f := sim.Face()
		if !slices.Equal(f.Display, shown) {
			shown = f.Display
			fmt.Fprintf(p.out, "display: %s\n", strings.Join(shown, " | "))
		}
		for ; booked < len(f.Ledger); booked++ {
			e := f.Ledger[booked]
			fmt.Fprintf(p.out, "ledger: %s %s %d %s captured=%t\n", e.Sequence, e.Kind, e.Minor, e.Currency, e.Captured)
		}
		booked = min(booked, len(f.Ledger))
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
