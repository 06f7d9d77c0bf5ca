//go:build !unix

package durable

// SyncFolder has nothing to do: Windows writes a folder with its files.
func SyncFolder(string) error { return nil }
