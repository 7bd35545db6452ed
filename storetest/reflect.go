package storetest

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	"github.com/outhook/outhook/store"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// words are the values of the types that have a fixed set of them: a Store
// may keep them in a column that accepts no others.
var words = map[reflect.Type]string{
	reflect.TypeFor[store.DeliveryState](): string(store.Canceled),
	reflect.TypeFor[store.ReplayState]():   string(store.ReplayCanceled),
	reflect.TypeFor[store.Trigger]():       string(store.TriggerManual),
	reflect.TypeFor[store.ErrorClass]():    string(store.ErrorTLS),
}

// filler gives every field a value that no other field has, so that a Store
// that drops one or mixes up two is found out.
type filler struct {
	n int
	// bools counts those of the type. Three seeds in a row give each of the
	// first six a sequence of its own, neither all true nor all false.
	bools int
	seed  int
}

// filled returns a T without a zero field, except for bools. Different seeds
// give different values.
func filled[T any](seed int) T {
	var v T
	f := filler{n: seed * 100, seed: seed}
	f.fill(reflect.TypeFor[T]().Name(), reflect.ValueOf(&v).Elem())
	return v
}

func (f *filler) fill(path string, v reflect.Value) {
	f.n++
	switch {
	case words[v.Type()] != "":
		v.SetString(words[v.Type()])
		return
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(epoch.Add(time.Duration(f.n) * 1_000_001 * time.Microsecond)))
		return
	case v.Type() == durationType:
		v.SetInt(int64(f.n)*int64(time.Second) + 1)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s %d", path, f.n))
	case reflect.Bool:
		v.SetBool((f.bools%6+1)>>(f.seed%3)&1 == 1)
		f.bools++
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.25) // exact in binary
	case reflect.Uint8:
		v.SetUint(uint64(f.n) & 0xff)
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		f.fillMap(path, v)
	default:
		panic(fmt.Sprintf("storetest: cannot fill %s of type %s; teach filler.fill", path, v.Type()))
	}
}

func (f *filler) fillMap(path string, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for range 2 {
		f.n++
		key := fmt.Sprintf("X-Key-%d", f.n)
		elem := reflect.New(v.Type().Elem()).Elem()
		f.fill(path+"."+key, elem)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	}
}

// diff lists the fields in which got is not want, by path. It knows what the
// contract allows: another location of the same instant, and empty for nil.
func diff[T any](got, want T) []string {
	var d differ
	d.compare(reflect.TypeFor[T]().Name(), reflect.ValueOf(&got).Elem(), reflect.ValueOf(&want).Elem())
	return d
}

type differ []string

func (d *differ) add(path string, got, want any) {
	*d = append(*d, fmt.Sprintf("%s: got %s, want %s", path, short(got), short(want)))
}

// short keeps a payload of a megabyte out of the failure.
func short(v any) string {
	text := fmt.Sprintf("%#v", v)
	switch v := v.(type) {
	case time.Time:
		text = v.Format(time.RFC3339Nano)
	case time.Duration:
		text = v.String()
	}
	if len(text) > 200 {
		return fmt.Sprintf("%s… (%d characters)", text[:200], len(text))
	}
	return text
}

func (d *differ) compare(path string, got, want reflect.Value) {
	if want.Type() == timeType {
		g, w := got.Interface().(time.Time), want.Interface().(time.Time)
		if !g.Equal(w) {
			d.add(path, g, w)
		}
		return
	}
	switch want.Kind() {
	case reflect.Struct:
		for i := range want.NumField() {
			d.compare(path+"."+want.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
	case reflect.Pointer:
		if got.IsNil() || want.IsNil() {
			if got.IsNil() != want.IsNil() {
				d.add(path, got.Interface(), want.Interface())
			}
			return
		}
		d.compare(path, got.Elem(), want.Elem())
	case reflect.Slice:
		d.compareSlice(path, got, want)
	case reflect.Map:
		d.compareMap(path, got, want)
	default:
		// A Secret's fields are compared here one by one: it prints redacted.
		if !got.Equal(want) {
			d.add(path, got.Interface(), want.Interface())
		}
	}
}

func (d *differ) compareSlice(path string, got, want reflect.Value) {
	if got.Len() != want.Len() {
		d.add("len("+path+")", got.Len(), want.Len())
		return
	}
	isBytes := want.Type().Elem().Kind() == reflect.Uint8
	if isBytes && bytes.Equal(got.Bytes(), want.Bytes()) {
		return // a megabyte, byte by byte, takes seconds
	}
	for i := range want.Len() {
		before := len(*d)
		d.compare(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))
		if isBytes && len(*d) > before {
			return // the first wrong byte says enough
		}
	}
}

func (d *differ) compareMap(path string, got, want reflect.Value) {
	for _, key := range want.MapKeys() {
		at := fmt.Sprintf("%s[%q]", path, key)
		if value := got.MapIndex(key); value.IsValid() {
			d.compare(at, value, want.MapIndex(key))
		} else {
			*d = append(*d, at+": is missing")
		}
	}
	for _, key := range got.MapKeys() {
		if !want.MapIndex(key).IsValid() {
			*d = append(*d, fmt.Sprintf("%s[%q]: was never written", path, key))
		}
	}
}

// scramble overwrites everything that v shares with other copies of it: the
// elements of its slices, the entries of its maps, what its pointers point to.
func scramble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == timeType {
			return
		}
		for i := range v.NumField() {
			scramble(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scramble(v.Elem())
			v.Elem().SetZero()
		}
	case reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
			v.Index(i).SetZero()
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			scramble(v.MapIndex(key))
			v.SetMapIndex(key, reflect.Value{})
		}
	}
}
