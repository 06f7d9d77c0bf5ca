//go:build !linux || !(amd64 || arm64)

package journal

import "errors"

// forget cannot be done here.
func forget(string) error { return errors.ErrUnsupported }
