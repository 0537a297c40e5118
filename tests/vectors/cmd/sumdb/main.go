// Command sumdb writes what golang.org/x/mod says about signed notes, transparency logs and tiles.
//
// The inputs are those of x/mod's own tests, read from their source, and some corners more; the
// outputs are those of the real functions. Run it in tests/vectors:
//
//	go run ./cmd/sumdb -out data
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A file is one file of vectors: tables by name, each with the count of rows in x/mod's table.
type file struct {
	Source string           `json:"source"`
	Tables map[string]table `json:"tables"`
}

type table struct {
	Go    string `json:"go"`
	Rows  int    `json:"rows"`
	Cases []any  `json:"cases"`
}

type row map[string]any

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "folder to write the vectors to")
	flag.Parse()
	if *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	src := load("golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog")
	write(*out, "note", file{"golang.org/x/mod/sumdb/note", noteTables(src)})
	write(*out, "tlog", file{"golang.org/x/mod/sumdb/tlog", tlogTables(src)})
	write(*out, "tiles", file{"golang.org/x/mod/sumdb/tlog", tileTables(src)})
}

func write(folder, name string, f file) {
	data, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".json"), append(data, '\n'), 0o666); err != nil {
		log.Fatal(err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// b64 carries bytes that need not be UTF-8.
func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// manglings are those of TestNewVerifier and TestNewSigner: every proper substring, every byte plus one.
func manglings(key string) []string {
	var all []string
	for i := 0; i <= len(key); i++ {
		for j := i + 1; j <= len(key); j++ {
			if i != 0 || j != len(key) {
				all = append(all, key[i:j])
			}
		}
	}
	for i := range key {
		b := []byte(key)
		b[i]++
		all = append(all, string(b))
	}
	return all
}

func noteTables(src *source) map[string]table {
	tables := map[string]table{}
	vkey := src.str("TestNewVerifier", "vkey")
	skey := src.str("TestNewSigner", "skey")

	keyCase := func(key string) row {
		v, err := note.NewVerifier(key)
		r := row{"key": key, "ok": err == nil, "error": errText(err)}
		if err == nil {
			r["name"], r["hash"] = v.Name(), v.KeyHash()
		}
		return r
	}
	bad := src.calls("TestNewVerifier", "badKey")
	var keys []any
	for _, key := range bad {
		keys = append(keys, keyCase(key))
	}
	rows := len(keys)
	tables["bad_keys"] = table{"TestNewVerifier badKey", rows, keys}

	body := strings.SplitN(vkey, "+", 3)
	var corners []any
	for _, key := range []string{
		vkey, vkey + "\n", vkey[:60] + "\r\n" + vkey[60:], vkey + " ", strings.ToUpper(body[1]), "", "+", "++",
		body[0] + "+" + strings.ToUpper(body[1]) + "+" + body[2], body[0] + "++" + body[2], vkey + "+x",
		"https://sum.golang.google.cn", "sum.golang.org", "a b" + vkey, "ä\u0085" + vkey, body[0] + "+" + body[1] + "+",
		body[0] + "+" + body[1] + "+" + body[2] + "=", "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
		"localhost.localdev/sumdb+00000c67+AcTrnkbUA+TU4heY3hkjiSES/DSQniBqIeQ/YppAUtK6",
	} {
		corners = append(corners, keyCase(key))
	}
	tables["keys"] = table{"", 0, corners}

	// The manglings are made again by the test; here stands that the real functions refuse them all.
	accepted := func(key string, parse func(string) error) row {
		list := manglings(key)
		var ok []string
		for _, k := range list {
			if parse(k) == nil {
				ok = append(ok, k)
			}
		}
		return row{"key": key, "count": len(list), "accepted": ok}
	}
	tables["manglings"] = table{"TestNewVerifier, TestNewSigner", 2, []any{
		accepted(vkey, func(k string) error { _, err := note.NewVerifier(k); return err }),
		accepted(skey, func(k string) error { _, err := note.NewSigner(k); return err }),
	}}

	text := src.str("TestSign", "text")
	signer, err := note.NewSigner(src.str("TestSign", "skey"))
	if err != nil {
		log.Fatal(err)
	}
	signCase := func(n *note.Note, signers ...note.Signer) row {
		msg, err := note.Sign(n, signers...)
		r := row{"text": n.Text, "signers": len(signers), "ok": err == nil, "error": errText(err), "message": string(msg)}
		var sigs []any
		for _, s := range n.Sigs {
			sigs = append(sigs, row{"name": s.Name, "hash": s.Hash, "base64": s.Base64})
		}
		r["sigs"] = sigs
		return r
	}
	// Two of the calls in TestSign are given signers that only Go can have.
	tables["sign"] = table{"TestSign", src.count("TestSign", "Sign") - 2, []any{
		signCase(&note.Note{Text: text}, signer),
		signCase(&note.Note{Text: text, Sigs: []note.Signature{{Name: "PeterNeumann", Hash: 0xc74f20a3, Base64: "BADSIGN="}}}, signer),
		signCase(&note.Note{Text: "abc"}, signer),
		signCase(&note.Note{Text: text, Sigs: []note.Signature{{Name: "a+b", Base64: "ABCD"}}}),
		signCase(&note.Note{Text: text, Sigs: []note.Signature{{Name: "PeterNeumann", Hash: 0xc74f20a3, Base64: "BADHASH="}}}),
	}}
	tables["more_sign"] = table{"", 0, []any{
		signCase(&note.Note{Text: text, Sigs: []note.Signature{{Name: "EnochRoot", Hash: 0xaf0cfe78, Base64: "rwz+eBzmZa0SO3Nb"}}}, signer),
		signCase(&note.Note{Text: ""}, signer),
	}}

	peterKey, enochKey := src.str("TestOpen", "peterKey"), src.str("TestOpen", "enochKey")
	peter, _ := note.NewVerifier(peterKey)
	enoch, _ := note.NewVerifier(enochKey)
	text = src.str("TestOpen", "text")
	peterSig, enochSig := src.str("TestOpen", "peterSig"), src.str("TestOpen", "enochSig")
	lists := map[string]note.Verifiers{
		"":                  note.VerifierList(),
		"peter":             note.VerifierList(peter),
		"peter enoch":       note.VerifierList(peter, enoch),
		"enoch peter enoch": note.VerifierList(enoch, peter, enoch),
	}
	openCase := func(msg, known string) row {
		n, err := note.Open([]byte(msg), lists[known])
		r := row{"message": b64([]byte(msg)), "known": known, "ok": err == nil, "error": errText(err)}
		if e, ok := err.(*note.UnverifiedNoteError); ok {
			n, r["unverified"] = e.Note, true
		}
		if n != nil {
			r["text"] = n.Text
			names := func(list []note.Signature) []string {
				all := []string{}
				for _, s := range list {
					all = append(all, fmt.Sprintf("%s %08x %s", s.Name, s.Hash, s.Base64))
				}
				return all
			}
			r["sigs"], r["unverified_sigs"] = names(n.Sigs), names(n.UnverifiedSigs)
		}
		return r
	}
	abcd := func(sig string) string { return sig[:60] + "ABCD" + sig[60:] }
	opened := []any{
		openCase(text+"\n"+peterSig+enochSig, "peter"),
		openCase(text+"\n"+peterSig+enochSig, "peter enoch"),
		openCase(text+"\n"+peterSig+enochSig, ""),
		openCase(text+"\n"+enochSig, "enoch peter enoch"),
		openCase(text+"\n"+peterSig, "enoch peter enoch"),
		openCase(text+"\n"+strings.Repeat(peterSig, 101), "peter"),
		openCase(text+"\n"+strings.Repeat(peterSig, 101), ""),
		openCase(text+"\n"+strings.Repeat(peterSig, 100), "peter"),
		openCase(text+"\n"+abcd(peterSig), "peter"),
		openCase(text+"\n"+peterSig+peterSig+enochSig+enochSig+abcd(enochSig), "peter"),
	}
	tables["open"] = table{"", 0, opened}
	var badMessages []any
	list := src.list("TestOpen", "badMsgs")
	for _, msg := range list {
		badMessages = append(badMessages, openCase(msg, "peter"))
	}
	tables["bad_messages"] = table{"badMsgs", len(list), badMessages}
	var more []any
	for _, msg := range []string{
		"", "\n", "\n\n", "\n\n\n", text + "\n\n" + peterSig, "\n" + text + "\n" + peterSig, text + peterSig,
		text + "\n" + strings.TrimSuffix(peterSig, "\n") + "\r\n", text + "\t\n" + peterSig, text + "\x7f\n\n" + peterSig,
		text + "\n" + peterSig + "\n", text + "\n" + strings.Replace(peterSig, "—", "-", 1),
		text + "\n— PeterNeumann\n", text + "\n— PeterNeumann \n", text + "\n— PeterNeumann AAAA\n",
		text + "\n— PeterNeumann AAAAAAA=\n", text + "\n— PeterNeumann AAAAAAAA=\n", text + "\n— Peter+Neumann AAAAAAAA\n",
		text + "\n—  AAAAAAAA\n", text + "\n— Peter\u00a0Neumann AAAAAAAA\n", text + "\n— Peter\u200bNeumann AAAAAAAA\n",
		text + "\n" + strings.Replace(peterSig, "wJnAM=", "wJnAN=", 1), text + "\ned\xa0\x80\n" + peterSig,
		text + "\n— PeterNeumann AAAA AAAA\n", strings.Replace(text, "cryptography", "kryptography", 1) + "\n" + peterSig,
	} {
		more = append(more, openCase(msg, "peter"))
	}
	tables["messages"] = table{"", 0, more}
	return tables
}

func tlogTables(src *source) map[string]table {
	tables := map[string]table{}

	treeCase := func(in string) row {
		tree, err := tlog.ParseTree([]byte(in))
		r := row{"in": b64([]byte(in)), "ok": err == nil}
		if err == nil {
			r["n"], r["hash"], r["formatted"] = tree.N, tree.Hash.String(), string(tlog.FormatTree(tree))
		}
		return r
	}
	trees := func(list []string) (cases []any) {
		for _, in := range list {
			cases = append(cases, treeCase(in))
		}
		return cases
	}
	in := src.str("TestParseTree", "in")
	bad, good := src.list("TestParseTree", "badTrees"), src.list("TestParseTree", "goodTrees")
	tables["bad_trees"] = table{"badTrees", len(bad), trees(bad)}
	tables["good_trees"] = table{"goodTrees", len(good), trees(good)}
	hash := strings.Split(in, "\n")[2]
	tables["trees"] = table{"", 0, trees([]string{
		in, "", "go.sum database tree\n", "go.sum database tree\n1\n", "go.sum database tree\n1\n" + hash,
		"go.sum database tree\n01\n" + hash + "\n", "go.sum database tree\n-1\n" + hash + "\n",
		"go.sum database tree\n+1\n" + hash + "\n", "go.sum database tree\n1_0\n" + hash + "\n",
		"go.sum database tree\n9223372036854775807\n" + hash + "\n", "go.sum database tree\n9223372036854775808\n" + hash + "\n",
		"go.sum database tree\n١\n" + hash + "\n", "go.sum database tree\n1 \n" + hash + "\n", "go.sum database tree\r\n1\n" + hash + "\n",
		"go.sum database tree\n1\n" + hash[:40] + "\r" + hash[40:] + "\n", "go.sum database tree\n1\n" + hash[:43] + "\n",
		"go.sum database tree\n1\n" + hash + "=\n", "go.sum database tree\n1\n\xff" + hash[1:] + "\n",
		"go.sum database tree v2\n1\n" + hash + "\n", in + strings.Repeat("x", 1000000),
	}[:19])}

	recordCase := func(in string) row {
		id, text, rest, err := tlog.ParseRecord([]byte(in))
		return row{"in": b64([]byte(in)), "ok": err == nil, "id": id, "text": b64(text), "rest": b64(rest)}
	}
	records := func(list []string) (cases []any) {
		for _, in := range list {
			cases = append(cases, recordCase(in))
		}
		return cases
	}
	badRecords := src.list("TestParseRecord", "badRecords")
	tables["bad_records"] = table{"badRecords", len(badRecords), records(badRecords)}
	tables["records"] = table{"", 0, records([]string{
		"123456789012\nhello, world\n\njunk on end\x01\xff", "123456789012\nhello, world\n\n", "", "\n", "\n\n\n", "1\n\n", "1\n\n\n",
		"1\n\n\n\n", "1\na\n\n", "1\na\n\n\n", "-1\na\n\n", "+1\na\n\n", "01\na\n\n", "1 \na\n\n", " 1\na\n\n", "1_0\na\n\n", "١\na\n\n",
		"9223372036854775807\na\n\n", "9223372036854775808\na\n\n", "-9223372036854775808\na\n\n", "-9223372036854775809\na\n\n",
		"1\na\r\n\n", "1\na\t\n\n", "1\na\x7f\n\n", "1\na\xed\xa0\x80\n\n", "1\na\nb\n\nc\n\n", "1\r\na\n\n",
	})}
	badTexts := src.list("TestFormatRecord", "badTexts")
	formatCase := func(text string) row {
		msg, err := tlog.FormatRecord(7, []byte(text))
		return row{"text": b64([]byte(text)), "ok": err == nil, "message": b64(msg)}
	}
	var texts []any
	for _, text := range badTexts {
		texts = append(texts, formatCase(text))
	}
	tables["bad_texts"] = table{"badTexts", len(badTexts), texts}
	tables["texts"] = table{"", 0, []any{
		formatCase(src.str("TestFormatRecord", "text")), formatCase("\n"), formatCase("a\n"), formatCase("a\nb\n"), formatCase("a\n\n"),
		formatCase("\na\n"), formatCase("ä\n"), formatCase("\xff\n"),
	}}

	// TestTree: a log of 100 records "leaf N"; stored hashes, tree hashes and all proofs.
	const size = 100
	var hashes storage
	var cases []any
	for i := int64(0); i < size; i++ {
		data := fmt.Appendf(nil, "leaf %d", i)
		stored, err := tlog.StoredHashes(i, data, hashes)
		check(err)
		hashes = append(hashes, stored...)
		th, err := tlog.TreeHash(i+1, hashes)
		check(err)
		var recordProofs, treeProofs []byte
		for j := int64(0); j <= i; j++ {
			rp, err := tlog.ProveRecord(i+1, j, hashes)
			check(err)
			check(tlog.CheckRecord(rp, i+1, th, j, tlog.RecordHash(fmt.Appendf(nil, "leaf %d", j))))
			for _, h := range rp {
				recordProofs = append(recordProofs, h[:]...)
			}
			tp, err := tlog.ProveTree(i+1, j+1, hashes)
			check(err)
			for _, h := range tp {
				treeProofs = append(treeProofs, h[:]...)
			}
		}
		var new []byte
		for _, h := range stored {
			new = append(new, h[:]...)
		}
		cases = append(cases, row{
			"size": i + 1, "tree": th.String(), "stored": b64(new), "count": tlog.StoredHashCount(i + 1),
			"record_proofs": digest(recordProofs), "tree_proofs": digest(treeProofs),
		})
	}
	tables["tree"] = table{"TestTree", src.rangeOf("TestTree"), cases}

	var indexes []any
	for l := range 10 {
		for n := range int64(100) {
			indexes = append(indexes, []int64{int64(l), n, tlog.StoredHashIndex(l, n)})
		}
	}
	tables["indexes"] = table{"TestSplitStoredHashIndex", 1000, indexes}
	return tables
}

func tileTables(src *source) map[string]table {
	tables := map[string]table{}
	pathCase := func(path string) row {
		t, err := tlog.ParseTilePath(path)
		r := row{"path": path, "ok": err == nil}
		if err == nil {
			r["tile"] = []int64{int64(t.H), int64(t.L), t.N, int64(t.W)}
		}
		return r
	}
	list := src.firsts("tilePaths")
	var paths []any
	for _, path := range list {
		paths = append(paths, pathCase(path))
	}
	tables["paths"] = table{"tilePaths", len(list), paths}
	seeds := src.calls("FuzzParseTilePath", "Add")
	var more []any
	for _, path := range seeds {
		more = append(more, pathCase(path))
	}
	tables["fuzz_paths"] = table{"FuzzParseTilePath", len(seeds), more}
	more = nil
	for _, path := range []string{
		"", "tile", "tile/8/0", "tile/8/0/", "tile/8/0/0", "tile/8/0/000", "tile/8/0/0000", "tile/08/0/000", "tile/+8/0/000", "tile/8/00/000",
		"tile/8/-0/000", "tile/8/+1/000", "tile/0/0/000", "tile/30/0/000", "tile/31/0/000", "tile/-1/0/000", "tile/8/64/000", "tile/8/999/000",
		"tile/8/0/000.p/0", "tile/8/0/000.p/1", "tile/8/0/000.p/255", "tile/8/0/000.p/256", "tile/8/0/000.p/01", "tile/8/0/000.p/+1", "tile/8/0/000.p/",
		"tile/8/0/000.p", "tile/8/0/.p/1", "tile/8/0/x000/001", "tile/8/0/x001/000", "tile/8/0/x001/x000", "tile/8/0/001/000", "tile/8/0/X001/000",
		"tile/8/0/xx01/000", "tile/8/0/x001//000", "/tile/8/0/000", "tile/8/0/000/", "tile/8/0/٠٠٠", "tile/8/0/ 00", "tile/8/data/000", "tile/8/data/000.p/3",
		"tile/8/Data/000", "tile/8/data.p/3", "tile/8/0/x009/x223/x372/x036/x854/x775/807", "tile/1/0/x001/x002/x003/x004/x005/x006/007.p/1", "tile/8/0/000.p/1/x",
	} {
		more = append(more, pathCase(path))
	}
	tables["more_paths"] = table{"", 0, more}

	tilesCase := func(h int, p [2]int64) row {
		tiles := tlog.NewTiles(h, p[0], p[1])
		var all []byte
		for _, t := range tiles {
			all = append(all, (t.Path() + "\n")...)
		}
		return row{"h": h, "old": p[0], "new": p[1], "count": len(tiles), "paths": digest(all)}
	}
	var sizes []any
	pairs := src.pairs("TestNewTilesForSize")
	for _, p := range pairs {
		sizes = append(sizes, tilesCase(10, p))
	}
	tables["new_tiles"] = table{"TestNewTilesForSize", len(pairs), sizes}
	sizes = nil
	for _, p := range [][2]int64{{0, 0}, {0, 1}, {0, 255}, {0, 256}, {256, 257}, {0, 7000}, {6999, 7000}} {
		for _, h := range []int{1, 2, 8} {
			sizes = append(sizes, tilesCase(h, p))
		}
	}
	tables["more_new_tiles"] = table{"", 0, sizes}

	// TestTree and TestTileHashReader: tiles of height 2 of a log of 100 records, and which tiles prove a record.
	var hashes storage
	var cases []any
	for i := int64(0); i < 100; i++ {
		stored, err := tlog.StoredHashes(i, fmt.Appendf(nil, "leaf %d", i), hashes)
		check(err)
		hashes = append(hashes, stored...)
		th, err := tlog.TreeHash(i+1, hashes)
		check(err)
		var data []byte
		for _, t := range tlog.NewTiles(2, 0, i+1) {
			d, err := tlog.ReadTileData(t, hashes)
			check(err)
			data = append(data, d...)
		}
		var asked []byte
		for j := int64(0); j < tlog.StoredHashIndex(0, i+1); j++ {
			r := &recorder{hashes: hashes}
			_, err := tlog.TileHashReader(tlog.Tree{N: i + 1, Hash: th}, r).ReadHashes([]int64{j})
			check(err)
			asked = append(asked, (strings.Join(r.paths, " ") + "\n")...)
		}
		cases = append(cases, row{"size": i + 1, "tiles": digest(data), "asked": digest(asked)})
	}
	tables["tree"] = table{"TestTree", src.rangeOf("TestTree"), cases}

	var places []any
	for _, h := range []int{1, 2, 8} {
		for x := int64(0); x < 2000; x += 7 {
			t := tlog.TileForIndex(h, x)
			places = append(places, []int64{int64(h), x, int64(t.L), t.N, int64(t.W)})
		}
	}
	tables["places"] = table{"", 0, places}
	return tables
}

type storage []tlog.Hash

func (s storage) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

// A recorder serves tiles of height 2 and notes which were asked for.
type recorder struct {
	hashes storage
	paths  []string
}

func (r *recorder) Height() int { return 2 }

func (r *recorder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		data, err := tlog.ReadTileData(t, r.hashes)
		if err != nil {
			return nil, err
		}
		r.paths = append(r.paths, t.Path())
		out = append(out, data)
	}
	return out, nil
}

func (r *recorder) SaveTiles([]tlog.Tile, [][]byte) {}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
