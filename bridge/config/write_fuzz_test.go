package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzPut writes a terminal into any text. It may be refused; what is written has every comment that was there.
func FuzzPut(f *testing.F) {
	f.Add(example)
	for _, seed := range []string{
		"", "\r", "terminals:", "terminals: {}", "terminals: {counter: {driver: a, port: 1}}", "terminals:\n  counter:\n    port: |\n      x # y\n    driver: 'it''s' # z",
		putHead + "terminals:\r  counter:\r    port:\r      a: b\r    driver: x", "? [a]\n: b\nterminals: [", "a: b\u0085terminals:\u0085  counter: {port: {}}", "{terminals: {", "a: b\u0085terminals:\u00855 counter: {pott: {}}", "terminals:\n  ? counter\n  : {port: x, driver: y}\n",
		"terminals: {\"a'b\": {port: \"x\\\"}\"}, counter: {port: [}]}}", "\"terminals\":\n  counter:\n    port: x\n    options: {}\n...\n# end",
	} {
		f.Add(seed)
	}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			return
		}
		e := Entry{Name: "counter", Driver: "zvt", Port: byUSB, Currency: "EUR"}
		out, _, err := put([]byte(text), e)
		if err != nil {
			return
		}
		after, wrong := parse("x", out, 0, putDrivers(), world{}.Env())
		before, mistaken := parse("x", []byte(text), 0, putDrivers(), world{}.Env())
		if len(wrong) > 0 || len(mistaken) > 0 || unchanged(before, after, e, true) != nil {
			return
		}
		for line := range strings.Lines(text) {
			comment := strings.TrimRight(line, "\r\n")
			if i := strings.Index(comment, " #"); i >= 0 && !strings.ContainsAny(comment, "'\"") && !strings.Contains(string(out), comment[i+1:]) {
				t.Errorf("%q was lost:\n%s", comment[i+1:], out)
			}
		}
		if one, ok := after.Terminal("counter"); !ok || one.Driver != "zvt" || one.Port.USB != byUSB.USB {
			t.Errorf("%+v", after.Terminals)
		}
	})
}
