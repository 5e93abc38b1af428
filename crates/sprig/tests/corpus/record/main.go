// Records what sprig's functions do with the cases of a corpus file.
//
//	go run . ../strings.json
//
// It prints the file anew, with the output or the error of every case. The data are those of tests/support in Rust; a
// change here needs one there.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// Case is one line of a corpus file.
type Case struct {
	Name     string  `json:"name"`
	Template string  `json:"template"`
	Want     *string `json:"want,omitempty"`
	Error    *string `json:"error,omitempty"`
	// Here is what the Rust crate does, where it differs on purpose.
	Here *string `json:"here,omitempty"`
}

// Service is a struct as clients of APIs have it.
type Service struct {
	Name string
	Port int
	Tags []string
	meta string
}

// Level prints itself.
type Level struct{ n int }

func (l Level) String() string { return fmt.Sprintf("level %d", l.n) }

func data() map[string]any {
	return map[string]any{
		"null": nil, "zero": 0, "no": false, "blank": "", "word": "naïve", "unicode": "héllo, 世界☺",
		"ints": []int{3, 1, 2}, "texts": []string{"b", "a", "c"}, "bytes": []byte("hi!"), "floats": []float64{1.5, -2},
		"any":    []any{1, "two", 3.5, nil, true},
		"map":    map[string]int{"b": 2, "a": 1},
		"labels": map[string]string{"b": "2", "a": "1"}, "intmap": map[int]string{10: "ten", 9: "nine"},
		"keys": map[any]any{"k": 1}, "deep": map[string]any{"a": map[string]any{"b": map[string]any{"c": "found"}}, "s": "text"},
		"svc":  Service{Name: "web", Port: 80, Tags: []string{"x"}, meta: "m"}, "ptr": &Service{Name: "db"}, "nilptr": (*Service)(nil),
		"level": Level{3}, "fn": func() int { return 1 }, "complex": complex(1, -2),
		"i8": int8(-8), "i64": int64(-64), "u": uint(1), "u8": uint8(8), "u64": uint64(math.MaxUint64), "f32": float32(0.1),
		"nan": math.NaN(), "inf": math.Inf(1), "neginf": math.Inf(-1), "huge": 1e300, "maxint": math.MaxInt64, "minint": math.MinInt64,
	}
}

func run(c *Case) {
	c.Want, c.Error = nil, nil
	var out bytes.Buffer
	t, err := template.New("t").Funcs(sprig.HermeticTxtFuncMap()).Parse(c.Template)
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
	if len(os.Args) == 1 {
		for name := range sprig.HermeticTxtFuncMap() {
			fmt.Println(name)
		}
	}
	for _, path := range os.Args[1:] {
		if err := record(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
