package osservice

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// sitting is a session with the service control manager that a test plays.
type sitting struct {
	t        *testing.T
	requests chan svc.ChangeRequest
	told     chan svc.Status
	ended    chan struct{}
	own      bool
	code     uint32
}

func sit(t *testing.T, run func(context.Context, Up) error) *sitting {
	t.Helper()
	s := &sitting{t: t, requests: make(chan svc.ChangeRequest), told: make(chan svc.Status, 1000), ended: make(chan struct{})}
	x := &session{ctx: t.Context(), Hosted: Hosted{Run: run, Log: slog.New(slog.DiscardHandler), ExitCode: func(error) int { return ExitHeld }}}
	go func() {
		s.own, s.code = x.Execute(nil, s.requests, s.told)
		close(s.ended)
	}()
	return s
}

// until waits for a state.
func (s *sitting) until(want svc.State) svc.Status {
	s.t.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		select {
		case st := <-s.told:
			if st.State == want {
				return st
			}
		case <-s.ended:
			s.t.Fatalf("it ended before it was %s", stateWord(want))
		case <-late.C:
			s.t.Fatalf("it never was %s", stateWord(want))
		}
	}
}

func (s *sitting) end(own bool, code uint32) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		s.t.Fatal("it did not end")
	}
	if s.own != own || s.code != code {
		s.t.Errorf("it ended with %v %d, want %v %d", s.own, s.code, own, code)
	}
}

// TestSession starts, reads the settings again and stops, by each way that Windows has to stop a service.
func TestSession(t *testing.T) {
	for _, order := range []svc.Cmd{svc.Stop, svc.Shutdown, svc.PreShutdown} {
		again, begin := make(chan struct{}, 1), make(chan struct{})
		s := sit(t, func(ctx context.Context, up Up) error {
			<-begin
			up.Ready()
			<-up.Reload
			again <- struct{}{}
			up.Ready()
			<-ctx.Done()
			return nil
		})
		if st := s.until(svc.StartPending); st.Accepts != 0 || st.WaitHint == 0 {
			t.Errorf("while it starts: %+v", st)
		}
		close(begin)
		if st := s.until(svc.Running); st.Accepts&svc.AcceptStop == 0 || st.Accepts&svc.AcceptPreShutdown == 0 {
			t.Errorf("while it runs: %+v", st)
		}
		s.requests <- svc.ChangeRequest{Cmd: svc.Interrogate}
		s.until(svc.Running)
		s.requests <- svc.ChangeRequest{Cmd: svc.ParamChange}
		select {
		case <-again:
		case <-time.After(time.Minute):
			t.Fatal("the wish for new settings did not arrive")
		}
		s.requests <- svc.ChangeRequest{Cmd: order}
		s.until(svc.StopPending)
		s.end(false, 0)
	}
}

func TestSessionFails(t *testing.T) {
	s := sit(t, func(context.Context, Up) error { return errors.New("held") })
	s.end(true, ExitHeld)
}

// A stop that comes before it serves is obeyed.
func TestSessionStoppedAtTheStart(t *testing.T) {
	s := sit(t, func(ctx context.Context, _ Up) error { <-ctx.Done(); return nil })
	s.until(svc.StartPending)
	s.requests <- svc.ChangeRequest{Cmd: svc.Shutdown}
	s.until(svc.StopPending)
	s.end(false, 0)
}

func TestCommandLine(t *testing.T) {
	got := commandLine(Spec{Program: `C:\Program Files\Tillbridge\tillbridge.exe`, Settings: `C:\ProgramData\Tillbridge\config.yaml`})
	if want := `"C:\Program Files\Tillbridge\tillbridge.exe" run --service --config C:\ProgramData\Tillbridge\config.yaml`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCloseFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "Tillbridge")
	for range 2 {
		if err := closeFolder(folder); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := windows.GetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION); err != nil {
		t.Error(err)
	}
	if !below(`c:\programdata\TILLBRIDGE\x`, `C:\ProgramData\Tillbridge`) || below(`C:\ProgramData\Tillbridge2\x`, `C:\ProgramData\Tillbridge`) {
		t.Error("what is below a folder")
	}
}

// events keeps what an event log is given.
type events struct{ lines []string }

func (e *events) add(kind string, v []any) error {
	text, _ := v[0].(string)
	e.lines = append(e.lines, kind+text)
	return nil
}
func (e *events) Error(v ...any) error          { return e.add("E ", v) }
func (e *events) Warning(v ...any) error        { return e.add("W ", v) }
func (e *events) Info(v ...any) error           { return e.add("I ", v) }
func (e *events) Errorf(string, ...any) error   { return errors.New("not used") }
func (e *events) Warningf(string, ...any) error { return errors.New("not used") }
func (e *events) Infof(string, ...any) error    { return errors.New("not used") }

func TestEvents(t *testing.T) {
	e := &events{}
	log := slog.New(newLeveled(slog.LevelDebug, eventWriter(e)))
	log.Debug("looked")
	log.Info("ready", "passcode", hush("hunter2"))
	log.Warn("slow")
	log.Error(strings.Repeat("x", 40000) + "\x00")
	if len(e.lines) != 3 || e.lines[0] != `I msg=ready passcode=[secret]` || e.lines[1] != "W msg=slow" || !strings.HasPrefix(e.lines[2], "E msg=") ||
		len(e.lines[2]) > eventMost || strings.Contains(e.lines[2], "\x00") {
		t.Errorf("%.100q", e.lines)
	}
}
