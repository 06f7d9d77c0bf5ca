//go:build !unix

package access

// syncFolder does nothing: NTFS keeps renames in its own journal, and a folder cannot be opened for it.
func syncFolder(string) error { return nil }
