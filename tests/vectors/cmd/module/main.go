// Command module writes what golang.org/x/mod says about module paths, versions, pseudo-versions
// and patterns.
//
// The inputs are those of x/mod's own tests, read from their source, and some corners more; the
// outputs are those of the real functions. Run it in tests/vectors:
//
//	go run ./cmd/module -out data
//
// With -answer it reads JSON calls, one a line, from standard input and answers each with a line:
// {"f": "check_path", "args": ["x.y/z"]} gives {"ok": true, "value": ""}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"modgate.test/vectors/internal/vector"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "folder to write the vectors to")
	answer := flag.Bool("answer", false, "answer calls from standard input")
	flag.Parse()
	switch {
	case *answer:
		if err := answerCalls(); err != nil {
			log.Fatal(err)
		}
	case *out != "":
		if err := writeVectors(*out); err != nil {
			log.Fatal(err)
		}
	default:
		flag.Usage()
		os.Exit(2)
	}
}

// A text is a Go string in JSON: bytes that are not UTF-8 become the lone surrogates that Python's
// surrogateescape uses for them.
type text string

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	var buf bytes.Buffer
	buf.WriteByte('"')
	for s := string(t); s != ""; {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&buf, `\udc%02x`, s[0])
		} else {
			quoted, err := json.Marshal(string(r))
			if err != nil {
				return nil, err
			}
			buf.Write(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	buf.WriteByte('"')
	return buf.Bytes(), nil
}

// A table is one table of cases: Go's name for it, how many rows it has there, and the cases.
type table struct {
	name  string
	goVar string
	rows  int
	cases []any
}

type object = map[string]any

func write(dir, name, pkg string, tables []table) error {
	out := make([]vector.Table, len(tables))
	for i, t := range tables {
		out[i] = vector.Table{Name: t.name, Go: t.goVar, Rows: t.rows, Cases: t.cases}
	}
	return vector.Write(filepath.Join(dir, name), pkg, out)
}

func writeVectors(dir string) error {
	src, err := openSource()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name, pkg string
		tables    func(*source) ([]table, error)
	}{
		{"module.json", "module", moduleTables},
		{"semver.json", "semver", semverTables},
		{"pseudo.json", "module", pseudoTables},
		{"patterns.json", "module", patternTables},
	} {
		tables, err := file.tables(src)
		if err != nil {
			return fmt.Errorf("%s: %w", file.name, err)
		}
		if err := write(dir, file.name, file.pkg, tables); err != nil {
			return err
		}
	}
	return nil
}

// outcome is a value, or nil where the function gave an error.
func outcome(value string, err error) any {
	if err != nil {
		return nil
	}
	return text(value)
}

var functions = map[string]func(args []string) (string, error){
	"check":             func(a []string) (string, error) { return "", module.Check(a[0], a[1]) },
	"check_path":        func(a []string) (string, error) { return "", module.CheckPath(a[0]) },
	"check_import_path": func(a []string) (string, error) { return "", module.CheckImportPath(a[0]) },
	"check_file_path":   func(a []string) (string, error) { return "", module.CheckFilePath(a[0]) },
	"escape_path":       func(a []string) (string, error) { return module.EscapePath(a[0]) },
	"escape_version":    func(a []string) (string, error) { return module.EscapeVersion(a[0]) },
	"unescape_path":     func(a []string) (string, error) { return module.UnescapePath(a[0]) },
	"unescape_version":  func(a []string) (string, error) { return module.UnescapeVersion(a[0]) },
	"canonical_version": func(a []string) (string, error) { return module.CanonicalVersion(a[0]), nil },
	"match_path_major": func(a []string) (string, error) {
		_, pathMajor, _ := module.SplitPathVersion(a[1])
		return fmt.Sprint(module.MatchPathMajor(a[0], pathMajor)), nil
	},
	"split_path_version": func(a []string) (string, error) {
		prefix, major, ok := module.SplitPathVersion(a[0])
		return fmt.Sprintf("%s|%s|%t", prefix, major, ok), nil
	},
	"match_prefix_patterns": func(a []string) (string, error) {
		return fmt.Sprint(module.MatchPrefixPatterns(a[0], a[1])), nil
	},
	"is_valid":            func(a []string) (string, error) { return fmt.Sprint(semver.IsValid(a[0])), nil },
	"canonical":           func(a []string) (string, error) { return semver.Canonical(a[0]), nil },
	"compare":             func(a []string) (string, error) { return fmt.Sprint(semver.Compare(a[0], a[1])), nil },
	"is_pseudo_version":   func(a []string) (string, error) { return fmt.Sprint(module.IsPseudoVersion(a[0])), nil },
	"pseudo_version_base": func(a []string) (string, error) { return module.PseudoVersionBase(a[0]) },
	"pseudo_version_rev":  func(a []string) (string, error) { return module.PseudoVersionRev(a[0]) },
	"pseudo_version_time": func(a []string) (string, error) {
		t, err := module.PseudoVersionTime(a[0])
		return t.Format(time.RFC3339), err
	},
}

func answerCalls() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for in.Scan() {
		var call struct {
			F    string
			Args []string
		}
		if err := json.Unmarshal(in.Bytes(), &call); err != nil {
			return err
		}
		function, ok := functions[call.F]
		if !ok {
			return fmt.Errorf("unknown function %q", call.F)
		}
		value, err := function(call.Args)
		line, merr := json.Marshal(object{"ok": err == nil, "value": text(strings.ToValidUTF8(value, "?"))})
		if merr != nil {
			return merr
		}
		out.Write(append(line, '\n'))
	}
	if err := in.Err(); err != nil {
		return err
	}
	return out.Flush()
}
