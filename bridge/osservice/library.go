package osservice

import (
	"github.com/kardianos/service"
)

// library is what is used of a service.Service.
type library interface {
	Install() error
	Uninstall() error
	Start() error
	Stop() error
	Restart() error
}

// newLibrary is the library's service for a spec, with its options for this system.
func newLibrary(s Spec, user string, options service.KeyValue) (library, error) {
	return service.New(nil, &service.Config{
		Name: Name, DisplayName: displayName, Description: description, UserName: user,
		Executable: s.Program, Arguments: s.arguments(), Option: options,
	})
}
