//go:build linux

package main

import (
	"bytes"
	encoding "encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	sector   = 512
	diskPage = 4096

	// powerDiskVariable holds the size of the disk that a process of the test is to be.
	powerDiskVariable = "TILLBRIDGE_POWERCUT_DISK"
)

// diskImage is the content of a disk, by pages; nil is zeros. Pages are shared between images and never changed.
type diskImage [][]byte

// after is the image once records were carried out.
func (m diskImage) after(records ...[]diskRecord) diskImage {
	m = slices.Clone(m)
	for _, some := range records {
		for _, r := range some {
			m.put(r.at, r.data)
		}
	}
	return m
}

// loadImage reads an image from a file.
func loadImage(path string) (diskImage, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := make(diskImage, len(b)/diskPage)
	for i := range m {
		if p := b[i*diskPage:][:diskPage]; !zeros(p) {
			m[i] = append([]byte(nil), p...)
		}
	}
	return m, nil
}

func zeros(b []byte) bool {
	for len(b) >= 8 {
		if encoding.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	return true
}

// save writes the image to a file, with holes where it is zero.
func (m diskImage) save(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(int64(len(m)) * diskPage); err != nil {
		return err
	}
	for i, p := range m {
		if p == nil {
			continue
		}
		if _, err := f.WriteAt(p, int64(i)*diskPage); err != nil {
			return err
		}
	}
	return nil
}

// put writes whole sectors into the image, which must be nobody else's; it keeps what is written.
func (m diskImage) put(at int64, b []byte) {
	for len(b) > 0 {
		i, from := at/diskPage, at%diskPage
		n := min(int64(len(b)), diskPage-from)
		if n == diskPage {
			m[i] = b[:n:n]
		} else {
			p := make([]byte, diskPage)
			copy(p, m[i])
			copy(p[from:], b[:n])
			m[i] = p
		}
		at, b = at+n, b[n:]
	}
}

// diskRecord is a request that the disk has carried out.
type diskRecord struct {
	flush bool
	at    int64
	data  []byte
}

// parseLog reads a block log of so many records.
func parseLog(path string, count int) ([]diskRecord, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b = b[min(len(b), logHead):]
	var all []diskRecord
	for range count {
		if len(b) < logRecord {
			return nil, errors.New("the block log is shorter than it says")
		}
		kind, at, n := encoding.NativeEndian.Uint64(b), encoding.NativeEndian.Uint64(b[8:]), encoding.NativeEndian.Uint64(b[16:])
		if b = b[logRecord:]; uint64(len(b)) < n || kind != kindWrite && kind != kindFlush {
			return nil, fmt.Errorf("a record of the block log makes no sense: kind %d, length %d", kind, n)
		}
		all = append(all, diskRecord{flush: kind == kindFlush, at: int64(at), data: b[:n:n]})
		b = b[n:]
	}
	return all, nil
}

// fileSystemKind is how a disk is made and mounted.
type fileSystemKind struct {
	name    string
	kind    string // for mount
	options string // for mount
	size    int64
	make    []string
	repair  []string // what a computer does at its start when it does not mount; nil for nothing
}

// loggedDisk is a file system on a disk whose requests are logged and whose power can fail.
type loggedDisk struct {
	folder, mount string
	server        *exec.Cmd
	said          bytes.Buffer // by that process
	counters      *logCounters
	unmap         func() error
	bell          *os.File // a byte comes each time that a request waits, because the power is about to fail
	fused         bool     // the device is mounted
	mounted       bool     // the file system is
}

// openDisk makes a disk of an image, in a folder of its own, and mounts it.
func openDisk(folder, mount string, fs fileSystemKind, m diskImage) (_ *loggedDisk, err error) {
	d := &loggedDisk{folder: folder, mount: mount}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.discard())
		}
	}()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := d.serve(m); err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	if err := mountLoop(d.device(), d.mount, fs); err != nil {
		return nil, err
	}
	d.mounted = true
	return d, nil
}

func (d *loggedDisk) device() string  { return filepath.Join(d.folder, "device") }
func (d *loggedDisk) logFile() string { return filepath.Join(d.folder, "log") }

// serve starts the process that is the disk.
func (d *loggedDisk) serve(m diskImage) error {
	dataFile := filepath.Join(d.folder, "data")
	if err := m.save(dataFile); err != nil {
		return err
	}
	data, err := os.OpenFile(dataFile, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer data.Close()
	log, err := os.OpenFile(d.logFile(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := log.Truncate(logHead); err != nil {
		return err
	}
	if d.counters, d.unmap, err = mapCounters(log); err != nil {
		return err
	}
	d.counters.freeze.Store(math.MaxUint64)
	if err := os.WriteFile(d.device(), nil, 0o600); err != nil {
		return err
	}
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open /dev/fuse", err)
	}
	dev := os.NewFile(uintptr(fd), "/dev/fuse")
	defer dev.Close()
	err = syscall.Mount("tillbridge-powercut", d.device(), "fuse", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=100000,user_id=0,group_id=0", fd))
	if err != nil {
		return os.NewSyscallError("mount fuse", err)
	}
	d.fused = true
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d.server = exec.Command(self, "-test.run=^TestTorturePowerCutDisk$", "-test.timeout=0")
	d.server.Env = append(os.Environ(), powerDiskVariable+"="+strconv.Itoa(len(m)*diskPage))
	d.server.Stdout, d.server.Stderr = &d.said, &d.said
	r, w, err := os.Pipe()
	if err != nil {
		d.server = nil
		return err
	}
	defer w.Close()
	d.bell = r
	d.server.ExtraFiles = []*os.File{dev, data, log, w}
	if err := d.server.Start(); err != nil {
		d.server = nil
		return err
	}
	return nil
}

// records is how many requests the disk has carried out.
func (d *loggedDisk) records() int { return int(d.counters.count.Load()) }

// arm lets the disk stand still after so many requests more, and ring.
func (d *loggedDisk) arm(more int) { d.counters.freeze.Store(d.counters.count.Load() + uint64(more)) }

// disarm lets it go on.
func (d *loggedDisk) disarm() { d.counters.freeze.Store(math.MaxUint64) }

// fail takes the power away after so many requests more, at the latest where it stands still. It returns at once.
func (d *loggedDisk) fail(more int) {
	d.counters.freeze.Store(min(d.counters.freeze.Load(), d.counters.count.Load()+uint64(more)))
	d.counters.dead.Store(true)
}

// pull takes the disk away as a power cut does and returns all that it had carried out.
func (d *loggedDisk) pull() ([]diskRecord, error) {
	d.fail(0)
	if err := d.stop(); err != nil {
		return nil, err
	}
	info, err := os.Stat(d.logFile())
	if err != nil {
		return nil, err
	}
	if info.Size() > logMost-fuseMostData-logRecord {
		return nil, fmt.Errorf("the block log has %d MiB: a shorter life is needed", info.Size()>>20)
	}
	return parseLog(d.logFile(), d.records())
}

// stop unmounts everything and waits for the process that is the disk.
func (d *loggedDisk) stop() (err error) {
	if d.mounted {
		err = unmount(d.mount)
		d.mounted = false
	}
	if d.fused {
		err = errors.Join(err, unmount(d.device()))
		d.fused = false
	}
	if d.server != nil {
		if e := d.server.Wait(); e != nil {
			err = errors.Join(err, fmt.Errorf("the disk's process: %w\n%s", e, d.said.Bytes()))
		}
		d.server = nil
	}
	return err
}

// discard stops the disk and removes its folder. It may be repeated.
func (d *loggedDisk) discard() error {
	if d.counters != nil {
		d.fail(0)
	}
	err := d.stop()
	if d.bell != nil {
		err = errors.Join(err, d.bell.Close())
		d.bell = nil
	}
	if d.unmap != nil {
		err = errors.Join(err, d.unmap())
		d.counters, d.unmap = nil, nil
	}
	return errors.Join(err, os.RemoveAll(d.folder))
}

// unmount unmounts, and waits for whoever has it open still.
func unmount(path string) error {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); idleFor(2*time.Millisecond, nil) {
		if err = syscall.Unmount(path, 0); !errors.Is(err, syscall.EBUSY) {
			return os.NewSyscallError("unmount "+path, err)
		}
	}
	return errors.Join(os.NewSyscallError("unmount "+path, err), syscall.Unmount(path, syscall.MNT_DETACH))
}

// The kernel's include/uapi/linux/loop.h.
const (
	loopConfigure = 0x4C0A
	loopGetFree   = 0x4C82

	loopAutoclear   = 4
	loopFlagsAt     = 8 + 52 // in struct loop_config
	loopNameAt      = 8 + 56
	loopConfigBytes = 304
)

// mountLoop mounts a file's file system. The loop device goes with its mount.
func mountLoop(file, mount string, fs fileSystemKind) error {
	fd, err := syscall.Open(file, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open "+file, err)
	}
	defer syscall.Close(fd)
	loop, dev, err := attachLoop(fd)
	if err != nil {
		return err
	}
	defer syscall.Close(loop)
	if err := syscall.Mount(dev, mount, fs.kind, 0, fs.options); err != nil {
		return &mountError{dev: dev, err: err}
	}
	return nil
}

// mountError says that a file system could not be mounted.
type mountError struct {
	dev string
	err error
}

func (e *mountError) Error() string { return fmt.Sprintf("mount %s: %v", e.dev, e.err) }
func (e *mountError) Unwrap() error { return e.err }

// attachLoop gives a file a loop device, which is open and ends with its last user.
func attachLoop(fd int) (loop int, dev string, err error) {
	control, err := syscall.Open("/dev/loop-control", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, "", os.NewSyscallError("open /dev/loop-control", err)
	}
	defer syscall.Close(control)
	for range 200 {
		n, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(control), loopGetFree, 0)
		if errno != 0 {
			return 0, "", os.NewSyscallError("LOOP_CTL_GET_FREE", errno)
		}
		dev = fmt.Sprintf("/dev/loop%d", n)
		loop, err = syscall.Open(dev, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			return 0, "", os.NewSyscallError("open "+dev, err)
		}
		var c [loopConfigBytes]byte
		encoding.NativeEndian.PutUint32(c[:], uint32(fd))
		encoding.NativeEndian.PutUint32(c[4:], sector)
		encoding.NativeEndian.PutUint32(c[loopFlagsAt:], loopAutoclear)
		copy(c[loopNameAt:loopNameAt+63], "tillbridge-powercut")
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, uintptr(loop), loopConfigure, uintptr(unsafe.Pointer(&c)))
		if errno == 0 {
			return loop, dev, nil
		}
		_ = syscall.Close(loop) // it was not ours
		if errno != syscall.EBUSY {
			return 0, "", os.NewSyscallError("LOOP_CONFIGURE", errno)
		}
		idleFor(time.Millisecond, nil)
	}
	return 0, "", errors.New("no loop device is free")
}
