package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// What is longer than a reader can hold in mind is taken apart: files, and functions (docs/decisions/0015).
func TestSizes(t *testing.T) {
	const fileMost, functionMost = 500, 70
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if n := set.Position(f.FileEnd).Line; n > fileMost+1 {
			t.Errorf("%s has %d lines; at most %d", path, n, fileMost)
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil || strings.HasSuffix(path, "_test.go") {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > functionMost {
				t.Errorf("%s: %s has %d lines; at most %d", path, fn.Name.Name, n, functionMost)
			}
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files looked at, %v", files, err)
	}
}
