// Command modfile writes what golang.org/x/mod/modfile says about go.mod files.
//
// The inputs are the tables and the testdata of its own tests, read from their source; the outputs
// are those of the real functions. Run it in tests/vectors:
//
//	go run ./cmd/modfile -out data/modfile.json
//
// With -answer it reads {"data": "<base64>"} lines from standard input and answers each.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"modgate.test/vectors/internal/vector"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "file to write the vectors to")
	answer := flag.Bool("answer", false, "answer lines from standard input")
	flag.Parse()
	var err error
	if *answer {
		err = vector.Answer(answerLine)
	} else {
		err = write(*out)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func answerLine(line []byte) (any, error) {
	var call struct{ Data []byte }
	if err := json.Unmarshal(line, &call); err != nil {
		return nil, err
	}
	return judge(string(call.Data)), nil
}

type object = map[string]any

func judge(text string) object {
	strict, strictErr := modfile.Parse("go.mod", []byte(text), nil)
	lax, laxErr := modfile.ParseLax("go.mod", []byte(text), nil)
	return object{
		"strict":      describe(strict, strictErr),
		"lax":         describe(lax, laxErr),
		"module_path": modfile.ModulePath([]byte(text)),
	}
}

func describe(f *modfile.File, err error) any {
	if err != nil {
		return nil
	}
	d := object{}
	add := func(key string, row ...any) {
		rows, _ := d[key].([]any)
		d[key] = append(rows, row)
	}
	if f.Module != nil {
		add("module", f.Module.Mod.Path, f.Module.Deprecated, f.Module.Syntax.Start.Line)
	}
	if f.Go != nil {
		d["go"] = f.Go.Version
	}
	if f.Toolchain != nil {
		d["toolchain"] = f.Toolchain.Name
	}
	for _, x := range f.Godebug {
		add("godebug", x.Key, x.Value, x.Syntax.Start.Line)
	}
	for _, x := range f.Require {
		add("require", x.Mod.Path, x.Mod.Version, x.Indirect, x.Syntax.Start.Line)
	}
	for _, x := range f.Exclude {
		add("exclude", x.Mod.Path, x.Mod.Version, x.Syntax.Start.Line)
	}
	for _, x := range f.Replace {
		add("replace", x.Old.Path, x.Old.Version, x.New.Path, x.New.Version, x.Syntax.Start.Line)
	}
	for _, x := range f.Retract {
		add("retract", x.Low, x.High, x.Rationale, x.Syntax.Start.Line)
	}
	for _, x := range f.Tool {
		add("tool", x.Path, x.Syntax.Start.Line)
	}
	for _, x := range f.Ignore {
		add("ignore", x.Path, x.Syntax.Start.Line)
	}
	return d
}

func write(out string) error {
	dir, err := vector.Source("modfile")
	if err != nil {
		return err
	}
	var tables []vector.Table
	for _, file := range []string{"read_test.go", "rule_test.go"} {
		found, err := vector.GoTables(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		for _, goTable := range found {
			table := vector.Table{Name: goTable.Name, Go: file + " " + goTable.Name, Rows: len(goTable.Rows)}
			for _, row := range goTable.Rows {
				table.Cases = append(table.Cases, judgeAll(row))
			}
			tables = append(tables, table)
		}
	}
	testdata := vector.Table{Name: "testdata", Go: "testdata/*.in, *.golden"}
	entries, err := os.ReadDir(filepath.Join(dir, "testdata"))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, "testdata", entry.Name()))
		if err != nil {
			return err
		}
		testdata.Cases = append(testdata.Cases, judgeAll([]string{string(data)}))
		testdata.Rows++
	}
	corner := vector.Table{Name: "corners", Go: "(none)", Rows: len(corners)}
	for _, text := range corners {
		corner.Cases = append(corner.Cases, judgeAll([]string{text}))
	}
	quoting := vector.Table{Name: "legacy_go_mod", Go: "(none)", Rows: len(paths)}
	for _, path := range paths {
		quoting.Cases = append(quoting.Cases, []string{path, "module " + modfile.AutoQuote(path) + "\n"})
	}
	return vector.Write(out, "modfile", append(tables, testdata, corner, quoting))
}

// judgeAll judges the strings of a row that can be a go.mod (its description cannot).
func judgeAll(row []string) []any {
	judged := []any{}
	for _, text := range row {
		if strings.ContainsAny(text, " \n\"") || len(row) == 1 {
			judged = append(judged, object{"text": vector.Text(text), "want": judge(text)})
		}
	}
	return judged
}

var paths = []string{"example.com/m", "rsc.io/quote/v3", "gopkg.in/yaml.v2", "github.com/A/b_c~d-e.f", "a.b"}

var corners = []string{
	"",
	"module",
	"module m n",
	"module m\nmodule n\n",
	"module \"a\\u00e9\\x41\\101\\U0001F600\\n\"\n",
	"module \"a\\ud800\"\n",
	"module \"a\\400\"\n",
	"module \"a\\'\"\n",
	"module `m`\n",
	"module 'm'\n",
	"module \"m\n",
	"module \"m\\\n\"\n",
	"x \"m\\\n\" // indirect\nmodule m\n",
	"module m /* c */\n",
	"module m/*c\n",
	"module m//c\n",
	"module m\x00\n",
	"module m\u00a0\n",
	"\ufeffmodule m\n",
	"module caf\u00e9\n",
	"module m // caf\xe9\n",
	"module caf\xe9\n",
	"module (\n\tm\n)\n",
	"// Deprecated: in block\nmodule (\n\tm\n)\n",
	"module (\n\t// Deprecated: on line\n\tm\n)\n",
	"module ( m )\n",
	"module ( )\n",
	"module ( ) // x\nmodule m\n",
	"module m\nrequire (\n",
	"module m\nrequire (\n) x\n",
	"module m\nrequire x.y v1.0.0 // indirect\nrequire z.y v1.0.0 // indirect; why\nrequire w.y v1.0.0 // indirect;\n",
	"module m\nrequire (\n\tx.y v1.0.0 // indirect\n\n\t// above\n\tz.y v1.0.0 // not indirect\n) // indirect\n",
	"module m\nrequire x.y v1\nrequire x.y/v2 v2.0\nrequire x.y v2.0.0+incompatible\n",
	"module m\nrequire x.y/v2 v1.0.0\n",
	"module m\nrequire x.y v2.0.0\n",
	"module m\nrequire x.y/v1 v1.0.0\n",
	"module m\nrequire gopkg.in/x v1.0.0\n",
	"module m\nrequire x.y latest\n",
	"module m\nretract v1\nretract [v1.0.0, v1.2]\n",
	"module m\nretract [v1.0.0 v1.2]\n",
	"module m\nretract (v1.0.0)\n",
	"module m\nretract v1.0.0 v1.1.0\n",
	"module m\nretract v1.0.0 extra\n",
	"module m\n// why\nretract (\n\tv1.0.0\n\n\tv1.1.0\n\tv1.2.0 // own\n)\n",
	"module m\nreplace a => ../b\nreplace a v1.0.0 => b v1.0.0\nreplace a => b\n",
	"module m\nreplace a => b@v1.0.0\n",
	"module m\nreplace a => ..\\b\n",
	"module m\nreplace a => C:\\b\n",
	"module m\nreplace a => C:/b\n",
	"module m\nreplace a => ./b v1.0.0\n",
	"module m\nreplace a/v2 v1.0.0 => ./b\n",
	"module m\nreplace a => => ./b\n",
	"module m\nexclude a v1.0.0\ntool a/b\nignore ./x\ngodebug a=b\ntoolchain go1.22.0\ngo 1.22\n",
	"module m\ngodebug a\n",
	"module m\ngodebug a=b=c\n",
	"module m\ngodebug (\n\ta=b\n\tc=d\n)\n",
	"module m\ngodebug \"a=b\"\n",
	"module m\ngo 1.22\ngo 1.22\n",
	"module m\ngo (\n\t1.22\n)\n",
	"module m\ngo 1.22 // comment\r\n",
	"module m\r\nrequire (\r\n\ta.b v1.0.0 // indirect\r\n)\r\n",
	"unknown thing\nmodule m\n",
	"unknown (\n\tx\n)\nmodule m\n",
	"require x (\n\ta.b v1.0.0\n)\nmodule m\n",
	"(\n)\n",
	", x\n",
	"module [m]\n",
	"module m,n\n",
	"module m\n// Deprecated: too late\n",
	"// Deprecated: not attached\n\nmodule m\n",
	"module m // Deprecated: behind\n",
	"// first\n//\n// Deprecated:   two\n// lines\n//\n// not\nmodule m\n",
}
