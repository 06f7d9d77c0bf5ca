//go:build linux && amd64

package main

import (
	"bufio"
	le "encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Numbers of linux/ptrace.h, linux/prctl.h, linux/seccomp.h, linux/audit.h and sys/wait.h that package syscall lacks.
const (
	ptraceOptions   = syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACESYSGOOD | 0x80 /* TRACESECCOMP */ | 0x100000 /* EXITKILL */
	ptraceEventSecc = 7                                                                                                // PTRACE_EVENT_SECCOMP
	syscallStop     = 0x80                                                                                             // what TRACESYSGOOD adds to SIGTRAP
	waitOwn         = 0x20000000                                                                                       // __WNOTHREAD: only what this thread started or traces
	noNewPrivs      = 38                                                                                               // PR_SET_NO_NEW_PRIVS
	seccompCall     = 317
	seccompFilter   = 1 // SECCOMP_SET_MODE_FILTER
	seccompTrace    = 0x7ff00000
	seccompAllow    = 0x7fff0000
	auditX8664      = 0xc000003e
)

// The journal's reserve is a file of noise, written in 64 equal pieces, of which the first few count.
const (
	reserveAside = ".reserve.new"
	noiseMost    = 4
)

// tracer follows all threads of a program from its first instruction and lets one system call go wrong. The program is
// the unmodified one: the filter that makes the kernel stop at calls of one kind, and at no others, is put in by the
// tracer while the program stands at its entry point.
type tracer struct {
	fault  callFault
	ours   func(path string) bool // the files that matter
	fired  chan struct{}          // closed when the fault was played
	what   string                 // the call that it met; to be read once fired is closed
	count  atomic.Int64           // calls of the kind that mattered
	status syscall.WaitStatus     // of the program, once it has ended

	pid     int
	leaving map[int]int64 // threads inside a call whose result is to be changed (or which is to be their last)
	known   map[int]bool  // threads whose first stop was seen
	noise   int           // calls about the reserve so far
}

func newTracer(f callFault, ours func(string) bool) *tracer {
	return &tracer{fault: f, ours: ours, fired: make(chan struct{}), leaving: map[int]int64{}, known: map[int]bool{}}
}

// startTraced starts a program under a tracer. What it returns is as of startVictim.
func startTraced(t *tracer, hear func(line string), over func(), exe string, args ...string) (*victim, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	v := &victim{cmd: exec.Command(exe, args...), ended: make(chan struct{}), began: time.Now()}
	v.cmd.Stdout, v.cmd.Stderr = w, w
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	started, traced := make(chan error), make(chan struct{})
	go func() {
		defer close(traced)
		runtime.LockOSThread() // whoever starts a traced program is its tracer, a thread
		defer runtime.UnlockOSThread()
		err := v.cmd.Start()
		_ = w.Close() // the program has its own
		if err == nil {
			t.pid = v.cmd.Process.Pid
			if err = t.begin(); err != nil {
				v.kill()
				t.follow()
			}
		}
		started <- err
		if err == nil {
			t.follow()
		}
	}()
	if err := <-started; err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("trace the program: %w", err)
	}
	go func() {
		defer over()
		defer close(v.ended)
		for s := bufio.NewScanner(r); s.Scan(); {
			hear(s.Text())
		}
		_ = r.Close()
		<-traced
		_ = v.cmd.Process.Release() // the tracer has waited for it
	}()
	return v, nil
}

// begin takes the program at its entry point, puts the filter in and lets it go.
func (t *tracer) begin() error {
	var ws syscall.WaitStatus
	if _, err := wait(t.pid, &ws); err != nil || !ws.Stopped() {
		return fmt.Errorf("wait for the program's first stop: %v %w", ws, err)
	}
	t.known[t.pid] = true
	if err := syscall.PtraceSetOptions(t.pid, ptraceOptions); err != nil {
		return err
	}
	if t.fault.n > 0 {
		if err := t.install(bpf(t.fault.kind.numbers)); err != nil {
			return fmt.Errorf("put the filter in: %w", err)
		}
	}
	return syscall.PtraceCont(t.pid, 0)
}

// bpf is a filter that stops at some calls and lets all others go.
func bpf(numbers []uint64) []byte {
	var b []byte
	add := func(code uint16, jt, jf uint8, k uint32) {
		b = le.LittleEndian.AppendUint16(b, code)
		b = append(b, jt, jf)
		b = le.LittleEndian.AppendUint32(b, k)
	}
	const load, jumpEqual, ret = 0x20, 0x15, 0x06
	add(load, 0, 0, 4) // seccomp_data.arch
	add(jumpEqual, 1, 0, auditX8664)
	add(ret, 0, 0, seccompAllow)
	add(load, 0, 0, 0) // seccomp_data.nr
	for i, n := range numbers {
		add(jumpEqual, uint8(len(numbers)-i), 0, uint32(n))
	}
	add(ret, 0, 0, seccompAllow)
	add(ret, 0, 0, seccompTrace)
	return b
}

// install makes the program, which stands at its entry point, ask for the filter itself.
func (t *tracer) install(filter []byte) error {
	var before syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(t.pid, &before); err != nil {
		return err
	}
	place := uintptr(before.Rsp-8192) &^ 15 // far below what is in use, within what the kernel mapped for the stack
	fprog := le.LittleEndian.AppendUint64(nil, uint64(len(filter)/8))
	fprog = le.LittleEndian.AppendUint64(fprog, uint64(place)+16)
	if _, err := syscall.PtracePokeData(t.pid, place, append(fprog, filter...)); err != nil {
		return err
	}
	entry, code := uintptr(before.Rip), make([]byte, 2)
	if _, err := syscall.PtracePeekText(t.pid, entry, code); err != nil {
		return err
	}
	if _, err := syscall.PtracePokeText(t.pid, entry, []byte{0x0f, 0x05}); err != nil { // the instruction syscall
		return err
	}
	for _, call := range [][4]uint64{{syscall.SYS_PRCTL, noNewPrivs, 1, 0}, {seccompCall, seccompFilter, 0, uint64(place)}} {
		regs := before
		regs.Rax, regs.Orig_rax = call[0], ^uint64(0)
		regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8 = call[1], call[2], call[3], 0, 0
		if err := t.step(&regs); err != nil {
			return err
		}
		if regs.Rax != 0 {
			return fmt.Errorf("system call %d: %w", call[0], syscall.Errno(-int64(regs.Rax)))
		}
	}
	if _, err := syscall.PtracePokeText(t.pid, entry, code); err != nil {
		return err
	}
	return syscall.PtraceSetRegs(t.pid, &before)
}

// step carries out one instruction.
func (t *tracer) step(regs *syscall.PtraceRegs) error {
	if err := syscall.PtraceSetRegs(t.pid, regs); err != nil {
		return err
	}
	if err := syscall.PtraceSingleStep(t.pid); err != nil {
		return err
	}
	var ws syscall.WaitStatus
	if _, err := wait(t.pid, &ws); err != nil || !ws.Stopped() || ws.StopSignal() != syscall.SIGTRAP {
		return fmt.Errorf("a single step ended with %v, %w", ws, err)
	}
	return syscall.PtraceGetRegs(t.pid, regs)
}

// wait is wait4 for what this thread traces.
func wait(pid int, ws *syscall.WaitStatus) (int, error) {
	for {
		got, err := syscall.Wait4(pid, ws, syscall.WALL|waitOwn, nil)
		if !errors.Is(err, syscall.EINTR) {
			return got, err
		}
	}
}

// follow lets the program run until it has ended.
func (t *tracer) follow() {
	for {
		var ws syscall.WaitStatus
		// Its threads are told by their process group: this thread may have started other programs before.
		tid, err := wait(-t.pid, &ws)
		switch {
		case err != nil:
			return
		case tid == t.pid && !ws.Stopped():
			t.status = ws
			return
		case !ws.Stopped():
			delete(t.leaving, tid)
			continue
		}
		// Where a request fails the thread is being killed, which is told by its end.
		switch sig := ws.StopSignal(); {
		case sig == syscall.SIGTRAP && ws.TrapCause() == ptraceEventSecc:
			t.entered(tid)
		case sig == syscall.SIGTRAP|syscallStop:
			t.left(tid)
		case sig == syscall.SIGTRAP && ws.TrapCause() > 0:
			_ = syscall.PtraceCont(tid, 0)
		case sig == syscall.SIGSTOP && !t.known[tid]:
			t.known[tid] = true
			_ = syscall.PtraceCont(tid, 0)
		default:
			_ = syscall.PtraceCont(tid, int(sig))
		}
	}
}

// entered is told of a thread that is about to make a call of the kind.
func (t *tracer) entered(tid int) {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return
	}
	what, matters := t.matters(tid, &regs)
	if matters && strings.HasSuffix(what, reserveAside) {
		t.noise++
		matters = t.noise <= noiseMost
	}
	if !matters || t.count.Add(1) != t.fault.n {
		_ = syscall.PtraceCont(tid, 0)
		return
	}
	t.what = what
	switch way := t.fault.way; {
	case way == killBefore:
		close(t.fired)
		_ = syscall.Kill(t.pid, syscall.SIGKILL)
	case way == killAfter:
		t.leaving[tid] = 0
		_ = syscall.PtraceSyscall(tid, 0)
	case t.fault.kind.carriedOut:
		t.leaving[tid] = -int64(way.errno())
		_ = syscall.PtraceSyscall(tid, 0)
	default:
		regs.Orig_rax, regs.Rax = ^uint64(0), uint64(-int64(way.errno()))
		err := syscall.PtraceSetRegs(tid, &regs)
		if err == nil {
			close(t.fired)
		}
		_ = syscall.PtraceCont(tid, 0)
	}
}

// left is told of a thread that has made the call whose end was waited for.
func (t *tracer) left(tid int) {
	result, waited := t.leaving[tid]
	delete(t.leaving, tid)
	switch {
	case !waited:
	case result == 0:
		close(t.fired)
		_ = syscall.Kill(t.pid, syscall.SIGKILL)
		return
	default:
		var regs syscall.PtraceRegs
		err := syscall.PtraceGetRegs(tid, &regs)
		if regs.Rax = uint64(result); err == nil && syscall.PtraceSetRegs(tid, &regs) == nil {
			close(t.fired)
		}
	}
	_ = syscall.PtraceCont(tid, 0)
}

// matters tells whether a call is about a file that matters, or about a socket where those are asked for.
func (t *tracer) matters(tid int, regs *syscall.PtraceRegs) (what string, yes bool) {
	arg := regs.Rdi
	if at, ok := t.fault.kind.path[regs.Orig_rax]; ok {
		arg = [...]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10}[at]
		what = pathAt(tid, uintptr(arg))
	} else {
		what, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(arg)))
	}
	if t.fault.kind.sockets {
		yes = strings.HasPrefix(what, "socket:")
		what = "socket"
	} else {
		yes = t.ours(what)
	}
	return fmt.Sprintf("system call %d, %s", regs.Orig_rax, what), yes
}

// pathAt reads a string of the program.
func pathAt(tid int, at uintptr) string {
	b := make([]byte, 256)
	n, _ := syscall.PtracePeekData(tid, at, b) // what could be read of it
	s, _, _ := strings.Cut(string(b[:max(0, n)]), "\x00")
	return s
}
