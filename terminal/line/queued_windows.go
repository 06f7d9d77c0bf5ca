package line

import (
	"reflect"
	"syscall"
	"unsafe"

	"go.bug.st/serial"
)

// queued is a port that is asked for as many bytes as wait in the driver's queue, and for one where none does.
//
// The library sets the time-outs by which a read ends as soon as there is something (ReadIntervalTimeout and
// ReadTotalTimeoutMultiplier of MAXDWORD). A driver that does not know them holds a read until its buffer is full;
// Wine does. One byte at a time would do everywhere, but costs a call for each.
type queued struct {
	serial.Port
	handle syscall.Handle    // 0 where the library does not show it; then each read is of one byte
	status *syscall.LazyProc // ClearCommError
}

// exactly makes the reads of a port end with any driver.
func exactly(p serial.Port) tty {
	return queued{p, handleOf(p), syscall.NewLazyDLL("kernel32.dll").NewProc("ClearCommError")}
}

// handleOf is the library's own handle, which it does not hand out.
func handleOf(p serial.Port) syscall.Handle {
	v := reflect.ValueOf(p)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return 0
	}
	if f := v.Elem().FieldByName("handle"); f.IsValid() && f.Kind() == reflect.Uintptr {
		return syscall.Handle(f.Uint())
	}
	return 0
}

func (q queued) Read(b []byte) (int, error) { return q.Port.Read(b[:min(len(b), q.waiting())]) }

// comStat is COMSTAT of winbase.h.
type comStat struct {
	flags, inQueue, outQueue uint32
}

// waiting is how many bytes are in the driver's queue, at least 1.
func (q queued) waiting() int {
	if q.handle == 0 {
		return 1
	}
	var stat comStat
	var faults uint32 // of the line; they hold nothing up, since the library leaves fAbortOnError off
	if ok, _, _ := q.status.Call(uintptr(q.handle), uintptr(unsafe.Pointer(&faults)), uintptr(unsafe.Pointer(&stat))); ok == 0 {
		return 1 // the read tells why
	}
	return int(max(1, min(stat.inQueue, inboxLimit)))
}
