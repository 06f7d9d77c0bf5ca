package simulate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// ptyWriteTimeout bounds a write to a pseudo-terminal that nobody reads.
const ptyWriteTimeout = 10 * time.Second

// PTYPort is the terminal's side of a pseudo-terminal; it is a terminal.Port. The other side is the device at
// Path, for a program that opens serial ports.
//
// The device is kept open here, so that programs may come and go without this side noticing; what is written
// while nobody reads waits for the next. Close hangs up, which looks like an unplugged adapter to whoever has
// the device open.
type PTYPort struct {
	master *os.File
	slave  *os.File
	path   string
	link   string

	closed atomic.Bool
	once   sync.Once
	err    error // of Close
}

// PTY makes a pseudo-terminal in raw mode, and a symbolic link to its device unless link is empty. A link
// that stands there from an earlier run is replaced in one step; anything else there is left alone and is an
// error. The caller closes the port, which removes the link. Linux only.
func PTY(link string) (*PTYPort, error) {
	// Opened so that its reads can be ended by a deadline and by Close.
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a pseudo-terminal: %w", err)
	}
	p := &PTYPort{master: master}
	if err := p.open(); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("make a pseudo-terminal: %w", err)
	}
	if link == "" {
		return p, nil
	}
	if err := p.setLink(link); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("link to the pseudo-terminal: %w", err)
	}
	return p, nil
}

// open unlocks and opens the device side and makes it raw, as pty(7) and ioctl_tty(2) describe.
func (p *PTYPort) open() error {
	var unlock, number int32
	if err := control(p.master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return err
	}
	if err := control(p.master, syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		return err
	}
	p.path = "/dev/pts/" + strconv.Itoa(int(number))
	slave, err := os.OpenFile(p.path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p.slave = slave
	var t syscall.Termios
	if err := control(slave, syscall.TCGETS, unsafe.Pointer(&t)); err != nil {
		return err
	}
	// Without this the line echoes and translates bytes until the first program sets it up.
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = t.Cflag&^(syscall.CSIZE|syscall.PARENB) | syscall.CS8 | syscall.CREAD | syscall.CLOCAL
	t.Cc[syscall.VMIN], t.Cc[syscall.VTIME] = 1, 0
	return control(slave, syscall.TCSETS, unsafe.Pointer(&t))
}

// setLink makes the link beside its place and moves it there.
func (p *PTYPort) setLink(link string) error {
	if st, err := os.Lstat(link); err == nil && st.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("%s exists and is not a link", link)
	}
	aside := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(p.path, aside); err != nil {
		return err
	}
	if err := os.Rename(aside, link); err != nil {
		_ = os.Remove(aside)
		return err
	}
	full, err := filepath.Abs(link)
	if err != nil {
		full = link
	}
	p.link = full
	return nil
}

// control makes an ioctl without taking the file out of the runtime's poller.
func control(f *os.File, request uintptr, argument unsafe.Pointer) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument))
			if errno == syscall.EINTR {
				continue
			}
			if errno != 0 {
				failed = os.NewSyscallError("ioctl", errno)
			}
			return
		}
	})
	return errors.Join(err, failed)
}

// Path is the device, "/dev/pts/3".
func (p *PTYPort) Path() string { return p.path }

// Read reads what was written to the device.
func (p *PTYPort) Read(b []byte) (int, error) {
	n, err := p.master.Read(b)
	return n, p.closing(err)
}

// closing makes any error after Close that of a closed line: what the runtime's poller says of a closed file is
// a bare "use of closed file" at times, which is no os.ErrClosed.
func (p *PTYPort) closing(err error) error {
	if err != nil && p.closed.Load() {
		return errClosed
	}
	return err
}

// Write hands bytes to the device. While nobody reads there some kilobytes wait; after ten seconds without
// room it returns an error.
func (p *PTYPort) Write(b []byte) (int, error) {
	if err := p.master.SetWriteDeadline(time.Now().Add(ptyWriteTimeout)); err != nil {
		return 0, p.closing(err)
	}
	n, err := p.master.Write(b)
	return n, p.closing(err)
}

// SetReadDeadline ends a Read, present or future, at t; the zero time means never.
func (p *PTYPort) SetReadDeadline(t time.Time) error { return p.closing(p.master.SetReadDeadline(t)) }

// Release lifts the exclusive mode (TIOCEXCL) that a program has set on the device. On a pseudo-terminal it
// outlives a killed program, and would refuse the next one unless that is the superuser's.
func (p *PTYPort) Release() error { return p.closing(control(p.slave, syscall.TIOCNXCL, nil)) }

// Discard drops what was written and not yet read by a program, as a real port does when the last program
// that has it open ends.
func (p *PTYPort) Discard() error {
	conn, err := p.slave.SyscallConn()
	if err != nil {
		return p.closing(err)
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		// The descriptor does not block.
		for buf := make([]byte, 4096); ; {
			n, err := syscall.Read(int(fd), buf)
			switch {
			case errors.Is(err, syscall.EINTR), n > 0:
			case errors.Is(err, syscall.EAGAIN), n == 0 && err == nil:
				return
			default:
				failed = os.NewSyscallError("read", err)
				return
			}
		}
	})
	return p.closing(errors.Join(err, failed))
}

// Close hangs up and removes the link, unless that leads elsewhere by now. It may be repeated.
func (p *PTYPort) Close() error {
	p.once.Do(func() {
		p.closed.Store(true)
		if to, err := os.Readlink(p.link); p.link != "" && err == nil && to == p.path {
			p.err = os.Remove(p.link)
		}
		if p.slave != nil {
			p.err = errors.Join(p.err, p.slave.Close())
		}
		p.err = errors.Join(p.err, p.master.Close())
	})
	return p.err
}
