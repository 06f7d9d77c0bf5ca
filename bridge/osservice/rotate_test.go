package osservice

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// kept reads all of a log's files, oldest first, and checks their bounds.
func kept(t *testing.T, path string, most int64, files int) string {
	t.Helper()
	all := ""
	for i := files; i >= 0; i-- {
		name := path
		if i > 0 {
			name = fmt.Sprintf("%s.%d", path, i)
		}
		b, err := os.ReadFile(name)
		if err == nil && (i == files || int64(len(b)) > most) {
			t.Errorf("%s has %d bytes", name, len(b))
		}
		all += string(b)
	}
	return all
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "tillbridge.log")
	const most, files = 100, 3
	f, err := OpenRotatingFile(path, most, files)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 100 {
		line := fmt.Sprintf("line %03d\n", i)
		if n, err := f.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		want.WriteString(line)
		if i == 42 { // a restart goes on in the same file
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if f, err = OpenRotatingFile(path, most, files); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := kept(t, path, most, files)
	if !strings.HasSuffix(want.String(), got) || len(got) < most*(files-1) {
		t.Errorf("kept is not the end of what was written:\n%s", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read it: %v %v", info, err)
	}
	long := strings.Repeat("x", 3*most) + "\n"
	if _, err := f.Write([]byte(long)); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != long {
		t.Errorf("a long line is not whole: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Write([]byte("after\n")); err != nil { // the last lines of a stop
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Where an old file cannot be moved the log stays bounded all the same.
func TestRotationInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tillbridge.log")
	if err := os.MkdirAll(filepath.Join(path+".1", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, files := range []int{1, 2} {
		f, err := OpenRotatingFile(path, 50, files)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			if _, err := fmt.Fprintf(f, "line %d\n", i); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) > 50 || !strings.HasSuffix(string(b), "line 39\n") {
			t.Errorf("%d files: %d bytes, %v", files, len(b), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A log that cannot be written loses lines, and goes on when it can.
func TestRotationComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(dir, "tillbridge.log")
	f, err := OpenRotatingFile(path, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil { // Windows removes no file that is open
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("lost\n")); err == nil {
		t.Error("a line went nowhere without an error")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("kept\n")); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "kept\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, x := range [][2]int{{0, 1}, {1, 0}} {
		if _, err := OpenRotatingFile(path, int64(x[0]), x[1]); err == nil {
			t.Errorf("%v is no bound", x)
		}
	}
}

func TestRotationByMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tillbridge.log")
	f, err := OpenRotatingFile(path, 1000, 3)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 200 {
				if _, err := fmt.Fprintf(f, "%d %03d.\n", w, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for l := range strings.Lines(kept(t, path, 1000, 3)) {
		if len(l) != len("1 234.\n") || !strings.HasSuffix(l, ".\n") {
			t.Errorf("a broken line: %q", l)
		}
	}
}
