//go:build unix

package osservice

import "os"

const rightsHint = "only root may do this; put sudo in front of the command"

func isAdmin() error {
	if os.Geteuid() != 0 {
		return ErrRights
	}
	return nil
}
