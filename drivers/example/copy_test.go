package example

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCopy copies the blueprint under another name, as docs/drivers.md says it, and compiles the copy with its simulator and its tests. The copy is
// shown to the compiler beside this folder and never written there.
func TestCopy(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("the go command is not here: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace, dir, n := map[string]string{}, t.TempDir(), 0
	err = filepath.WalkDir(here, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || d.Name() == "copy_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(here, path)
		if err != nil {
			return err
		}
		n++
		copied := filepath.Join(dir, strings.ReplaceAll(rel, string(filepath.Separator), "-"))
		replace[filepath.Join(filepath.Dir(here), "mine", rel)] = copied
		return os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), "example", "mine")), 0o600)
	})
	if err != nil || n < 6 {
		t.Fatalf("%d files: %v", n, err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-c", "-o", dir+string(filepath.Separator), "-overlay", file, "tillbridge/drivers/mine")
	cmd.Dir = here
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the copy: %v\n%s", err, out)
	}
}
