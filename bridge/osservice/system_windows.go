package osservice

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	rightsHint = "only an administrator may do this; open a command prompt by Run as administrator and repeat it there"
	logHint    = `the event viewer, under Windows Logs, Application, source tillbridge, or the log file in C:\ProgramData\Tillbridge\logs`

	startWithin = 90 * time.Second
	stopWithin  = 30 * time.Second
	endWithin   = 10 * time.Second
	lookEvery   = 50 * time.Millisecond
)

// recovery is what Windows does after failures in a row; the last one is repeated. A day without one forgets them.
var recovery = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: time.Second},
	{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
	{Type: mgr.ServiceRestart, Delay: time.Minute},
}

const recoveryReset = 24 * 60 * 60 // seconds

// isAdmin leaves it to the service control manager, which knows better who may.
func isAdmin() error { return nil }

func thisSystem() (system, error) { return scm{}, nil }

// scm is the service control manager.
type scm struct{}

// rights gives a refusal its remedy.
func rights(err error) error {
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return ErrRights
	}
	return err
}

// open opens the service with some rights; the error is ErrNotInstalled where there is none.
func open(access uint32) (*mgr.Service, error) {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return nil, fmt.Errorf("open the service control manager: %w", rights(err))
	}
	defer func() { _ = windows.CloseServiceHandle(m) }() // nothing is lost with it
	name, err := windows.UTF16PtrFromString(Name)
	if err != nil {
		return nil, err
	}
	h, err := windows.OpenService(m, name, access)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return nil, ErrNotInstalled
	case err != nil:
		return nil, fmt.Errorf("open the service: %w", rights(err))
	}
	return &mgr.Service{Name: Name, Handle: h}, nil
}

func (scm) install(_ context.Context, spec Spec) (Report, error) {
	r := Report{User: account, Outcome: Done}
	line := commandLine(spec)
	s, err := open(windows.SERVICE_ALL_ACCESS)
	switch {
	case errors.Is(err, ErrNotInstalled):
		l, err := newLibrary(spec, account, nil)
		if err == nil {
			err = l.Install()
		}
		if err != nil {
			return r, fmt.Errorf("register the service: %w", rights(err))
		}
		if s, err = open(windows.SERVICE_ALL_ACCESS); err != nil {
			return r, err
		}
	case err != nil:
		return r, err
	default:
		if r.Outcome, err = update(s, line); err != nil {
			return r, errors.Join(err, s.Close())
		}
	}
	defer s.Close()
	r.Notes, err = settle(s)
	if err != nil {
		return r, err
	}
	folder := dataFolder()
	if err := closeFolder(folder); err != nil {
		return r, rights(err)
	}
	for _, p := range append([]string{spec.Settings}, spec.Writable...) {
		if !below(p, folder) {
			r.Notes = append(r.Notes, fmt.Sprintf("%s is not in %s: let %s read and write there, by the folder's properties, under Security.", p, folder, account))
		}
	}
	return r, nil
}

// commandLine is what Windows starts, each word in quotes where it needs them: a path with a space and without quotes
// would let another program be started.
func commandLine(spec Spec) string {
	return windows.ComposeCommandLine(append([]string{spec.Program}, spec.arguments()...))
}

// update brings a service that is there up to date.
func update(s *mgr.Service, line string) (Outcome, error) {
	old, err := configOf(s)
	if err != nil {
		return Nothing, err
	}
	if old.line == line && old.start == windows.SERVICE_AUTO_START && old.account == account {
		return Nothing, nil
	}
	text, err := windows.UTF16PtrFromString(line)
	if err != nil {
		return Nothing, err
	}
	who, err := windows.UTF16PtrFromString(account)
	if err != nil {
		return Nothing, err
	}
	err = windows.ChangeServiceConfig(s.Handle, windows.SERVICE_WIN32_OWN_PROCESS, windows.SERVICE_AUTO_START, windows.SERVICE_ERROR_NORMAL, text, nil, nil, nil, who, nil, nil)
	if err != nil {
		return Nothing, fmt.Errorf("change the service: %w", rights(err))
	}
	return Updated, nil
}

// settle sets what the library does not: a delayed start, when the serial ports are there, and restarts that back off.
// What this Windows does not know is told and left.
func settle(s *mgr.Service) (notes []string, err error) {
	delayed := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	for _, x := range []struct {
		what string
		set  func() error
	}{
		{"a delayed start", func() error {
			return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, bytePointer(&delayed))
		}},
		{"restarts after a failure", func() error { return s.SetRecoveryActions(recovery, recoveryReset) }},
		{"restarts after an error", func() error { return s.SetRecoveryActionsOnNonCrashFailures(true) }},
	} {
		err := x.set()
		switch {
		case errors.Is(err, windows.ERROR_INVALID_LEVEL), errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED):
			notes = append(notes, "This Windows does not know "+x.what+" of services.")
		case err != nil:
			return notes, fmt.Errorf("set %s: %w", x.what, rights(err))
		}
	}
	// A source that is there already, as from an installer, is as good.
	if err := eventlog.InstallAsEventCreate(Name, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil && !isThere(err) {
		return notes, fmt.Errorf("register with the event log: %w", rights(err))
	}
	return notes, nil
}

func (scm) uninstall(ctx context.Context) error {
	if err := (scm{}).stop(ctx); err != nil {
		return err
	}
	s, err := open(windows.DELETE)
	if err != nil {
		return err
	}
	defer s.Close()
	err = s.Delete()
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return fmt.Errorf("remove the service: %w", rights(err))
	}
	if err := eventlog.Remove(Name); err != nil && !errors.Is(err, syscall.ERROR_FILE_NOT_FOUND) {
		return fmt.Errorf("remove the event log's source: %w", rights(err))
	}
	return nil
}

func (scm) start(ctx context.Context) error {
	s, err := open(windows.SERVICE_START | windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return rights(err)
	}
	st, err := await(ctx, s, startWithin, svc.Running)
	if err == nil && st.State == svc.Stopped {
		err = fmt.Errorf("it stopped with code %d", exitOf(st))
	}
	return err
}

func (scm) stop(ctx context.Context) error {
	s, err := open(windows.SERVICE_STOP | windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return err
	}
	defer s.Close()
	ended, release := processEnd(s)
	defer release()
	_, err = s.Control(svc.Stop)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
		ended()
		return nil
	case err != nil && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL): // it stops already
		return rights(err)
	}
	if _, err = await(ctx, s, stopWithin, svc.Stopped); err == nil {
		ended()
	}
	return err
}

// processEnd gives a function that waits for the end of the service's process, for some seconds. A service is stopped a
// moment before, and an installer that replaces the program then would find it in use.
func processEnd(s *mgr.Service) (wait, release func()) {
	st, err := s.Query()
	if err != nil || st.ProcessId == 0 {
		return func() {}, func() {}
	}
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, st.ProcessId)
	if err != nil {
		return func() {}, func() {} // it has ended, or may not be looked at
	}
	wait = func() { _, _ = windows.WaitForSingleObject(h, uint32(endWithin.Milliseconds())) } // the service is stopped whatever comes of it
	return wait, func() { _ = windows.CloseHandle(h) }
}

func (m scm) restart(ctx context.Context) error {
	if err := m.stop(ctx); err != nil {
		return err
	}
	return m.start(ctx)
}

// await waits until the service is in a state, or has stopped.
func await(ctx context.Context, s *mgr.Service, within time.Duration, want svc.State) (svc.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		st, err := s.Query()
		if err != nil || st.State == want || st.State == svc.Stopped {
			return st, err
		}
		select {
		case <-ctx.Done():
			return st, fmt.Errorf("it is still %s after %s: %w", stateWord(st.State), within, ctx.Err())
		case <-tick.C:
		}
	}
}

func (scm) state(context.Context) (State, error) {
	st := State{Manager: "Windows"}
	s, err := open(windows.SERVICE_QUERY_CONFIG | windows.SERVICE_QUERY_STATUS)
	if errors.Is(err, ErrNotInstalled) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	defer s.Close()
	now, err := s.Query()
	if err != nil {
		return st, fmt.Errorf("ask for the service: %w", err)
	}
	c, err := configOf(s)
	if err != nil {
		return st, err
	}
	st.Installed, st.File, st.PID = true, c.line, int(now.ProcessId)
	st.Automatic = c.start == windows.SERVICE_AUTO_START
	st.Running = now.State == svc.Running || now.State == svc.StartPending
	if now.State == svc.Stopped {
		st.Exit = exitOf(now)
		st.Failed = now.Win32ExitCode != 0 && now.Win32ExitCode != uint32(windows.ERROR_SERVICE_NEVER_STARTED)
	}
	return st, nil
}

// exitOf is the program's own exit code, or Windows' where it told none.
func exitOf(st svc.Status) int {
	if st.Win32ExitCode == uint32(windows.ERROR_SERVICE_SPECIFIC_ERROR) {
		return int(st.ServiceSpecificExitCode)
	}
	return int(st.Win32ExitCode)
}

func stateWord(s svc.State) string {
	switch s {
	case svc.StartPending:
		return "starting"
	case svc.StopPending:
		return "stopping"
	case svc.Running:
		return "running"
	}
	return fmt.Sprintf("in state %d", s)
}
