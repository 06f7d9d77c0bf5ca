package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

func owners(fs.FileInfo) (owner, group string) { return "", "" }

func disk(dir string) (Disk, error) {
	name, err := syscall.UTF16PtrFromString(dir)
	if err != nil {
		return Disk{}, err
	}
	var free uint64
	call := syscall.NewLazyDLL("kernel32.dll").NewProc("GetDiskFreeSpaceExW")
	if ok, _, err := call.Call(uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&free)), 0, 0); ok == 0 {
		return Disk{}, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return Disk{FreeBytes: int64(min(free, 1<<62))}, nil
}

// journalHolder reads the process id that the holder wrote into the lock file and asks whether that one lives and is
// a tillbridge. The lock itself is not tried: that could be in the way of a bridge that starts just now.
func journalHolder(path string) (Process, bool, error) {
	name, err := syscall.UTF16PtrFromString(path + ".lock")
	if err != nil {
		return Process{}, false, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ, syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE,
		nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Process{}, false, nil
	}
	if err != nil {
		return Process{}, false, &os.PathError{Op: "open", Path: path + ".lock", Err: err}
	}
	f := os.NewFile(uintptr(h), path+".lock")
	defer f.Close()
	b := make([]byte, 20)
	n, _ := f.Read(b) // an empty file names nobody
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid <= 0 {
		return Process{}, false, nil
	}
	program := programName(pid)
	if !strings.HasPrefix(strings.ToLower(program), "tillbridge") {
		return Process{}, false, nil
	}
	return Process{PID: pid, Name: program}, true, nil
}

// programName is the file name of a running program; empty where it has ended or may not be seen.
func programName(pid int) string {
	const queryLimited = 0x1000 // PROCESS_QUERY_LIMITED_INFORMATION
	h, err := syscall.OpenProcess(queryLimited, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer syscall.CloseHandle(h)
	const stillActive = 259
	var code uint32
	if syscall.GetExitCodeProcess(h, &code) != nil || code != stillActive {
		return ""
	}
	buf := make([]uint16, 1024)
	n := uint32(len(buf))
	call := syscall.NewLazyDLL("kernel32.dll").NewProc("QueryFullProcessImageNameW")
	if ok, _, _ := call.Call(uintptr(h), 0, uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n))); ok == 0 {
		return ""
	}
	return filepath.Base(syscall.UTF16ToString(buf[:n]))
}

func listeners(ctx context.Context, ports ...uint16) ([]Listener, error) {
	out, code, err := runCommand(ctx, "netstat.exe", "-ano", "-p", "TCP")
	if err == nil && code != 0 {
		err = errors.New("netstat ended with code " + itoa(code))
	}
	if err != nil {
		return nil, err
	}
	more, code, err := runCommand(ctx, "netstat.exe", "-ano", "-p", "TCPv6")
	if err == nil && code == 0 {
		out += more
	}
	all := parseNetstat(out, ports)
	for i := range all {
		all[i].By.Name = programName(all[i].By.PID)
	}
	return all, nil
}
