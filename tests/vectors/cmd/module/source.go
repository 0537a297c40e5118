package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A source is the folder of golang.org/x/mod, whose tests hold the tables.
type source struct{ dir string }

func openSource() (*source, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/mod").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	return &source{strings.TrimSpace(string(out))}, nil
}

// A row is one row of a table: field name to value; the only field of a []string is "".
type row map[string]string

// table reads the first slice literal of the package variable, or in the test function, of that name.
func (s *source) table(file, name string) ([]row, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(s.dir, file), nil, 0)
	if err != nil {
		return nil, err
	}
	var found *ast.CompositeLit
	for _, decl := range parsed.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.Name == name {
				found = firstSlice(decl.Body)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if value, ok := spec.(*ast.ValueSpec); ok && value.Names[0].Name == name {
					found = firstSlice(value.Values[0])
				}
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s has no table %s", file, name)
	}
	return rows(found)
}

func firstSlice(node ast.Node) (found *ast.CompositeLit) {
	ast.Inspect(node, func(n ast.Node) bool {
		if literal, ok := n.(*ast.CompositeLit); ok && found == nil {
			if _, ok := literal.Type.(*ast.ArrayType); ok {
				found = literal
			}
		}
		return found == nil
	})
	return found
}

func rows(literal *ast.CompositeLit) ([]row, error) {
	var fields []string
	if structure, ok := literal.Type.(*ast.ArrayType).Elt.(*ast.StructType); ok {
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				fields = append(fields, name.Name)
			}
		}
	}
	var all []row
	for _, element := range literal.Elts {
		values := row{}
		inner, ok := element.(*ast.CompositeLit)
		if !ok {
			inner, fields = &ast.CompositeLit{Elts: []ast.Expr{element}}, []string{""}
		}
		for i, expr := range inner.Elts {
			name := fields[i]
			if keyed, ok := expr.(*ast.KeyValueExpr); ok {
				name, expr = keyed.Key.(*ast.Ident).Name, keyed.Value
			}
			value, err := constant(expr)
			if err != nil {
				return nil, err
			}
			values[name] = value
		}
		all = append(all, values)
	}
	return all, nil
}

func constant(expr ast.Expr) (string, error) {
	switch expr := expr.(type) {
	case *ast.BasicLit:
		if expr.Kind == token.STRING {
			return strconv.Unquote(expr.Value)
		}
		return expr.Value, nil
	case *ast.Ident:
		return expr.Name, nil
	}
	return "", fmt.Errorf("not a constant: %T", expr)
}
