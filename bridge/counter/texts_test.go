package counter

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"tillbridge/bridge/counter/language"
)

// use is a place where the screen says something, and what it puts in.
type use struct {
	where, key string
	names      []string
}

// What the screen says and the languages lack would be English in the middle of another language; what they have and
// nothing says is a sentence to translate for nothing.
func TestLanguagesHaveWhatTheScreenSays(t *testing.T) {
	uses := append(templateUses(t), sourceUses(t, "*.go", true)...)
	uses = append(uses, sourceUses(t, "language/*.go", false)...)
	if len(uses) < 250 {
		t.Fatalf("%d uses found", len(uses))
	}
	screen := english(t).Screen
	said := map[string]bool{}
	for _, u := range uses {
		said[u.key] = true
		if screen[u.key] == "" {
			t.Errorf("%s says what no language has: %q", u.where, u.key)
		}
		slices.Sort(u.names)
		if want := slices.Sorted(slices.Values(language.Placeholders(u.key))); !slices.Equal(u.names, want) && !rawWords[u.key] {
			t.Errorf("%s puts %q into %q", u.where, u.names, u.key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(screen)) {
		if !said[key] {
			t.Errorf("nothing says %q", key)
		}
	}
}

// rawWords go to the page with their placeholders, which its script fills.
var rawWords = map[string]bool{"{s} s": true, "{m} min {s} s": true, "{h} h {m} min": true, "{d} days": true}

// templateUses are the calls of t in the pages.
func templateUses(t *testing.T) (uses []use) {
	t.Helper()
	all, err := language.Load()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := parsePages(all.English())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range pages.Templates() {
		if one.Tree == nil {
			continue
		}
		visit(one.Tree.Root, func(c *parse.CommandNode) {
			if name, ok := c.Args[0].(*parse.IdentifierNode); !ok || name.Ident != "t" {
				return
			}
			uses = append(uses, templateUse(t, one.Name(), c))
		})
	}
	return uses
}

func templateUse(t *testing.T, where string, c *parse.CommandNode) use {
	t.Helper()
	u := use{where: where}
	for i, arg := range c.Args[1:] {
		text, literal := arg.(*parse.StringNode)
		switch {
		case i == 0 && !literal || i%2 == 1 && !literal:
			t.Errorf("%s: %s: the sentence and the names stand there as they are", where, c)
		case i == 0:
			u.key = text.Text
		case i%2 == 1:
			u.names = append(u.names, text.Text)
		}
	}
	return u
}

// visit sees every command of a template, those within commands too.
func visit(n parse.Node, see func(*parse.CommandNode)) {
	branch := func(b *parse.BranchNode) {
		visit(b.Pipe, see)
		visit(b.List, see)
		visit(b.ElseList, see)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, one := range n.Nodes {
			visit(one, see)
		}
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, c := range n.Cmds {
			see(c)
			for _, arg := range c.Args {
				visit(arg, see)
			}
		}
	case *parse.ActionNode:
		visit(n.Pipe, see)
	case *parse.TemplateNode:
		visit(n.Pipe, see)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	}
}

// sourceUses are the calls of Text and HTML in sources. Where it is strict, each of them has its sentence in it.
func sourceUses(t *testing.T, pattern string, strict bool) (uses []use) {
	t.Helper()
	for name, file := range sources(t, pattern) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || f.Sel.Name != "Text" && f.Sel.Name != "HTML" || len(call.Args) == 0 || isPackage(f.X, "template") {
				return true
			}
			key, literal := quoted(call.Args[0])
			if !literal {
				if strict {
					t.Errorf("%s: a sentence that is not written out where it is said", name)
				}
				return true
			}
			u := use{where: name, key: key}
			for i := 1; i < len(call.Args); i += 2 {
				one, _ := quoted(call.Args[i])
				u.names = append(u.names, one)
			}
			uses = append(uses, u)
			return true
		})
	}
	return uses
}

func isPackage(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// sources are the parsed files of a pattern, tests left out.
func sources(t *testing.T, pattern string) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.FromSlash(pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no sources are %s: %v", pattern, err)
	}
	all := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = file
	}
	return all
}

// quoted is the value of a string literal.
func quoted(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

var (
	tags      = regexp.MustCompile(`(?s)<[^>]*>`)
	spoken    = regexp.MustCompile(`(?:aria-label|placeholder|title|alt)="[^"]*"`)
	bareWords = regexp.MustCompile(`\pL{2,}`)
)

// plainWords are the words in a template that people read and that are not put in.
func plainWords(root *parse.ListNode) []string {
	text := textOf(root)
	words := bareWords.FindAllString(strings.Join(spoken.FindAllString(text, -1), " "), -1)
	words = slices.DeleteFunc(words, func(w string) bool {
		return slices.Contains([]string{"aria", "label", "placeholder", "title", "alt"}, w)
	})
	words = append(words, bareWords.FindAllString(tags.ReplaceAllString(text, " "), -1)...)
	return slices.DeleteFunc(words, func(w string) bool { return w == "tillbridge" || w == "JSON" })
}

// textOf is what stands in a template beside its commands.
func textOf(n parse.Node) string {
	var b strings.Builder
	lists := func(b *strings.Builder, branch *parse.BranchNode) {
		b.WriteString(textOf(branch.List))
		b.WriteString(textOf(branch.ElseList))
	}
	switch n := n.(type) {
	case *parse.TextNode:
		return string(n.Text)
	case *parse.ListNode:
		if n != nil {
			for _, one := range n.Nodes {
				b.WriteString(textOf(one))
			}
		}
	case *parse.IfNode:
		lists(&b, &n.BranchNode)
	case *parse.RangeNode:
		lists(&b, &n.BranchNode)
	case *parse.WithNode:
		lists(&b, &n.BranchNode)
	}
	return b.String()
}

// Text of a page stands in no template by itself: every word is said through t.
func TestNoWordsBesideTheLanguages(t *testing.T) {
	all, err := language.Load()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := parsePages(all.English())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range pages.Templates() {
		if one.Tree == nil {
			continue
		}
		for _, word := range plainWords(one.Tree.Root) {
			t.Errorf("%s has a word that no language translates: %q", one.Name(), word)
		}
	}
}
