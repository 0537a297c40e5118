// Package vector reads the tables of golang.org/x/mod's own tests and writes vectors made from them.
package vector

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Text is a Go string in JSON: bytes that are not UTF-8 become the lone surrogates that Python's
// surrogateescape uses for them.
type Text string

func (t Text) MarshalJSON() ([]byte, error) {
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

// A Table is one table of cases: its name, Go's name for it, how many rows it has there, the cases.
type Table struct {
	Name  string
	Go    string
	Rows  int
	Cases []any
}

// Write writes tables as one JSON file, one case a line.
func Write(file, pkg string, tables []Table) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("no build information")
	}
	version := ""
	for _, dep := range info.Deps {
		if dep.Path == "golang.org/x/mod" {
			version = dep.Version
		}
	}
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "{\"source\": %q, \"version\": %q, \"tables\": {", "golang.org/x/mod/"+pkg, version)
	for i, t := range tables {
		if i > 0 {
			buf.WriteByte(',')
		}
		fmt.Fprintf(&buf, "\n%q: {\"go\": %q, \"rows\": %d, \"cases\": [", t.Name, t.Go, t.Rows)
		for j, c := range t.Cases {
			if j > 0 {
				buf.WriteByte(',')
			}
			line, err := json.Marshal(c)
			if err != nil {
				return err
			}
			buf.WriteString("\n ")
			buf.Write(line)
		}
		buf.WriteString("\n]}")
	}
	buf.WriteString("\n}}\n")
	return os.WriteFile(file, buf.Bytes(), 0o666)
}

// Answer answers each line of standard input, one JSON object a line.
func Answer(answer func(line []byte) (any, error)) error {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		result, err := answer(line)
		if err != nil {
			return err
		}
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		out.Write(append(text, '\n'))
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// Source returns a folder of golang.org/x/mod's source.
func Source(pkg string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/mod").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), pkg), nil
}

// A GoTable is a slice of structs in a test file: its variable or function, and each row's strings
// in their order.
type GoTable struct {
	Name string
	Rows [][]string
}

// GoTables finds the tables of a test file, in their order.
func GoTables(file string) ([]GoTable, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	var tables []GoTable
	for _, decl := range parsed.Decls {
		name := ""
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name = decl.Name.Name
		case *ast.GenDecl:
			if spec, ok := decl.Specs[0].(*ast.ValueSpec); ok {
				name = spec.Names[0].Name
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			array, ok := lit.Type.(*ast.ArrayType)
			if !ok {
				return true
			}
			if _, ok := array.Elt.(*ast.StructType); !ok {
				if ident, ok := array.Elt.(*ast.Ident); !ok || !strings.HasSuffix(ident.Name, "Test") {
					return true
				}
			}
			table := GoTable{Name: name}
			for _, row := range lit.Elts {
				table.Rows = append(table.Rows, Strings(row))
			}
			tables = append(tables, table)
			return false
		})
	}
	return tables, nil
}

// Strings returns the string literals below a node.
func Strings(n ast.Node) []string {
	var found []string
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				found = append(found, s)
			}
		}
		return true
	})
	return found
}
