package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A source holds the parsed tests of x/mod packages, and evaluates the string expressions in them.
type source struct {
	files []*ast.File
}

func load(packages ...string) *source {
	src := &source{}
	for _, pkg := range packages {
		dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", pkg).Output()
		check(err)
		names, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*_test.go"))
		check(err)
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			check(err)
			src.files = append(src.files, f)
		}
	}
	return src
}

func (s *source) function(name string) *ast.FuncDecl {
	for _, f := range s.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name && fn.Recv == nil {
				return fn
			}
		}
	}
	log.Fatalf("x/mod has no %s any more", name)
	return nil
}

// value finds the first expression assigned to a variable in a function.
func (s *source) value(fn *ast.FuncDecl, name string) ast.Expr {
	var found ast.Expr
	ast.Inspect(fn, func(n ast.Node) bool {
		if found != nil {
			return false
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if id, ok := l.(*ast.Ident); ok && id.Name == name && len(n.Rhs) == len(n.Lhs) {
					found = n.Rhs[i]
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if id.Name == name && i < len(n.Values) {
					found = n.Values[i]
				}
			}
		}
		return true
	})
	if found == nil {
		log.Fatalf("%s has no %s any more", fn.Name.Name, name)
	}
	return found
}

// last is the value assigned last before a position: TestParseRecord uses one name twice.
func (s *source) last(fn *ast.FuncDecl, name string, before token.Pos) ast.Expr {
	var found ast.Expr
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Pos() < before && len(a.Rhs) == len(a.Lhs) {
			for i, l := range a.Lhs {
				if id, ok := l.(*ast.Ident); ok && id.Name == name {
					found = a.Rhs[i]
				}
			}
		}
		return true
	})
	if found == nil {
		return s.value(fn, name)
	}
	return found
}

func (s *source) str(function, name string) string {
	fn := s.function(function)
	return s.eval(fn, s.value(fn, name))
}

// list evaluates the elements of a list of strings in a function.
func (s *source) list(function, name string) []string {
	fn := s.function(function)
	var all []string
	for _, e := range s.value(fn, name).(*ast.CompositeLit).Elts {
		all = append(all, s.eval(fn, e))
	}
	return all
}

// firsts evaluates the first field of each row of a table at package level.
func (s *source) firsts(name string) []string {
	var all []string
	for _, f := range s.files {
		if o := f.Scope.Lookup(name); o != nil {
			for _, e := range o.Decl.(*ast.ValueSpec).Values[0].(*ast.CompositeLit).Elts {
				all = append(all, s.eval(nil, e.(*ast.CompositeLit).Elts[0]))
			}
			return all
		}
	}
	log.Fatalf("x/mod has no %s any more", name)
	return nil
}

// calls evaluates the first argument of each call of a name in a function, where it is a literal.
func (s *source) calls(function, name string) []string {
	var all []string
	ast.Inspect(s.function(function), func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && called(c) == name {
			if lit, ok := c.Args[0].(*ast.BasicLit); ok {
				all = append(all, s.eval(nil, lit))
			}
		}
		return true
	})
	return all
}

// count is how often a function calls a name.
func (s *source) count(function, name string) int {
	n := 0
	ast.Inspect(s.function(function), func(node ast.Node) bool {
		if c, ok := node.(*ast.CallExpr); ok && called(c) == name {
			n++
		}
		return true
	})
	return n
}

// rangeOf is the bound of a test's first loop over int64(N).
func (s *source) rangeOf(function string) int {
	bound := -1
	ast.Inspect(s.function(function), func(node ast.Node) bool {
		if r, ok := node.(*ast.RangeStmt); ok && bound < 0 {
			if c, ok := r.X.(*ast.CallExpr); ok && called(c) == "int64" {
				bound, _ = strconv.Atoi(c.Args[0].(*ast.BasicLit).Value)
			}
		}
		return true
	})
	return bound
}

// pairs evaluates the first two numbers of each row of the table that a test ranges over.
func (s *source) pairs(function string) [][2]int64 {
	var all [][2]int64
	ast.Inspect(s.function(function), func(node ast.Node) bool {
		r, ok := node.(*ast.RangeStmt)
		if !ok {
			return true
		}
		for _, e := range r.X.(*ast.CompositeLit).Elts {
			var p [2]int64
			for i := range p {
				p[i], _ = strconv.ParseInt(e.(*ast.CompositeLit).Elts[i].(*ast.BasicLit).Value, 10, 64)
			}
			all = append(all, p)
		}
		return false
	})
	return all
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// eval computes a string expression: literals, +, names, slices, strings.Repeat.
func (s *source) eval(fn *ast.FuncDecl, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		check(err)
		return text
	case *ast.ParenExpr:
		return s.eval(fn, e.X)
	case *ast.BinaryExpr:
		return s.eval(fn, e.X) + s.eval(fn, e.Y)
	case *ast.Ident:
		return s.eval(fn, s.last(fn, e.Name, e.Pos()))
	case *ast.SliceExpr:
		text := s.eval(fn, e.X)
		low, high := 0, len(text)
		if e.Low != nil {
			low = s.number(fn, e.Low)
		}
		if e.High != nil {
			high = s.number(fn, e.High)
		}
		return text[low:high]
	case *ast.CallExpr:
		if called(e) == "Repeat" {
			return strings.Repeat(s.eval(fn, e.Args[0]), s.number(fn, e.Args[1]))
		}
	}
	log.Fatalf("cannot read a string of x/mod's tests: %T", e)
	return ""
}

func (s *source) number(fn *ast.FuncDecl, e ast.Expr) int {
	switch e := e.(type) {
	case *ast.BasicLit:
		n, err := strconv.Atoi(e.Value)
		check(err)
		return n
	case *ast.BinaryExpr:
		return s.number(fn, e.X) - s.number(fn, e.Y)
	case *ast.CallExpr:
		if called(e) == "len" {
			return len(s.eval(fn, e.Args[0]))
		}
	}
	log.Fatalf("cannot read a number of x/mod's tests: %T", e)
	return 0
}
