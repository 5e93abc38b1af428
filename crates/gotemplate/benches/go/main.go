// Renders the template of the benchmark with Go's text/template.
//
// It prints, for structs and for maps, the best time of a rendering in nanoseconds; then the output. The data and the
// functions are those of benches/services.rs.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"
)

// Instance of a service.
type Instance struct {
	ID, Node, Address, Status string
	Port, Weight              int
	Tags                      []string
}

// Service with its instances.
type Service struct {
	Name      string
	Meta      map[string]string
	Instances []*Instance
}

func structs() any {
	var services []*Service
	for s := range 1000 {
		service := &Service{Name: fmt.Sprintf("service-%d", s), Meta: map[string]string{}}
		if s%3 == 0 {
			service.Meta["balance"] = "leastconn"
		}
		for i := range 10 {
			instance := &Instance{
				ID: fmt.Sprintf("service-%d-%d", s, i), Node: fmt.Sprintf("node-%d", (s+i)%100),
				Address: fmt.Sprintf("10.0.%d.%d", s%256, i), Status: "passing", Port: 20000 + i, Weight: 1 + i%3, Tags: []string{"http", "v2"},
			}
			if i == 7 {
				instance.Status = "critical"
			}
			if i == 9 {
				instance.Tags = []string{"http", "backup"}
			}
			service.Instances = append(service.Instances, instance)
		}
		services = append(services, service)
	}
	return struct{ Services []*Service }{services}
}

func maps(data any) any {
	var services []any
	for _, service := range data.(struct{ Services []*Service }).Services {
		var instances []any
		for _, i := range service.Instances {
			instances = append(instances, map[string]any{
				"ID": i.ID, "Node": i.Node, "Address": i.Address, "Status": i.Status, "Port": i.Port, "Weight": i.Weight, "Tags": i.Tags,
			})
		}
		services = append(services, map[string]any{"Name": service.Name, "Meta": service.Meta, "Instances": instances})
	}
	return map[string]any{"Services": services}
}

func contains(wanted string, list []string) bool {
	for _, item := range list {
		if item == wanted {
			return true
		}
	}
	return false
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	t := template.Must(template.New("services").Funcs(template.FuncMap{
		"contains": contains,
		"toUpper":  strings.ToUpper,
		"join":     func(separator string, list []string) string { return strings.Join(list, separator) },
	}).Parse(string(text)))
	var out bytes.Buffer
	for _, data := range []any{structs(), maps(structs())} {
		best := time.Hour
		for range 100 {
			out.Reset()
			start := time.Now()
			if err := t.Execute(&out, data); err != nil {
				panic(err)
			}
			best = min(best, time.Since(start))
		}
		fmt.Println(best.Nanoseconds())
	}
	os.Stdout.Write(out.Bytes())
}
