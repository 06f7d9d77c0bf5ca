package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"tillbridge/terminal"
)

// maxItems bounds lists and maps in a driver's options.
const maxItems = 256

// options reads the driver's own block into a new value of the driver's options. A driver's fields may be
// texts, truth values, whole numbers, time spans, what reads itself from text, and structs, lists and maps of
// those.
func (b *block) options(d terminal.Driver) any {
	if d.Options == nil {
		if b.has("options") {
			b.r.fail(b.fields["options"].key, b.sub("options"), "driver "+d.Name+" has no options", "remove it")
		}
		return nil
	}
	o := d.Options()
	v := reflect.ValueOf(o)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		b.r.fail(b.at, b.sub("options"), "driver "+d.Name+" offers options that cannot be read", "this is a fault of the program: please report it")
		return nil
	}
	before := len(b.r.errs)
	opts := &block{r: b.r, path: b.sub("options"), at: b.at, fields: map[string]field{}}
	// A block whose keys are all commented out is empty, and right.
	if f, ok := b.fields["options"]; ok && !isNull(f.value) {
		if opts, ok = b.open("options", yamlKeys(v.Elem().Type())); !ok {
			return o
		}
		opts.decode(v.Elem())
	}
	if validator, ok := o.(interface{ Validate() error }); ok && len(b.r.errs) == before {
		if err := validator.Validate(); err != nil {
			opts.refused(err)
		}
	}
	return o
}

// refused reports what a driver says of its options. An error that begins with a key and a colon is reported
// at that key; joined errors are reported one by one.
func (b *block) refused(err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			b.refused(one)
		}
		return
	}
	text := oneLine(err)
	at, path := b.at, b.path
	if key, rest, ok := strings.Cut(text, ": "); ok && word.MatchString(key) {
		if b.has(key) {
			at = b.place(key)
		}
		path, text = b.sub(key), rest
	}
	text, todo, _ := strings.Cut(text, "; ")
	b.r.fail(at, path, text, todo)
}

// structField is one field of an options struct as yaml.v3 would name it.
type structField struct {
	key    string
	index  int
	inline bool
}

func structFields(t reflect.Type) []structField {
	var all []structField
	for i := range t.NumField() {
		f := t.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		inline := strings.Contains(flags, "inline") && f.Type.Kind() == reflect.Struct
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		all = append(all, structField{name, i, inline})
	}
	return all
}

// yamlKeys are the keys that a struct takes, in the order of its fields; never nil.
func yamlKeys(t reflect.Type) []string {
	keys := []string{}
	for _, f := range structFields(t) {
		if f.inline {
			keys = append(keys, yamlKeys(t.Field(f.index).Type)...)
			continue
		}
		keys = append(keys, f.key)
	}
	return keys
}

func (b *block) decode(v reflect.Value) {
	for _, f := range structFields(v.Type()) {
		switch {
		case f.inline:
			b.decode(v.Field(f.index))
		case b.has(f.key):
			b.set(f.key, v.Field(f.index))
		}
	}
}

// set reads the value of a key, which is there, into v.
func (b *block) set(key string, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		if d, ok := b.duration(key, 0, 24*time.Hour); ok {
			v.SetInt(int64(d))
		}
		return
	}
	if reads, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		b.setText(key, reads)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		b.set(key, target.Elem())
		v.Set(target)
	case reflect.Struct:
		if inner, ok := b.open(key, yamlKeys(v.Type())); ok {
			inner.decode(v)
		}
	case reflect.String:
		if text, ok := b.text(key, "a text"); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if x, ok := b.boolean(key); ok {
			v.SetBool(x)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		high := int64(math.MaxInt64) >> (64 - v.Type().Bits())
		if x, ok := b.integer(key, -high-1, high); ok {
			v.SetInt(x)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		high := int64(math.MaxInt64)
		if bits := v.Type().Bits(); bits < 64 {
			high = 1<<bits - 1
		}
		if x, ok := b.integer(key, 0, high); ok {
			v.SetUint(uint64(x))
		}
	case reflect.Slice, reflect.Map:
		b.setMany(key, v)
	default:
		b.fail(key, fmt.Sprintf("the driver wants a %s here, which settings cannot hold", v.Type()), "this is a fault of the program: please report it")
	}
}

// setText lets a value read itself. What it says of a secret is not repeated.
func (b *block) setText(key string, reads encoding.TextUnmarshaler) {
	text, _, ok := b.scalar(key, "a value")
	if !ok {
		return
	}
	switch err := reads.UnmarshalText([]byte(text)); {
	case err == nil:
	case b.hides(key):
		b.fail(key, "this value is not allowed", "")
	default:
		b.fail(key, show(text)+" is not allowed", oneLine(err))
	}
}

func (b *block) setMany(key string, v reflect.Value) {
	if v.Kind() == reflect.Slice {
		items, ok := b.list(key, "a, b", maxItems)
		if !ok {
			return
		}
		all := reflect.MakeSlice(v.Type(), len(items.keys), len(items.keys))
		for i, name := range items.keys {
			items.set(name, all.Index(i))
		}
		v.Set(all)
		return
	}
	items, ok := b.open(key, nil)
	switch {
	case !ok:
		return
	case v.Type().Key().Kind() != reflect.String:
		b.fail(key, fmt.Sprintf("the driver wants a %s here, which settings cannot hold", v.Type()), "this is a fault of the program: please report it")
		return
	case len(items.keys) > maxItems:
		b.fail(key, fmt.Sprintf("the block has %d keys", len(items.keys)), fmt.Sprintf("at most %d", maxItems))
		return
	}
	all := reflect.MakeMapWithSize(v.Type(), len(items.keys))
	for _, name := range items.keys {
		element := reflect.New(v.Type().Elem()).Elem()
		items.set(name, element)
		all.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), element)
	}
	v.Set(all)
}

// oneLine is a driver's error as it can be shown: one line, bounded, card numbers masked.
func oneLine(err error) string { return clipTo(terminal.MaskCardNumbers(err.Error()), 300) }

// isOption tells whether a driver has an option of that name.
func (r *reader) isOption(key string) bool {
	for _, d := range r.drivers {
		if d.Options == nil {
			continue
		}
		if t := reflect.TypeOf(d.Options()); t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && slices.Contains(yamlKeys(t.Elem()), key) {
			return true
		}
	}
	return false
}
