package line

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// whoAmI asks the system's lists for this user.
func whoAmI() account {
	a := account{member: map[string]bool{}, groupOf: groupOf}
	u, err := user.Current()
	if err != nil {
		return a
	}
	a.name = u.Username
	ids, err := u.GroupIds()
	if err != nil {
		return a
	}
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			a.member[g.Name] = true
		}
	}
	return a
}

// groupOf tells the group of a file, and whether the group may read and write it.
func groupOf(path string) (group string, open bool, err error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return "", false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	id := strconv.FormatUint(uint64(st.Gid), 10)
	g, err := user.LookupGroupId(id)
	if err != nil {
		return id, st.Mode&0o060 == 0o060, nil
	}
	return g.Name, st.Mode&0o060 == 0o060, nil
}
