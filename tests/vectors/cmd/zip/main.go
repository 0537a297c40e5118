// Command zip writes what golang.org/x/mod/zip and sumdb/dirhash say about files and archives.
//
// The inputs are the archives and tables of their own tests, read from their source; the outputs
// are those of the real functions. Run it in tests/vectors:
//
//	go run ./cmd/zip -out data
//
// With -answer it reads {"path": …, "version": …, "zip": "<base64>"} lines from standard input and
// answers each with what the go command would make of such a download.
package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"
	"modgate.test/vectors/internal/vector"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "folder to write the vectors to")
	answer := flag.Bool("answer", false, "answer lines from standard input")
	flag.Parse()
	var err error
	if *answer {
		err = vector.Answer(answerLine)
	} else {
		err = errors.Join(writeZip(*out), writeDirhash(*out))
	}
	if err != nil {
		log.Fatal(err)
	}
}

type object = map[string]any

func answerLine(line []byte) (any, error) {
	var call struct {
		Path, Version string
		Zip           []byte
	}
	if err := json.Unmarshal(line, &call); err != nil {
		return nil, err
	}
	h1, err := accept(module.Version{Path: call.Path, Version: call.Version}, call.Zip)
	if err != nil {
		return object{"error": err.Error()}, nil
	}
	return object{"h1": h1}, nil
}

// accept does with a downloaded zip what the go command does: hash it, then unpack it.
func accept(m module.Version, data []byte) (h1 string, err error) {
	dir, err := os.MkdirTemp("", "modgate-vectors-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "m.zip")
	if err := os.WriteFile(file, data, 0o666); err != nil {
		return "", err
	}
	h1, err = dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		return "", err
	}
	if err := modzip.Unzip(filepath.Join(dir, "m"), m, file); err != nil {
		return "", errors.New(strings.ReplaceAll(err.Error(), file, "m.zip"))
	}
	return h1, nil
}

// An archive is one of x/mod's test archives: key = value lines, then files.
type archive struct {
	name  string
	about map[string]string
	files []file
}

// A file is a File of x/mod/zip that is held in memory; without data it is as many zeros.
type file struct {
	name string
	size int64
	data []byte
}

func (f file) Path() string                { return f.name }
func (f file) Lstat() (os.FileInfo, error) { return info{f}, nil }
func (f file) Open() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.data)), nil
}

type info struct{ f file }

func (i info) Name() string       { return path.Base(i.f.name) }
func (i info) Size() int64        { return i.f.size }
func (i info) Mode() fs.FileMode  { return 0o644 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

func readArchive(name string) (*archive, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	arc := &archive{name: strings.TrimSuffix(filepath.Base(name), ".txt"), about: map[string]string{}}
	var open *file
	for _, line := range strings.SplitAfter(string(data), "\n") {
		marker, isMarker := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "-- ")
		marker, closed := strings.CutSuffix(marker, " --")
		switch {
		case isMarker && closed:
			arc.files = append(arc.files, file{name: marker, data: []byte{}})
			open = &arc.files[len(arc.files)-1]
		case open != nil:
			open.data = append(open.data, line...)
			open.size = int64(len(open.data))
		default:
			line, _, _ = strings.Cut(line, "#")
			if key, value, ok := strings.Cut(line, "="); ok {
				arc.about[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	return arc, nil
}

func (arc *archive) version() module.Version {
	return module.Version{Path: arc.about["path"], Version: arc.about["version"]}
}

// content returns the files without the one that holds what the test wants.
func (arc *archive) content() []file {
	var files []file
	for _, f := range arc.files {
		if f.name != "want" {
			files = append(files, f)
		}
	}
	return files
}

func (arc *archive) zip() ([]byte, error) {
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, f := range arc.content() {
		w, err := zw.Create(f.name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := zw.Close()
	return buf.Bytes(), err
}

func (arc *archive) inDir(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "modgate-vectors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, f := range arc.content() {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.data, 0o666); err != nil {
			return err
		}
	}
	return do(dir)
}

func (arc *archive) inZip(do func(name string) error) error {
	data, err := arc.zip()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "modgate-vectors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "m.zip")
	if err := os.WriteFile(name, data, 0o666); err != nil {
		return err
	}
	return do(name)
}

func interfaces(files []file) []modzip.File {
	var list []modzip.File
	for _, f := range files {
		list = append(list, f)
	}
	return list
}

func lists(cf modzip.CheckedFiles, trim string) object {
	paths := func(list []modzip.FileError) []vector.Text {
		found := []vector.Text{}
		for _, e := range list {
			found = append(found, vector.Text(strings.TrimPrefix(e.Path, trim)))
		}
		return found
	}
	valid := []vector.Text{}
	for _, p := range cf.Valid {
		valid = append(valid, vector.Text(strings.TrimPrefix(p, trim)))
	}
	return object{
		"valid":      valid,
		"omitted":    paths(cf.Omitted),
		"invalid":    paths(cf.Invalid),
		"size_error": cf.SizeError != nil,
	}
}

func created(m module.Version, data []byte, err error) (object, error) {
	if err != nil {
		return object{"error": vector.Text(err.Error())}, nil
	}
	h1, err := accept(m, data)
	return object{"h1": h1, "zip": data}, err
}

// judge returns what the real functions make of an archive of one of the six folders.
func judge(kind string, arc *archive) (result object, err error) {
	m := arc.version()
	switch kind {
	case "check_files":
		cf, _ := modzip.CheckFiles(interfaces(arc.content()))
		return lists(cf, ""), nil
	case "check_dir":
		err = arc.inDir(func(dir string) error {
			cf, _ := modzip.CheckDir(dir)
			result = lists(cf, dir+"/")
			return nil
		})
		return result, err
	case "check_zip":
		err = arc.inZip(func(name string) error {
			cf, _ := modzip.CheckZip(m, name)
			result = lists(cf, "")
			return nil
		})
	case "create":
		var buf bytes.Buffer
		err := modzip.Create(&buf, m, interfaces(arc.content()))
		return created(m, buf.Bytes(), err)
	case "create_from_dir":
		err = arc.inDir(func(dir string) error {
			var buf bytes.Buffer
			err := modzip.CreateFromDir(&buf, m, dir)
			if err != nil {
				err = errors.New(strings.ReplaceAll(err.Error(), dir, "$work"))
			}
			result, err = created(m, buf.Bytes(), err)
			return err
		})
		return result, err
	case "unzip":
		result = object{}
	}
	if err != nil {
		return nil, err
	}
	data, err := arc.zip()
	if err != nil {
		return nil, err
	}
	result["zip"] = data
	if h1, err := accept(m, data); err != nil {
		result["error"] = vector.Text(err.Error())
	} else {
		result["h1"] = h1
	}
	return result, nil
}

func writeZip(out string) error {
	src, err := vector.Source("zip")
	if err != nil {
		return err
	}
	var tables []vector.Table
	for _, kind := range []string{"check_files", "check_dir", "check_zip", "create", "create_from_dir", "unzip"} {
		names, err := filepath.Glob(filepath.Join(src, "testdata", kind, "*.txt"))
		if err != nil {
			return err
		}
		table := vector.Table{Name: kind, Go: "testdata/" + kind + "/*.txt", Rows: len(names)}
		for _, name := range names {
			arc, err := readArchive(name)
			if err != nil {
				return err
			}
			result, err := judge(kind, arc)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			files := [][]vector.Text{}
			for _, f := range arc.content() {
				files = append(files, []vector.Text{vector.Text(f.name), vector.Text(f.data)})
			}
			result["name"] = arc.name
			result["path"] = vector.Text(arc.about["path"])
			result["version"] = vector.Text(arc.about["version"])
			result["files"] = files
			table.Cases = append(table.Cases, result)
		}
		tables = append(tables, table)
	}
	sizes, err := sizeTable(src)
	if err != nil {
		return err
	}
	vendored, err := vendorTable(src)
	if err != nil {
		return err
	}
	return vector.Write(filepath.Join(out, "zip.json"), "zip", append(tables, sizes, vendored, foldTable()))
}

func sizeTable(src string) (vector.Table, error) {
	goTables, err := vector.GoTables(filepath.Join(src, "zip_test.go"))
	if err != nil {
		return vector.Table{}, err
	}
	table := vector.Table{Name: "sizes", Go: "sizeLimitTests"}
	for _, t := range goTables {
		if t.Name == "sizeLimitTests" {
			table.Rows = len(t.Rows)
		}
	}
	for _, files := range [][]file{
		{{name: "large.go", size: modzip.MaxZipFile}},
		{{name: "large.go", size: modzip.MaxZipFile + 1}},
		{{name: "small.go", size: 10}, {name: "large.go", size: modzip.MaxZipFile - 10}},
		{{name: "small.go", size: 10}, {name: "large.go", size: modzip.MaxZipFile - 9}},
		{{name: "go.mod", size: modzip.MaxGoMod}},
		{{name: "go.mod", size: modzip.MaxGoMod + 1}},
		{{name: "LICENSE", size: modzip.MaxLICENSE}},
		{{name: "LICENSE", size: modzip.MaxLICENSE + 1}},
	} {
		cf, _ := modzip.CheckFiles(interfaces(files))
		result := lists(cf, "")
		entries := [][]any{}
		for _, f := range files {
			entries = append(entries, []any{f.name, f.size})
		}
		result["files"] = entries
		table.Cases = append(table.Cases, result)
	}
	return table, nil
}

// vendorTable asks about each path of TestIsVendoredPackage under each version of vendor_test.go.
func vendorTable(src string) (vector.Table, error) {
	goTables, err := vector.GoTables(filepath.Join(src, "vendor_test.go"))
	if err != nil {
		return vector.Table{}, err
	}
	table := vector.Table{Name: "vendored", Go: "TestIsVendoredPackage"}
	versions := []string{"", "1.7", "1.21rc2", "1.23", "1.23.1", "1.24rc1", "1.24", "1.24.0", "1.24.1rc1", "1.99", "2.0"}
	for _, t := range goTables {
		if t.Name != "TestIsVendoredPackage" {
			continue
		}
		table.Rows = len(t.Rows)
		for _, row := range t.Rows {
			vendored := object{}
			for _, version := range versions {
				goMod := []byte("module m\n")
				if version != "" {
					goMod = fmt.Appendf(goMod, "go %s\n", version)
				}
				cf, _ := modzip.CheckFiles(interfaces([]file{
					{name: "go.mod", size: int64(len(goMod)), data: goMod}, {name: row[0]},
				}))
				vendored[version] = len(cf.Omitted) == 1
			}
			table.Cases = append(table.Cases, object{"path": row[0], "vendored": vendored})
		}
	}
	return table, nil
}

// foldTable lists every rune with others that strings.EqualFold takes for it, and the least of them.
func foldTable() vector.Table {
	table := vector.Table{Name: "fold", Go: "(unicode.SimpleFold)"}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if least != r {
			table.Cases = append(table.Cases, []rune{r, least})
		}
	}
	table.Rows = len(table.Cases)
	return table
}

func writeDirhash(out string) error {
	src, err := vector.Source("sumdb/dirhash")
	if err != nil {
		return err
	}
	source, err := os.ReadFile(filepath.Join(src, "hash_test.go"))
	if err != nil {
		return err
	}
	sets := [][][2]string{
		// The files of TestHash1, TestHashDir and TestHashZip, and TestHash1's name with a newline.
		{{"xyz", "data for xyz"}, {"abc", "data for abc"}},
		{{"prefix/xyz", "data for xyz"}, {"prefix/abc", "data for abc"}},
		{{"xyz", "data for xyz"}, {"a\nbc", ""}},
		{},
		{{"go.mod", ""}},
		{{"go.mod", "module example.com/m\n"}},
		{{"a/b", "1"}, {"a.b", "2"}, {"a", "3"}, {"A", "4"}, {"a/", "5"}},
		{{"\uffff", "1"}, {"\U00010000", "2"}, {"\u00e9", "3"}, {"z", "4"}},
	}
	table := vector.Table{Name: "hash1", Go: "hash_test.go", Rows: len(sets)}
	for _, set := range sets {
		files := []string{}
		for _, f := range set {
			files = append(files, f[0])
		}
		h1, err := dirhash.Hash1(files, func(name string) (io.ReadCloser, error) {
			for _, f := range set {
				if f[0] == name {
					return io.NopCloser(strings.NewReader(f[1])), nil
				}
			}
			return nil, fs.ErrNotExist
		})
		table.Cases = append(table.Cases, object{"files": append([][2]string{}, set...), "h1": h1, "ok": err == nil})
	}
	tests := vector.Table{Name: "tests", Go: "hash_test.go", Rows: strings.Count(string(source), "\nfunc Test")}
	for _, name := range []string{"TestHash1", "TestHashDir", "TestHashZip", "TestDirFiles"} {
		tests.Cases = append(tests.Cases, name)
	}
	return vector.Write(filepath.Join(out, "dirhash.json"), "sumdb/dirhash", []vector.Table{table, tests})
}
