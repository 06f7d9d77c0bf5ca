//go:build linux

package main

import (
	encoding "encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// Numbers of the FUSE protocol 7.31 (the kernel's include/uapi/linux/fuse.h).
const (
	fuseForget      = 2
	fuseGetattr     = 3
	fuseOpen        = 14
	fuseRead        = 15
	fuseWrite       = 16
	fuseRelease     = 18
	fuseFsync       = 20
	fuseInit        = 26
	fuseInterrupt   = 36
	fuseDestroy     = 38
	fuseBatchForget = 42

	fuseAsyncRead = 1 << 0 // of INIT's flags
	fuseBigWrites = 1 << 5
	fuseMaxPages  = 1 << 22
	fuseKeepCache = 1 << 1 // of OPEN's flags

	fuseHead     = 40 // bytes before what a request asks for
	fuseMostData = 1 << 20
)

// The block log is a file: a page with the counters, then a record for each request that was carried out, one after
// another: kind, offset and length as 64-bit numbers of this machine's byte order, and the data.
const (
	logHead   = 4096
	logRecord = 24
	logMost   = 512 << 20 // a log that is longer fails the test

	kindWrite = 1
	kindFlush = 2
)

// logCounters are the first bytes of the log, which the disk's process and the test share.
type logCounters struct {
	count  atomic.Uint64 // records that are there
	freeze atomic.Uint64 // once there are so many, nothing more is carried out
	dead   atomic.Bool   // what is not carried out fails; otherwise it waits, and the test is told
}

// mapCounters maps the counters of a log. They are unmapped with the process, or by unmap.
func mapCounters(f *os.File) (_ *logCounters, unmap func() error, err error) {
	b, err := syscall.Mmap(int(f.Fd()), 0, logHead, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return (*logCounters)(unsafe.Pointer(unsafe.SliceData(b))), func() error { return os.NewSyscallError("munmap", syscall.Munmap(b)) }, nil
}

// diskServer is a disk in a file: it answers the kernel's requests one after another, writes each that changes
// something into a log, and loses its power when it is told to. It runs in a process of its own, because a test that
// reads a file on a disk that it must serve itself may wait for itself.
type diskServer struct {
	dev      int // /dev/fuse
	data     *os.File
	size     int64
	log      *os.File
	end      int64 // of the log
	counters *logCounters
	bell     *os.File // gets a byte each time that a request waits
}

// TestTorturePowerCutDisk is that process; TestTorturePowerCuts starts it. It ends when the disk is unmounted.
func TestTorturePowerCutDisk(t *testing.T) {
	size, err := strconv.ParseInt(os.Getenv(powerDiskVariable), 10, 64)
	if err != nil {
		t.Skip("skipped: this is a disk that TestTorturePowerCuts starts, not a test")
	}
	s := diskServer{dev: 3, data: os.NewFile(4, "data"), size: size, log: os.NewFile(5, "log"), end: logHead, bell: os.NewFile(6, "bell")}
	if s.counters, _, err = mapCounters(s.log); err == nil {
		err = s.serve()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serve answers until the disk is unmounted.
func (s *diskServer) serve() error {
	b := make([]byte, fuseMostData+logHead)
	for {
		n, err := syscall.Read(s.dev, b)
		switch {
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNABORTED):
			continue // the request was taken back, the last one by the disk being unmounted
		case errors.Is(err, syscall.ENODEV):
			return nil
		case err != nil:
			return os.NewSyscallError("read /dev/fuse", err)
		case n < fuseHead:
			return fmt.Errorf("a request of %d bytes", n)
		}
		code, unique := encoding.NativeEndian.Uint32(b[4:]), encoding.NativeEndian.Uint64(b[8:])
		if code == fuseForget || code == fuseBatchForget || code == fuseInterrupt {
			continue
		}
		reply, errno := s.answer(code, b[fuseHead:n])
		if errno != 0 {
			reply = nil
		}
		if err := s.reply(unique, errno, reply); err != nil {
			return err
		}
	}
}

// reply sends an answer. A request that was taken back meanwhile wants none.
func (s *diskServer) reply(unique uint64, errno syscall.Errno, body []byte) error {
	out := make([]byte, 0, 16+len(body))
	out = encoding.NativeEndian.AppendUint32(out, uint32(16+len(body)))
	out = encoding.NativeEndian.AppendUint32(out, uint32(-int32(errno)))
	out = encoding.NativeEndian.AppendUint64(out, unique)
	_, err := syscall.Write(s.dev, append(out, body...))
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return os.NewSyscallError("write /dev/fuse", err)
}

// answer carries a request out.
func (s *diskServer) answer(code uint32, in []byte) ([]byte, syscall.Errno) {
	switch code {
	case fuseInit:
		return initReply(in), 0
	case fuseGetattr:
		return s.attributes(), 0
	case fuseOpen:
		out := make([]byte, 16)
		encoding.NativeEndian.PutUint32(out[8:], fuseKeepCache)
		return out, 0
	case fuseRelease, fuseDestroy:
		return nil, 0
	case fuseRead:
		return s.read(int64(encoding.NativeEndian.Uint64(in[8:])), int64(encoding.NativeEndian.Uint32(in[16:])))
	case fuseWrite:
		n := encoding.NativeEndian.Uint32(in[16:])
		out := make([]byte, 8)
		encoding.NativeEndian.PutUint32(out, n)
		return out, s.write(int64(encoding.NativeEndian.Uint64(in[8:])), in[40:40+n])
	case fuseFsync:
		return nil, s.record(kindFlush, 0, nil)
	}
	return nil, syscall.ENOSYS
}

func initReply(in []byte) []byte {
	out := make([]byte, 64)
	put := encoding.NativeEndian.PutUint32
	put(out, 7)
	put(out[4:], 31)
	put(out[8:], encoding.NativeEndian.Uint32(in[8:])) // the most that is read ahead, as the kernel wants it
	put(out[12:], encoding.NativeEndian.Uint32(in[12:])&(fuseAsyncRead|fuseBigWrites|fuseMaxPages))
	encoding.NativeEndian.PutUint16(out[16:], 16) // requests in the background
	encoding.NativeEndian.PutUint16(out[18:], 12) // from so many on the kernel holds back
	put(out[20:], fuseMostData)
	put(out[24:], 1) // times are exact to the nanosecond
	encoding.NativeEndian.PutUint16(out[28:], fuseMostData/diskPage)
	return out
}

func (s *diskServer) attributes() []byte {
	out := make([]byte, 104)
	encoding.NativeEndian.PutUint64(out, 3600) // seconds for which this holds
	a := out[16:]
	encoding.NativeEndian.PutUint64(a, 1) // inode
	encoding.NativeEndian.PutUint64(a[8:], uint64(s.size))
	encoding.NativeEndian.PutUint64(a[16:], uint64(s.size/sector))
	encoding.NativeEndian.PutUint32(a[60:], syscall.S_IFREG|0o600)
	encoding.NativeEndian.PutUint32(a[64:], 1) // links
	encoding.NativeEndian.PutUint32(a[80:], diskPage)
	return out
}

func (s *diskServer) read(at, n int64) ([]byte, syscall.Errno) {
	b := make([]byte, max(0, min(n, s.size-at)))
	if len(b) == 0 {
		return nil, 0
	}
	if _, err := s.data.ReadAt(b, at); err != nil {
		return nil, syscall.EIO
	}
	return b, 0
}

func (s *diskServer) write(at int64, b []byte) syscall.Errno {
	if at < 0 || at%sector != 0 || len(b)%sector != 0 || at+int64(len(b)) > s.size {
		return syscall.EINVAL
	}
	if errno := s.record(kindWrite, at, b); errno != 0 {
		return errno
	}
	if _, err := s.data.WriteAt(b, at); err != nil {
		return syscall.EIO
	}
	return 0
}

// frozen tells whether the power is off. Where it is about to fail, it waits until the program was killed, or for the
// power to stay on.
func (s *diskServer) frozen() bool {
	c := s.counters
	if c.count.Load() < c.freeze.Load() {
		return false
	}
	if _, err := s.bell.Write([]byte{0}); err != nil {
		return true
	}
	for c.count.Load() >= c.freeze.Load() && !c.dead.Load() {
		idleFor(100*time.Microsecond, nil)
	}
	return c.dead.Load() && c.count.Load() >= c.freeze.Load()
}

// record writes into the log what is carried out. It refuses once the power is off.
func (s *diskServer) record(kind uint64, at int64, b []byte) syscall.Errno {
	if s.frozen() || s.end+logRecord+int64(len(b)) > logMost {
		return syscall.EIO
	}
	r := make([]byte, 0, logRecord+len(b))
	r = encoding.NativeEndian.AppendUint64(r, kind)
	r = encoding.NativeEndian.AppendUint64(r, uint64(at))
	r = encoding.NativeEndian.AppendUint64(r, uint64(len(b)))
	if _, err := s.log.WriteAt(append(r, b...), s.end); err != nil {
		return syscall.EIO
	}
	s.end += logRecord + int64(len(b))
	s.counters.count.Add(1)
	return 0
}
