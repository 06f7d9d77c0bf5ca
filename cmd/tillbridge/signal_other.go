//go:build !unix

package main

import "os"

func reloadSignals() []os.Signal { return nil }
