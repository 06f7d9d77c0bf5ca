package terminal

import "testing"

func TestChoice(t *testing.T) {
	type dialect uint8
	c := Choice[dialect]{"", "fr", "uk"}
	v := dialect(9)
	for n, word := range c {
		text, err := c.Write(dialect(n))
		if err != nil || string(text) != word {
			t.Errorf("%d is written %q, %v", n, text, err)
		}
		if word == "" {
			continue
		}
		if err := c.Read(&v, text); err != nil || v != dialect(n) {
			t.Errorf("%q is read as %d, %v", word, v, err)
		}
	}
	for _, bad := range []string{"", "FR", "de"} {
		if err := c.Read(&v, []byte(bad)); err == nil || err.Error() != `"`+bad+`" is not known; write fr or uk` || v != 2 {
			t.Errorf("%q is read as %d: %v", bad, v, err)
		}
	}
	if _, err := c.Write(3); err == nil {
		t.Error("a value without a word is written")
	}
	if err := (Choice[dialect]{"a", "b", "c"}).Read(&v, nil); err == nil || err.Error() != `"" is not known; write a, b or c` {
		t.Error(err)
	}
}
