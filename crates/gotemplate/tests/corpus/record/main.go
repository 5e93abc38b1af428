// Records what Go's text/template does with the cases of a corpus file.
//
//	go run main.go ../language.json
//
// It prints the file anew, with the output or the error of every case. The functions and the data are those of
// tests/support in Rust; a change here needs one there.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"text/template"
)

// Case is one line of a corpus file.
type Case struct {
	Name     string  `json:"name"`
	Template string  `json:"template"`
	Missing  string  `json:"missingkey,omitempty"`
	Left     string  `json:"left,omitempty"`
	Right    string  `json:"right,omitempty"`
	Want     *string `json:"want,omitempty"`
	Error    *string `json:"error,omitempty"`
	// Here is what the Rust crate does, where it differs on purpose.
	Here *string `json:"here,omitempty"`
}

// Service is a struct as clients of APIs have it.
type Service struct {
	Name    string
	Address string
	Port    int
	Tags    []string
	Meta    map[string]string
	Next    *Service
	Any     any
}

// Point can be compared.
type Point struct{ X, Y int }

// Level prints itself.
type Level struct{ n int }

func (l Level) String() string { return fmt.Sprintf("level %d", l.n) }

// Problem is an error as a value.
type Problem struct{ What string }

func (p Problem) Error() string { return "problem: " + p.What }

// Obj has methods.
type Obj struct{ Name string }

// Hello takes nothing.
func (o *Obj) Hello() string { return "hello from " + o.Name }

// Greet takes a string.
func (o *Obj) Greet(who string) string { return o.Name + " greets " + who }

// Sum takes any number of arguments.
func (o *Obj) Sum(first int, rest ...int) int {
	for _, n := range rest {
		first += n
	}
	return first
}

// Fail fails.
func (o *Obj) Fail() (string, error) { return "", errors.New("method failed") }

// Self returns the object.
func (o *Obj) Self() *Obj { return o }

// Scratch remembers values.
type Scratch struct{ values map[string]any }

// Set remembers a value.
func (s *Scratch) Set(key string, value any) string { s.values[key] = value; return "" }

// Get returns a value.
func (s *Scratch) Get(key string) any { return s.values[key] }

// Tags is a named slice.
type Tags []string

func data() map[string]any {
	web := []Service{
		{Name: "web", Address: "10.0.0.1", Port: 80, Tags: []string{"a", "b"}, Meta: map[string]string{"dc": "dc1"}},
		{Name: "web", Address: "10.0.0.2", Port: 8080},
	}
	return map[string]any{
		"name": "bob", "word": "naïve", "naïve": "yes", "f": 3.14, "port": uint16(80), "null": nil, "zero": 0, "no": false, "yes": true,
		"blank": "", "html": "<a href='x'>\"&\"</a>", "unicode": "héllo, 世界☺", "lines": "one\ntwo\r\n\tthree",
		"list": []string{"a", "b", "c"}, "ints": []int{3, 1, 2}, "empty": []string{}, "any": []any{1, "two", 3.5, nil, true},
		"matrix": [][]int{{1, 2}, {3}}, "bytes": []byte("hi\xff!"), "tags": Tags{"x", "y"},
		"map": map[string]int{"b": 2, "a": 1, "c": 3}, "intmap": map[int]string{2: "two", 1: "one", -1: "minus"},
		"anymap":  map[string]any{"s": "text", "n": 5, "nil": nil, "deep": map[string]any{"er": "found"}},
		"boolmap": map[bool]string{true: "t", false: "f"}, "emptymap": map[string]string{}, "floatmap": map[float64]int{1.5: 1, -2: 2},
		"uintmap": map[uint8]string{7: "seven"}, "keys": map[any]any{"k": 1, "l": "m"},
		"svc": map[string]any{"meta": map[string]string{"dc": "dc1"}}, "svcs": web, "one": web[0], "ptr": &web[1], "nilptr": (*Service)(nil),
		"point": Point{1, 2}, "points": []Point{{1, 2}, {3, 4}}, "level": Level{3}, "problem": Problem{"bad"},
		"obj": &Obj{"obj"}, "fn": func(a, b int) int { return a + b }, "fnv": func(sep string, parts ...string) string { return strings.Join(parts, sep) },
		"fnerr": func() (string, error) { return "", errors.New("function failed") },
		"i8":    int8(-8), "i16": int16(-16), "i32": int32(-32), "i64": int64(-64), "u": uint(1), "u8": uint8(8), "u32": uint32(32), "u64": uint64(math.MaxUint64),
		"f32": float32(0.1), "nan": math.NaN(), "inf": math.Inf(1), "neginf": math.Inf(-1), "c": complex(1, -2),
	}
}

func functions(include func(string, any) (string, error)) template.FuncMap {
	counter := 0
	scratch := &Scratch{map[string]any{}}
	return template.FuncMap{
		"add":   func(a, b int) int { return a + b },
		"sub":   func(a, b int) int { return a - b },
		"upper": strings.ToUpper,
		"join":  func(sep string, list []string) string { return strings.Join(list, sep) },
		"fail":  func() (string, error) { return "", errors.New("boom") },
		"failif": func(fail bool) (string, error) {
			if fail {
				return "", errors.New("it did")
			}
			return "fine", nil
		},
		"ident":       func(v any) any { return v },
		"nothing":     func() any { return nil },
		"list":        func(v ...any) []any { return v },
		"concat":      func(sep string, parts ...string) string { return strings.Join(parts, sep) },
		"total":       func(v any, rest ...int) int { return len(rest) },
		"takeInt8":    func(n int8) int8 { return n },
		"takeInt64":   func(n int64) int64 { return n },
		"takeUint":    func(n uint) uint { return n },
		"takeFloat":   func(f float64) float64 { return f },
		"takeBool":    func(b bool) bool { return b },
		"takeComplex": func(c complex128) complex128 { return c },
		"takeMap":     func(m map[string]any) int { return len(m) },
		"takeInts":    func(n []int) int { return len(n) },
		"takeService": func(s Service) string { return s.Name },
		"takePointer": func(s *Service) bool { return s == nil },
		"next":        func() int { counter++; return counter },
		"scratch":     func() *Scratch { return scratch },
		"service":     func(name string) []Service { return data()["svcs"].([]Service) },
		"include":     include,
	}
}

func run(c *Case) {
	c.Want, c.Error = nil, nil
	t := template.New("t").Delims(c.Left, c.Right)
	if c.Missing != "" {
		t.Option("missingkey=" + c.Missing)
	}
	t.Funcs(functions(func(name string, dot any) (string, error) {
		var out bytes.Buffer
		err := t.ExecuteTemplate(&out, name, dot)
		return out.String(), err
	}))
	var out bytes.Buffer
	_, err := t.Parse(c.Template)
	if err == nil {
		err = t.Execute(&out, data())
	}
	// Bytes that are not UTF-8 become U+FFFD, each of them.
	text := string([]rune(out.String()))
	if err != nil {
		text = string([]rune(err.Error()))
		c.Error = &text
		return
	}
	c.Want = &text
}

func record(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var cases []Case
	if err := json.Unmarshal(text, &cases); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i := range cases {
		run(&cases[i])
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(cases[i]); err != nil {
			return err
		}
		between := ","
		if i == 0 {
			between = "["
		}
		fmt.Printf("%s\n%s", between, bytes.TrimSpace(line.Bytes()))
	}
	fmt.Print("\n]\n")
	return nil
}

func main() {
	for _, path := range os.Args[1:] {
		if err := record(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
