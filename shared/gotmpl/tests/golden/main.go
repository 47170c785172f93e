// Renders the templates of cases.json with Go's own text/template and sprig,
// and writes what came out, or the error, to golden.json.
//
//	go run . && git diff --stat golden.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

type id struct{ APIVersion, Kind, Namespace, Name string }

type change struct{ OldValue, NewValue, Setter string }

type image struct{ name, tag string }

func (i image) String() string     { return i.name + ":" + i.tag }
func (i image) Identifier() string { return i.tag }
func (i image) Plus(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("nothing to add")
	}
	return i.tag + text, nil
}

type outer struct {
	id
	Note string
	list []int
}

type flux struct {
	Objects map[id][]change
	Images  []image
	Values  map[string]string
	Numbers map[int]string
	Outer   outer
	Strings []string
}

func structs() any {
	deployment := id{"apps/v1", "Deployment", "web", "front"}
	return flux{
		Objects: map[id][]change{
			{"v1", "Pod", "web", "b"}: {{"b:1", "b:2", "web:b"}},
			deployment:                {{"a:1", "a:2", "web:a"}, {"c:1", "c:2", "web:c:tag"}},
			{"v1", "Pod", "web", "a"}: nil,
		},
		Images:  []image{{"reg.example/a", "1.2"}, {"reg.example/b", "3"}},
		Values:  map[string]string{"b": "2", "a": "1"},
		Numbers: map[int]string{10: "ten", -2: "minus two", 3: "three"},
		Outer:   outer{deployment, "hello", nil},
		Strings: []string{"x", "y", "z"},
	}
}

type group struct {
	Data  string
	Cases []struct{ Name, Template, MissingKey string }
}

func main() {
	text, err := os.ReadFile("cases.json")
	check(err)
	var table struct {
		Plain  any
		Groups []group
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	check(decoder.Decode(&table))
	data := map[string]any{"plain": typed(table.Plain), "structs": structs()}
	golden := map[string]map[string]string{}
	for _, group := range table.Groups {
		for _, c := range group.Cases {
			output, err := render(c.Template, c.MissingKey, data[group.Data])
			if err != nil {
				golden[c.Name] = map[string]string{"error": err.Error()}
			} else {
				golden[c.Name] = map[string]string{"output": output}
			}
		}
	}
	out, err := json.MarshalIndent(golden, "", " ")
	check(err)
	check(os.WriteFile("golden.json", append(out, '\n'), 0o644))
}

func render(text, missingKey string, data any) (string, error) {
	functions := sprig.HermeticTxtFuncMap()
	for _, name := range []string{"date", "dateInZone", "date_in_zone", "dateModify", "date_modify", "htmlDate", "htmlDateInZone"} {
		functions[name] = sprig.TxtFuncMap()[name]
	}
	t := template.New("t").Funcs(functions)
	if missingKey != "" {
		t = t.Option("missingkey=" + missingKey)
	}
	t, err := t.Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, data)
	return out.String(), err
}

// Whole numbers become int, others float64.
func typed(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return int(whole)
		}
		float, err := value.Float64()
		check(err)
		return float
	case map[string]any:
		for key, item := range value {
			value[key] = typed(item)
		}
	case []any:
		for index, item := range value {
			value[index] = typed(item)
		}
	}
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
