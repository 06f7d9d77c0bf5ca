package line

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process is one that uses a device.
type process struct {
	pid     int
	program string
}

// users finds the processes that use some devices: by their lock, else by their open files as far as we may see
// them.
type users struct {
	proc string // the mount point of proc(5)

	open map[string]int // the process that has a file open, by the file's path
	all  bool           // open is of all processes; some may hide theirs from this user
}

// holder finds the process that uses a device. It returns 0 where nothing tells.
func holder(path string) (pid int, program string) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	u := users{proc: "/proc"}
	if u.of(path).pid == 0 {
		u = lookForUsers("/proc", path) // much more to read
	}
	p := u.of(path)
	return p.pid, p.program
}

// lookForUsers looks through the open files of all processes for some paths, given without symbolic links. Our
// own do not count: what we have open ourselves is locked.
func lookForUsers(proc string, paths ...string) users {
	u := users{proc: proc, open: map[string]int{}, all: true}
	wanted := map[string]bool{}
	for _, p := range paths {
		wanted[p] = true
	}
	processes, err := os.ReadDir(proc)
	if err != nil {
		u.all = false
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		folder := filepath.Join(proc, p.Name(), "fd")
		files, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrPermission) {
			u.all = false
		}
		for _, f := range files {
			if target, err := os.Readlink(filepath.Join(folder, f.Name())); err == nil && wanted[target] {
				u.open[target] = pid
			}
		}
	}
	return u
}

// of tells who uses a device, given without symbolic links; pid 0 for nobody that we can see.
func (u users) of(path string) process {
	pid := lockHolder(u.proc, path)
	if pid == 0 {
		pid = u.open[path]
	}
	if pid == 0 {
		return process{}
	}
	return process{pid, u.program(pid)}
}

func (u users) program(pid int) string {
	name, err := os.ReadFile(filepath.Join(u.proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// lockHolder reads /proc/locks, proc(5): "1: FLOCK  ADVISORY  WRITE 11993 fe:00:9978012 0 EOF".
func lockHolder(proc, path string) int {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(proc, "locks"))
	if err != nil {
		return 0
	}
	dev := uint64(st.Dev)
	want := fmt.Sprintf("%02x:%02x:%d", major(dev), minor(dev), st.Ino)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != want {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// running tells the process id of a program by its name, 0 where none runs.
func running(proc, program string) int {
	processes, err := os.ReadDir(proc)
	if err != nil {
		return 0
	}
	u := users{proc: proc}
	for _, p := range processes {
		if pid, err := strconv.Atoi(p.Name()); err == nil && u.program(pid) == program {
			return pid
		}
	}
	return 0
}
