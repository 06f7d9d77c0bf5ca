package drivers

import (
	"encoding"
	"fmt"
	"reflect"
	"testing"
)

// An option that is read from a word is shown as that word, not as a number (settings in effect, support bundle).
func TestOptionsAreShownAsWords(t *testing.T) {
	words := 0
	for _, d := range All() {
		if d.Options == nil {
			continue
		}
		o := reflect.ValueOf(d.Options()).Elem()
		for i := range o.NumField() {
			f := o.Field(i)
			_, read := f.Addr().Interface().(encoding.TextUnmarshaler)
			_, shown := f.Interface().(encoding.TextMarshaler)
			_, hidden := f.Interface().(fmt.Stringer)
			if read && !shown && !hidden {
				t.Errorf("%s: %s has UnmarshalText and neither MarshalText nor String", d.Name, o.Type().Field(i).Name)
			}
			words += btoi(read)
		}
	}
	if words < 10 {
		t.Errorf("%d options are words, which is too few to have looked", words)
	}
}

// What a driver can do, and what is known of its protocol, is told before anybody has its terminal.
func TestDriversTellOfThemselves(t *testing.T) {
	for _, d := range All() {
		if (d.Kinds == nil) != (d.Name == "process") {
			t.Errorf("%s: Kinds %v; only process leaves it to somebody else's program what it can", d.Name, d.Kinds)
		}
		if (d.Known == "") != d.Line.None() {
			t.Errorf("%s: Known is %q", d.Name, d.Known)
		}
		if (d.Simulate == nil) != (d.Name == "process") {
			t.Errorf("%s: has a simulated terminal: %t; only process leaves it to somebody else's program", d.Name, d.Simulate != nil)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
