package telium

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"tillbridge/drivers/telium/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/line"
	"tillbridge/terminal/simulate"
)

// A British terminal in a network dials the till, and dials again when the connection is lost.
func TestTerminalDials(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	x, err := sim.New(terminal.SimulatorOptions{Outcome: simulate.Approved, Options: sim.Options{Dialect: "uk"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	var terminals sync.WaitGroup
	defer terminals.Wait()
	defer cancel()
	connections := make(chan net.Conn, 16)
	terminals.Go(func() {
		for ctx.Err() == nil {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil { // the till does not listen at the moment
				pause := time.NewTimer(20 * time.Millisecond)
				select {
				case <-pause.C:
				case <-ctx.Done():
				}
				continue
			}
			connections <- conn
			_ = x.Serve(ctx, conn, terminal.TCP)
		}
	})
	opener := line.NewOpener(line.Config{TCP: address, Listen: true, Allow: "127.0.0.1"})
	o := NewOptions()
	o.Dialect = Britain
	s, err := open(ctx, terminal.Env{Dial: opener.Open, Link: terminal.TCP, Currency: pound, Log: slog.New(slog.DiscardHandler)}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, reference := range []string{"0000000001", "0000000002"} {
		r := request1(1250, pound)
		r.Reference = reference
		got, err := s.Pay(ctx, r, &drivertest.Book{})
		if err != nil || got.Outcome != terminal.Approved {
			t.Fatalf("payment %d: %+v, %v", i+1, got, err)
		}
		if i == 0 {
			_ = (<-connections).Close()
		}
	}
	if n := len(x.Face().Ledger); n != 2 {
		t.Errorf("%d payments are booked, want 2", n)
	}
}
