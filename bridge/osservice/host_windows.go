package osservice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

const (
	accepted    = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown | svc.AcceptParamChange
	checkpoints = time.Second                // between two signs of life while it starts or stops
	waitHint    = uint32(20 * 1000)          // milliseconds that Windows waits for the next one
	exitRun     = windows.ERROR_INVALID_DATA // for an error of which ExitCode tells nothing
)

// Host lets Windows' service control manager run the program, and stop it when the service or the computer is to
// stop. It does not ask whether this process is a service: where it is none, the error says so. The end of ctx ends
// nothing: Go makes a signal of every user's logging off, which does not concern a service.
func Host(ctx context.Context, h Hosted) error {
	s := &session{Hosted: h, ctx: context.WithoutCancel(ctx)}
	err := svc.Run(Name, s)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return fmt.Errorf("--service is for Windows' own service manager; use tillbridge start, or leave it out: %w", err)
	}
	if err != nil {
		return fmt.Errorf("serve as a service: %w", err)
	}
	return s.err
}

// session is one run of the service.
type session struct {
	Hosted
	ctx context.Context
	err error // how the program ended
}

// Execute runs the program; svc.Run calls it once.
func (s *session) Execute(_ []string, requests <-chan svc.ChangeRequest, tell chan<- svc.Status) (own bool, code uint32) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	reload, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	up := Up{Reload: reload, Ready: sync.OnceFunc(func() { close(ready) })}
	go func() { ended <- s.Run(ctx, up) }()
	tick := time.NewTicker(checkpoints)
	defer tick.Stop()
	now := svc.Status{State: svc.StartPending, WaitHint: waitHint}
	tell <- now
	var wish chan<- struct{} // set while new settings are wished for
	for {
		select {
		case err := <-ended:
			return s.end(err)
		case <-ready:
			ready = nil
			if now.State == svc.StartPending {
				now = svc.Status{State: svc.Running, Accepts: accepted}
				tell <- now
			}
		case wish <- struct{}{}:
			wish = nil
		case <-tick.C:
			if now.State != svc.Running {
				now.CheckPoint++
				tell <- now
			}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				tell <- now
			case svc.ParamChange:
				wish = reload
			case svc.Stop, svc.Shutdown, svc.PreShutdown:
				if now.State != svc.StopPending {
					stop()
					now = svc.Status{State: svc.StopPending, WaitHint: waitHint}
					tell <- now
				}
			}
		}
	}
}

// end is the code that Windows is told.
func (s *session) end(err error) (own bool, code uint32) {
	s.err = err
	if err == nil {
		return false, 0
	}
	if code := s.ExitCode(err); code > 0 {
		return true, uint32(code)
	}
	return false, uint32(exitRun)
}
