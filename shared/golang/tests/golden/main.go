// Asks Go's regexp and strconv, and Masterminds' semver, about every text of
// regexp.json, strconv.json and semver.json, and writes the answers beside them.
//
//	go run . && git diff --stat .
//
// semver-3.2.json holds what an older release answered.
package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"regexp"
	"strconv"

	"github.com/Masterminds/semver/v3"
)

// row is a text and its answer; nil is a refusal.
type row = [2]any

func main() {
	regexps()
	numbers()
	versions()
}

func regexps() {
	var table struct {
		Texts       []string `json:"texts"`
		Expressions []row    `json:"expressions"`
	}
	read("regexp.json", &table)
	for i, row := range table.Expressions {
		table.Expressions[i][1] = nil
		if re, err := regexp.Compile(row[0].(string)); err == nil {
			table.Expressions[i][1] = bits(len(table.Texts), func(at int) bool { return re.MatchString(table.Texts[at]) })
		}
	}
	write("regexp.json", table)
}

func numbers() {
	type answers struct {
		Text      string            `json:"text"`
		Int       *string           `json:"int"`
		Octal     *string           `json:"octal"`
		Prefixed  *string           `json:"prefixed"`
		Uint      *string           `json:"uint"`
		Bool      *bool             `json:"bool"`
		FloatBits *string           `json:"floatBits"`
		Formatted map[string]string `json:"formatted,omitempty"`
	}
	var table []answers
	read("strconv.json", &table)
	for i := range table {
		row := answers{Text: table[i].Text}
		signed := func(base int) *string {
			number, err := strconv.ParseInt(row.Text, base, 64)
			return answer(strconv.FormatInt(number, 10), err)
		}
		row.Int, row.Octal, row.Prefixed = signed(10), signed(8), signed(0)
		unsigned, err := strconv.ParseUint(row.Text, 0, 64)
		row.Uint = answer(strconv.FormatUint(unsigned, 10), err)
		if truth, err := strconv.ParseBool(row.Text); err == nil {
			row.Bool = &truth
		}
		if number, err := strconv.ParseFloat(row.Text, 64); err == nil {
			row.FloatBits = answer(strconv.FormatUint(math.Float64bits(number), 16), nil)
			row.Formatted = map[string]string{}
			for _, verb := range "beEfgGx" {
				for _, precision := range []int{-1, 0, 3} {
					row.Formatted[string(verb)+strconv.Itoa(precision)] = strconv.FormatFloat(number, byte(verb), precision, 64)
				}
			}
		}
		table[i] = row
	}
	write("strconv.json", table)
}

func versions() {
	var table struct {
		Versions    []row `json:"versions"`
		Constraints []row `json:"constraints"`
	}
	read("semver.json", &table)
	var read []*semver.Version
	for i, row := range table.Versions {
		table.Versions[i][1] = nil
		if version, err := semver.NewVersion(row[0].(string)); err == nil {
			table.Versions[i][1] = version.String()
			read = append(read, version)
		}
	}
	for i, row := range table.Constraints {
		table.Constraints[i][1] = nil
		if constraint, err := semver.NewConstraint(row[0].(string)); err == nil {
			table.Constraints[i][1] = bits(len(read), func(at int) bool { return constraint.Check(read[at]) })
		}
	}
	write("semver.json", table)
}

func bits(count int, is func(int) bool) string {
	var out bytes.Buffer
	for at := range count {
		if is(at) {
			out.WriteByte('1')
		} else {
			out.WriteByte('0')
		}
	}
	return out.String()
}

func answer(text string, err error) *string {
	if err != nil {
		return nil
	}
	return &text
}

func read(name string, into any) {
	text, err := os.ReadFile(name)
	check(err)
	check(json.Unmarshal(text, into))
}

// write puts every value on a line of its own.
func write(name string, table any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	check(encoder.Encode(table))
	check(os.WriteFile(name, out.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
