package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// owners names the user and the group of a file.
func owners(info fs.FileInfo) (owner, group string) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	owner, group = strconv.FormatUint(uint64(st.Uid), 10), strconv.FormatUint(uint64(st.Gid), 10)
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return owner, group
}

func disk(dir string) (Disk, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Disk{}, os.NewSyscallError("statfs", err)
	}
	const readOnly = 1 // ST_RDONLY, statfs(2)
	return Disk{FreeBytes: int64(s.Bavail) * int64(s.Bsize), ReadOnly: s.Flags&readOnly != 0}, nil
}

// journalHolder reads who has the lock from the kernel's list, since trying it could be in the way of a bridge that
// starts just now. proc(5): "1: FLOCK  ADVISORY  WRITE 11993 fe:00:9978012 0 EOF". Some file systems (btrfs) have
// another device number there than stat tells, so that a living tillbridge which signed the file counts too.
func journalHolder(path string) (Process, bool, error) {
	var st syscall.Stat_t
	err := syscall.Stat(path+".lock", &st)
	if errors.Is(err, fs.ErrNotExist) {
		return Process{}, false, nil
	}
	if err != nil {
		return Process{}, false, &os.PathError{Op: "stat", Path: path + ".lock", Err: err}
	}
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return Process{}, false, err
	}
	dev := uint64(st.Dev)
	major, minor := dev>>8&0xfff|dev>>32&^0xfff, dev&0xff|dev>>12&^0xff
	want := fmt.Sprintf("%02x:%02x:%d", major, minor, st.Ino)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != want {
			continue
		}
		pid, _ := strconv.Atoi(f[4])
		pid = max(pid, 0) // -1 is a process of another namespace
		return Process{PID: pid, Name: programName(pid)}, true, nil
	}
	signed, err := os.ReadFile(path + ".lock")
	if err != nil {
		return Process{}, false, err
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(signed[:min(len(signed), 20)]))) // 0 is nobody
	if name := programName(pid); pid != os.Getpid() && strings.HasPrefix(name, "tillbridge") {
		return Process{PID: pid, Name: name}, true, nil
	}
	return Process{}, false, nil
}

func programName(pid int) string {
	if pid <= 0 {
		return ""
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// listeners reads the kernel's tables, and the open files of every process for who has a socket.
func listeners(_ context.Context, ports ...uint16) ([]Listener, error) {
	byInode := map[string][]Listener{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		parseTCPTable(string(text), func(a netip.AddrPort, inode string) {
			if slices.Contains(ports, a.Port()) {
				byInode[inode] = append(byInode[inode], Listener{Address: a})
			}
		})
	}
	if len(byInode) == 0 {
		return nil, nil
	}
	holders := socketHolders(byInode)
	var all []Listener
	for inode, list := range byInode {
		for _, l := range list {
			l.By = holders[inode]
			all = append(all, l)
		}
	}
	return all, nil
}

// parseTCPTable reads /proc/net/tcp and tcp6: addresses are 32-bit words in hex, in the byte order of the machine,
// which is little-endian on all that we build for; state 0A listens.
func parseTCPTable(text string, found func(a netip.AddrPort, inode string)) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != "0A" {
			continue
		}
		ip, port, _ := strings.Cut(f[1], ":")
		b, err := hex.DecodeString(ip)
		n, perr := strconv.ParseUint(port, 16, 16)
		if err != nil || perr != nil {
			continue
		}
		for i := 0; i+4 <= len(b); i += 4 {
			slices.Reverse(b[i : i+4])
		}
		if a, ok := netip.AddrFromSlice(b); ok {
			found(netip.AddrPortFrom(a.Unmap(), uint16(n)), f[9])
		}
	}
}

// socketHolders finds the process of each socket, as far as this user may see.
func socketHolders(wanted map[string][]Listener) map[string]Process {
	found := map[string]Process{}
	processes, _ := os.ReadDir("/proc") // without it nobody is named
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", p.Name(), "fd")
		files, _ := os.ReadDir(dir) // another user's process
		for _, f := range files {
			target, _ := os.Readlink(filepath.Join(dir, f.Name()))
			inode, ok := strings.CutPrefix(target, "socket:[")
			inode = strings.TrimSuffix(inode, "]")
			if _, asked := wanted[inode]; ok && asked {
				found[inode] = Process{PID: pid, Name: programName(pid)}
			}
		}
		if len(found) == len(wanted) {
			break
		}
	}
	return found
}
