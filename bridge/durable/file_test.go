package durable

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	for _, content := range []string{"first", "", "second, and longer"} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q was written as %q, %v", content, got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
	t.Chdir(dir)
	if err := Write("here", []byte("x")); err != nil {
		t.Errorf("in the working folder: %v", err)
	}
	only(t, dir, "here", "secret")
}

// What cannot be written leaves the old content and nothing beside it.
func TestWriteThatFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x")); err == nil {
		t.Error("a folder was written over")
	}
	only(t, dir, "folder")
	if err := Write(filepath.Join(dir, "missing", "file"), []byte("x")); err == nil {
		t.Error("a file was written into a folder that there is not")
	}
	if runtime.GOOS != "windows" && SyncFolder(filepath.Join(dir, "missing")) == nil {
		t.Error("a folder that there is not was synced")
	}
}

// only checks that a folder holds these names, in their order, and no other.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if i >= len(want) || e.Name() != want[i] {
			t.Errorf("it holds %s", e.Name())
		}
	}
	if len(entries) < len(want) {
		t.Errorf("it holds %d of %d", len(entries), len(want))
	}
}
