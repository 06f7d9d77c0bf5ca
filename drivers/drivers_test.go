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

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
