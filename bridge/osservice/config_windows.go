package osservice

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// registered is how a service is registered.
type registered struct {
	line    string // what is started
	account string
	start   uint32 // SERVICE_AUTO_START and the like
}

// configOf reads it. mgr.Service.Config asks for more, which not every Windows knows.
func configOf(s *mgr.Service) (registered, error) {
	n := uint32(8 << 10) // the most that there can be
	b := make([]byte, n)
	c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&b[0]))
	if err := windows.QueryServiceConfig(s.Handle, c, n, &n); err != nil {
		return registered{}, fmt.Errorf("ask how the service is registered: %w", rights(err))
	}
	return registered{line: windows.UTF16PtrToString(c.BinaryPathName), account: windows.UTF16PtrToString(c.ServiceStartName), start: c.StartType}, nil
}

func bytePointer[T any](p *T) *byte { return (*byte)(unsafe.Pointer(p)) }

// isThere tells that an event source was registered before.
func isThere(err error) bool {
	return errors.Is(err, windows.ERROR_ALREADY_EXISTS) || strings.Contains(err.Error(), "exists")
}

// below tells whether a path is in a folder, whatever the case of its letters.
func below(path, folder string) bool {
	path, folder = strings.ToLower(filepath.Clean(path)), strings.ToLower(filepath.Clean(folder))
	return path == folder || strings.HasPrefix(path, folder+`\`)
}
