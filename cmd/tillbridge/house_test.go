package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is a package as go list tells it.
type listed struct {
	ImportPath, Dir, Doc string
	GoFiles, Imports     []string
}

// packages are all packages of the module, without their tests.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,GoFiles,Imports", "tillbridge/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 15 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

func ours(path string) bool { return strings.HasPrefix(path, "tillbridge/") }

func thirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !ours(path) && strings.Contains(first, ".")
}

func within(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// homes are the packages that may import a library, the longest prefix of its path first.
var homes = map[string][]string{
	"go.bug.st/serial":                   {"tillbridge/terminal/line"},
	"modernc.org/sqlite":                 {"tillbridge/bridge/journal"},
	"github.com/gorilla/mux":             {"tillbridge/bridge/webhook", "tillbridge/bridge/counter"},
	"gopkg.in/yaml.v3":                   {"tillbridge/bridge/config"},
	"github.com/Rhymond/go-money":        {"tillbridge/bridge/config"},
	"github.com/kardianos/service":       {"tillbridge/bridge/osservice"},
	"golang.org/x/sys":                   {"tillbridge/bridge/osservice"},
	"github.com/spf13/cobra":             {"tillbridge/cmd/tillbridge"},
	"gopkg.in/natefinch/lumberjack.v2":   {"tillbridge/bridge/osservice"},
	"github.com/VictoriaMetrics/metrics": {"tillbridge/bridge/counter"},
	"golang.org/x/crypto":                {"tillbridge/bridge/access"},
}

// battery is the one package outside of tests that imports testing, as testing/fstest does: the tests of all drivers share it,
// and nothing else may import it.
const battery = "tillbridge/terminal/drivertest"

// TestHouse checks which room may know which.
func TestHouse(t *testing.T) {
	adapters := []string{"tillbridge/bridge/journal", "tillbridge/bridge/webhook", "tillbridge/bridge/notify", "tillbridge/bridge/counter", "tillbridge/bridge/herald"}
	pure := []string{"crypto/sha256", "encoding/binary", "errors", "fmt", "maps", "slices", "sort", "strings", "time", "tillbridge/terminal"}
	for _, p := range packages(t) {
		me := p.ImportPath
		for _, i := range p.Imports {
			bad := func(why string) { t.Errorf("%s imports %s: %s", me, i, why) }
			switch {
			case (i == "testing" || strings.HasPrefix(i, "testing/")) && me != battery:
				bad("the product does not carry its tests")
			case i == battery:
				bad("the battery is for the tests of drivers, and carries testing with it")
			case thirdParty(i) && !allowedLibrary(me, i):
				bad("a library has one importing package, so that it can be replaced (docs/decisions tells of any other)")
			case me == "tillbridge/terminal" && (ours(i) || thirdParty(i)):
				bad("the vocabulary between bridge and drivers imports the standard library only")
			case within(me, "tillbridge/terminal") && ours(i) && !within(i, "tillbridge/terminal"):
				bad("terminal knows neither the bridge nor a driver")
			case me == "tillbridge/bridge" && !slices.Contains(pure, i):
				bad("the core is pure: no disk, network, clock, goroutine or library, so that it runs the same in the daemon and in the simulation")
			case within(me, "tillbridge/drivers") && me != "tillbridge/drivers" && ours(i) && !within(i, "tillbridge/terminal") && i != me+"/sim":
				bad("a driver is one folder that knows terminal only, so that it can be copied")
			case strings.HasSuffix(me, "/sim") && within(i, "tillbridge/drivers"):
				bad("a simulator that shares code with its driver agrees with the driver's mistakes")
			case me == "tillbridge/bridge/standin" && (ours(i) || thirdParty(i)):
				bad("the stand-in for MGR is an oracle and shares no code with what it judges")
			case slices.Contains(adapters, me) && slices.Contains(adapters, i):
				bad("adapters do not know each other; bridge/daemon joins them")
			case within(i, "tillbridge/bridge/simtest") && !within(me, "tillbridge/bridge/simtest"):
				bad("the simulation is no part of the product")
			case within(i, "tillbridge/cmd"):
				bad("cmd ties rooms together and is imported by none")
			}
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", me)
		}
	}
}

func allowedLibrary(me, path string) bool {
	for library, importers := range homes {
		if within(path, library) {
			return slices.Contains(importers, me)
		}
	}
	return false
}

// TestCoreHasNoClock looks into the core's sources for what an import does not tell.
func TestCoreHasNoClock(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "tillbridge/bridge" {
			continue
		}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine: the core is one pure function", name)
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "AfterFunc"}, n.Sel.Name) {
						t.Errorf("%s uses time.%s: whoever calls the core tells it the time", name, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestNoInit finds functions that run before main, and sleeping.
func TestNoInit(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s/%s has an init: what a package needs is constructed", p.ImportPath, name)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
						t.Errorf("%s/%s sleeps: a wait ends with its context", p.ImportPath, name)
					}
				}
				return true
			})
		}
	}
}
