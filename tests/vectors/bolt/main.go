// Command bolt writes bbolt files, and what is in them, for readers of the format to be compared with.
//
//	go run . -out ../data/bolt           the small files that are checked in
//	go run . -out DIR -entries 50000     large ones: many pages, values over several pages
//
// Beside each NAME.db lies NAME.json: a bucket is an object, a value a string, both by key, in hex.
package main

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "folder to write to")
	entries := flag.Int("entries", 0, "how many entries large files get; 0: the small files")
	flag.Parse()
	if *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	files := map[string]func(*bbolt.DB) error{
		"empty": func(*bbolt.DB) error { return nil },
		"tree":  func(db *bbolt.DB) error { return tree(db, 60) },
		"trivy": func(db *bbolt.DB) error { return trivy(db, 0) },
	}
	pageSize := 1024
	if *entries > 0 {
		pageSize = 4096
		files = map[string]func(*bbolt.DB) error{
			"many":  func(db *bbolt.DB) error { return tree(db, *entries) },
			"trivy": func(db *bbolt.DB) error { return trivy(db, *entries) },
		}
	}
	for name, fill := range files {
		if err := write(*out, name, pageSize, fill); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

func write(folder, name string, pageSize int, fill func(*bbolt.DB) error) error {
	path := filepath.Join(folder, name+".db")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	db, err := bbolt.Open(path, 0o666, &bbolt.Options{PageSize: pageSize, NoSync: true, InitialMmapSize: 1 << 16})
	if err != nil {
		return err
	}
	if err := fill(db); err != nil {
		return err
	}
	var content any
	err = db.View(func(tx *bbolt.Tx) error {
		all := map[string]any{}
		content = all
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			all[hex.EncodeToString(name)] = dump(b)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".json"), data, 0o666)
}

func dump(b *bbolt.Bucket) map[string]any {
	found := map[string]any{}
	_ = b.ForEach(func(k, v []byte) error {
		if v == nil {
			found[hex.EncodeToString(k)] = dump(b.Bucket(k))
		} else {
			found[hex.EncodeToString(k)] = hex.EncodeToString(v)
		}
		return nil
	})
	return found
}

// tree has every form of a bucket: empty, within a page, over many pages, in another, partly deleted; and
// values that need several pages.
func tree(db *bbolt.DB, entries int) error {
	random := rand.New(rand.NewSource(1))
	for round := range 3 {
		err := db.Update(func(tx *bbolt.Tx) error {
			for _, name := range []string{"empty", "inline", "pages", "nested", "big"} {
				b, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				switch name {
				case "inline":
					err = b.Put([]byte("key"), []byte{byte(round)})
				case "pages":
					for i := range entries {
						key := fmt.Sprintf("key-%08d", random.Intn(1<<24)+i)
						if err = b.Put([]byte(key), make([]byte, random.Intn(120))); err != nil {
							return err
						}
					}
				case "nested":
					for depth := range 10 {
						if b, err = b.CreateBucketIfNotExists([]byte{byte('a' + depth)}); err != nil {
							return err
						}
						if err = b.Put([]byte("here"), []byte{byte(depth)}); err != nil {
							return err
						}
					}
				case "big":
					for i := range 3 {
						value := make([]byte, 1000*(i+1)*(1+entries/100))
						random.Read(value)
						if err = b.Put([]byte{byte(i)}, value); err != nil {
							return err
						}
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return db.Update(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte("pages")).Cursor()
		for key, i := cursor2(cursor.First()), 0; key != nil; key, i = cursor2(cursor.Next()), i+1 {
			if i%7 == 0 {
				if err := cursor.Delete(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func cursor2(key, _ []byte) []byte { return key }

type object = map[string]any

// trivy has the buckets that Trivy's database has for Go, and more advisories where entries is not 0.
func trivy(db *bbolt.DB, entries int) error {
	github := map[string]map[string]object{
		"example.com/range": {
			"CVE-2024-0001": {"PatchedVersions": []string{"1.2.3"}, "VulnerableVersions": []string{"<1.2.3"}},
			"CVE-2024-0002": {"VendorIDs": []string{"GHSA-aaaa-bbbb-cccc"},
				"PatchedVersions":    []string{"1.4.1", "2.0.5"},
				"VulnerableVersions": []string{">=1.0, <1.4.1", ">= 2.0.0, <= 2.0.4"}},
		},
		"example.com/range/v2": {
			"CVE-2024-0002": {"VulnerableVersions": []string{"<=2.3.0"}},
		},
		"example.com/one": {"GHSA-dddd-eeee-ffff": {"VulnerableVersions": []string{"=0.1.0"}}},
		"example.com/bad": {"CVE-2024-0003": {"VulnerableVersions": []string{"~banana"}}},
	}
	for i := range entries {
		github[fmt.Sprintf("example.com/m%06d", i)] = map[string]object{
			fmt.Sprintf("CVE-2025-%06d", i): {"VulnerableVersions": []string{fmt.Sprintf("<1.%d.0", i)}},
		}
	}
	vulnerabilities := map[string]object{
		"CVE-2024-0001": {"Title": "one", "VendorSeverity": object{"nvd": 4, "redhat": 2},
			"CVSS":          object{"nvd": object{"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8}},
			"PublishedDate": "2024-01-02T03:04:05Z", "LastModifiedDate": "2024-02-02T03:04:05.5Z"},
		"CVE-2024-0002": {"Title": "two", "VendorSeverity": object{"ghsa": 3, "nvd": 4},
			"CVSS": object{"ghsa": object{"V3Score": 7.5}}},
		"CVE-2024-0009": {"Title": "known to another database alone", "VendorSeverity": object{"nvd": 3},
			"LastModifiedDate": "2024-02-02T03:04:05Z"},
	}
	return db.Update(func(tx *bbolt.Tx) error {
		if err := put(tx, github, "go::GitHub Security Advisory Go"); err != nil {
			return err
		}
		if err := put(tx, map[string]map[string]object{"left-pad": {"CVE-2024-0001": {}}}, "npm::GitHub"); err != nil {
			return err
		}
		b, err := tx.CreateBucketIfNotExists([]byte("vulnerability"))
		if err != nil {
			return err
		}
		return values(b, vulnerabilities)
	})
}

func put(tx *bbolt.Tx, modules map[string]map[string]object, source string) error {
	top, err := tx.CreateBucketIfNotExists([]byte(source))
	if err != nil {
		return err
	}
	for module, advisories := range modules {
		b, err := top.CreateBucketIfNotExists([]byte(module))
		if err != nil {
			return err
		}
		if err := values(b, advisories); err != nil {
			return err
		}
	}
	return nil
}

func values(b *bbolt.Bucket, all map[string]object) error {
	for id, value := range all {
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if err := b.Put([]byte(id), data); err != nil {
			return err
		}
	}
	return nil
}
