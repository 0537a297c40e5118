package main

import (
	"fmt"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

func pathCase(path string) any {
	prefix, major, ok := module.SplitPathVersion(path)
	return object{
		"path":      text(path),
		"module":    module.CheckPath(path) == nil,
		"import":    module.CheckImportPath(path) == nil,
		"file":      module.CheckFilePath(path) == nil,
		"split":     []any{text(prefix), text(major), ok},
		"escaped":   outcome(module.EscapePath(path)),
		"unescaped": outcome(module.UnescapePath(path)),
	}
}

func versionCase(version string) any {
	return object{
		"version":   text(version),
		"canonical": text(module.CanonicalVersion(version)),
		"escaped":   outcome(module.EscapeVersion(version)),
		"unescaped": outcome(module.UnescapeVersion(version)),
	}
}

var morePaths = []string{
	"gopkg.in/yaml", "gopkg.in/yaml.v1", "gopkg.in/yaml.v01", "gopkg.in/yaml.v0-unstable",
	"gopkg.in/yaml.v2-unstable", "gopkg.in/yaml.v-unstable", "gopkg.in/yaml.v", "gopkg.in/.v2",
	"gopkg.in/go-playground/validator.v9", "gopkg.in/yaml/v2", "x.y/v2", "x.y/z/v02", "x.y/z/v10",
	"x.y/z/v2/v3", "x.y/z/v", "x.y/zv2", "x.y/v", "v2", "/v2", "x.y/z/v2.", "x.y/z/v2.3", "x.y",
	"x.y/nul", "x.y/LPT9.go", "x.y/con.", "x.y/COM0", "x.y/conin$", "x.y/GIT~1", "x.y/a~1.b", "x.y/a~1b",
	"x.y/\u017f", "x.y/\u212a", "x.y/\x00", "x.y/a\n", "x.y/\u00e9", "x.y/e\u0301", "x.y/\u202e", "x.y/ ",
	"x.y/.z", "x.y/...", "localhost/z", "127.0.0.1/z", "-x.y/z", "x.y/-z", "x.y/@v/z", "x.y/z\xc3",
	"github.com/!azure/x", "github.com/!azure/!x!y", "github.com/azure!", "!azure.com/x", "a.b/!A", "a.b/!\xc3\xa9",
	"golang.org/toolchain", "example.com/cmd/...", "example.com/x%2fy", "example.com/x+y",
}

var moreVersions = []string{
	"", "v1.2.3", "v1.2.3-RC.1", "v1.2.3-!r!c.1", "v2.0.0+incompatible", "v2.0.0+Incompatible", "v1", "v1.2",
	"master", "feature/x", "Feature", "!feature", "!!feature", "feature!", "a b", "a#b", "a%b", "a\\b", "a:b", "..",
	".", "a.", ".a", "com1", "nul.x", "a~1", "v1.2.3\n", "\u00e9", "v1.2.3+meta", "\xff", "-x", "v0.0.1-go1.21.0.linux-amd64",
	"v01.2.3", "v1.2.3-01", "v1.2.3-0a", "v1.2.3-", "v1.2.3+", "v1.2.3-a..b", "v1.2.3+a+b", "v1.2.3-a+01",
	"v99999999999999999999.0.0", "V1.2.3", "v1.2.3.4", "v1.2.x", "v-1.0.0", "v1.2.3-\u0661", "v\u0661.0.0", " v1.0.0",
}

func moduleTables(src *source) ([]table, error) {
	const file = "module/module_test.go"
	var tables []table
	add := func(name, goVar string, convert func(row) any) error {
		rows, err := src.table(file, goVar)
		if err != nil {
			return err
		}
		t := table{name: name, goVar: goVar, rows: len(rows)}
		for _, r := range rows {
			t.cases = append(t.cases, convert(r))
		}
		tables = append(tables, t)
		return nil
	}
	check := func(r row) any {
		path, version := r["path"], r["version"]
		return object{"path": text(path), "version": text(version), "ok": module.Check(path, version) == nil}
	}
	pathOf := func(field string) func(row) any {
		return func(r row) any { return pathCase(r[field]) }
	}
	major := func(r row) any {
		v, pathMajor := r["v"], r["pathMajor"]
		return object{"version": v, "path_major": pathMajor, "ok": module.MatchPathMajor(v, pathMajor)}
	}
	for _, err := range []error{
		add("check", "checkTests", check),
		add("check_path", "checkPathTests", pathOf("path")),
		add("split", "splitPathVersionTests", func(r row) any { return pathCase(r["pathPrefix"] + r["version"]) }),
		add("escape", "escapeTests", pathOf("path")),
		add("escaped", "escapeTests", pathOf("esc")),
		add("bad_unescape", "badUnescape", pathOf("")),
		add("match_path_major", "TestMatchPathMajor", major),
	} {
		if err != nil {
			return nil, err
		}
	}
	paths := table{name: "more_paths", rows: len(morePaths)}
	for _, path := range morePaths {
		paths.cases = append(paths.cases, pathCase(path))
	}
	versions := table{name: "more_versions", rows: len(moreVersions)}
	for _, version := range moreVersions {
		versions.cases = append(versions.cases, versionCase(version))
	}
	return append(tables, paths, versions), nil
}

func semverTables(src *source) ([]table, error) {
	rows, err := src.table("semver/semver_test.go", "tests")
	if err != nil {
		return nil, err
	}
	var inputs []string
	for _, r := range rows {
		inputs = append(inputs, r["in"])
	}
	go1, go2, go3 := semverOf("tests", inputs)
	more1, more2, more3 := semverOf("", moreVersions)
	for _, t := range []*table{&more1, &more2, &more3} {
		t.name = "more_" + t.name
	}
	return []table{go1, go2, go3, more1, more2, more3}, nil
}

func semverOf(goVar string, inputs []string) (one, pairs, sorted table) {
	one = table{name: "versions", goVar: goVar, rows: len(inputs)}
	pairs = table{name: "pairs", goVar: goVar, rows: len(inputs) * len(inputs)}
	for _, v := range inputs {
		one.cases = append(one.cases, object{
			"version": text(v), "valid": semver.IsValid(v), "canonical": text(semver.Canonical(v)),
			"major": text(semver.Major(v)), "major_minor": text(semver.MajorMinor(v)),
			"prerelease": text(semver.Prerelease(v)), "build": text(semver.Build(v)),
		})
		for _, w := range inputs {
			pairs.cases = append(pairs.cases, []any{text(v), text(w), semver.Compare(v, w), text(semver.Max(v, w))})
		}
	}
	list := append([]string(nil), inputs...)
	semver.Sort(list)
	sorted = table{name: "sorted", goVar: goVar, rows: len(list)}
	for _, v := range list {
		sorted.cases = append(sorted.cases, text(v))
	}
	return one, pairs, sorted
}

var pseudoTime = time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)

func pseudoCase(version string) any {
	var stamp any
	if t, err := module.PseudoVersionTime(version); err == nil {
		stamp = t.Format(time.RFC3339)
	}
	return object{
		"version": text(version), "pseudo": module.IsPseudoVersion(version), "time": stamp,
		"zero": module.IsZeroPseudoVersion(version),
		"rev":  outcome(module.PseudoVersionRev(version)), "base": outcome(module.PseudoVersionBase(version)),
	}
}

var morePseudo = []string{
	"---", "v1.0.0-20060102150405-hash", "v1.0.0-20061302150405-hash", "v1.0.0-20060102150460-hash",
	"v1.0.0-20060229000000-hash", "v1.0.0-00000101000000-hash", "v1.0.0-00010101000000-000000000000",
	"v1.0.0-20060102150405-ha.sh", "v1.0.0-2006010215040-hash", "v1.0.0-200601021504055-hash", "v1.1.0-20060102150405-hash",
	"v1.2.3-x.0.20060102150405-hash+a.b", "v1.2.3-0.0.20060102150405-hash", "v1.2.10-0.20060102150405-hash",
	"v1.2.100-0.20060102150405-hash", "v1.2.3-pre.20060102150405-hash", "v1.2.3-a-b.0.20060102150405-hash",
	"v1.2.3-0.20060102150405-hash\n", "v2.0.1-0.20060102150405-abcdef123456+incompatible",
	"v1.2.3-01.0.20060102150405-hash", "v01.0.0-20060102150405-hash", "v1.0.0-20060102150405-\u0661",
}

func pseudoTables(src *source) ([]table, error) {
	const file = "module/pseudo_test.go"
	rows, err := src.table(file, "pseudoTests")
	if err != nil {
		return nil, err
	}
	made := table{name: "made", goVar: "pseudoTests", rows: len(rows)}
	read := table{name: "read", goVar: "pseudoTests", rows: 2 * len(rows)}
	for _, r := range rows {
		version := module.PseudoVersion(r["major"], r["older"], pseudoTime, "hash")
		if version != r["version"] {
			return nil, fmt.Errorf("%q is not %q", version, r["version"])
		}
		made.cases = append(made.cases, object{"major": r["major"], "older": r["older"], "version": version})
		read.cases = append(read.cases, pseudoCase(r["version"]), pseudoCase(r["older"]))
	}
	tables := []table{made, read}
	for _, decimals := range []struct {
		name, goVar string
		convert     func(string) any
	}{
		{"bad_base", "TestInvalidPseudoVersionBase", pseudoCase},
		{"increment", "TestIncDecimal", func(in string) any {
			older := "v1.2." + in
			return object{"major": "", "older": older, "version": module.PseudoVersion("", older, pseudoTime, "hash")}
		}},
		{"decrement", "TestDecDecimal", func(in string) any {
			return pseudoCase("v1.2." + in + "-0.20060102150405-hash")
		}},
	} {
		rows, err := src.table(file, decimals.goVar)
		if err != nil {
			return nil, err
		}
		t := table{name: decimals.name, goVar: decimals.goVar, rows: len(rows)}
		for _, r := range rows {
			// A table of strings has one field without a name.
			t.cases = append(t.cases, decimals.convert(r["in"]+r[""]))
		}
		tables = append(tables, t)
	}
	zero := table{name: "zero", rows: 3}
	for _, major := range []string{"", "v0", "v2"} {
		zero.cases = append(zero.cases, object{"major": major, "version": module.ZeroPseudoVersion(major)})
	}
	more := table{name: "more", rows: len(morePseudo)}
	for _, version := range morePseudo {
		more.cases = append(more.cases, pseudoCase(version))
	}
	return append(tables, zero, more), nil
}

var moreTargets = []string{"a", "a/b", "ab/c", "a-b/c/d", "x.y/z/v2", "]", "a]b", "é/x", ""}

var moreGlobs = []string{
	"a", "*", "?", "*/*", "a*", "*b", "a*b", "[a]", "[^a]", "[a-z]", "[a-z]*", "[z-a]", "[]a]", "[a-]", "[-x]", "[x-]",
	"[a", "[", "a[", "[]", "[^]", "[^]a]", "[a]]", "\\a", "\\", "a\\", "\\*", "[\\]]", "[\\a-\\z]", "*[", "a*[", "**", "***/b",
	"[^x]*b", "*[^x]*b", "[/]*b[/]*", "*[^x]*b[/a]*", "é", "?/x", "[é]/*", "a//", "a/,[,*b/c", ",", " a", "a,", "*.y", "*.y/z/",
}

func patternTables(src *source) ([]table, error) {
	const goVar = "TestMatchPrefixPatterns"
	rows, err := src.table("module/module_test.go", goVar)
	if err != nil {
		return nil, err
	}
	matched := func(globs, target string) any {
		return object{"globs": globs, "target": target, "match": module.MatchPrefixPatterns(globs, target)}
	}
	known := table{name: "match_prefix_patterns", goVar: goVar, rows: len(rows)}
	for _, r := range rows {
		known.cases = append(known.cases, matched(r["globs"], r["target"]))
	}
	more := table{name: "more", rows: len(moreGlobs) * len(moreTargets)}
	for _, globs := range moreGlobs {
		for _, target := range moreTargets {
			more.cases = append(more.cases, matched(globs, target))
		}
	}
	return []table{known, more}, nil
}
