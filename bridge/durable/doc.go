// Package durable writes small files of which a crash or a power cut leaves the old content or the new, whole.
package durable
