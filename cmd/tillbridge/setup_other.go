//go:build !unix

package main

import "os"

// keepOwnerOf has nothing to do: a new file takes over what its folder passes on.
func keepOwnerOf(*os.File, os.FileInfo) error { return nil }

// syncFolder has nothing to do: Windows writes a folder with its files.
func syncFolder(string) error { return nil }

// handOver has nothing to do: install opens the data folder to the service.
func handOver(string, string) error { return nil }
