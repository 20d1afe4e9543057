// An independent check of a log: Go's own note and tlog packages read what we wrote.
// Usage: verify FOLDER LOG_VERIFIER_KEY [WITNESS_VERIFIER_KEY COSIGNED_CHECKPOINT OLD_CHECKPOINT]
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(1)
	}
}

// cosigner checks the C2SP cosignature/v1 of a witness; note checks names and key hashes around it.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig[:8]), msg)
	return ed25519.Verify(c.key, []byte(text), sig[8:])
}

func parseCosigner(vkey string) cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	if len(key) != 33 || key[0] != 4 {
		must(fmt.Errorf("no cosignature key"))
	}
	var hash uint32
	_, err = fmt.Sscanf(parts[1], "%08x", &hash)
	must(err)
	return cosigner{parts[0], hash, ed25519.PublicKey(key[1:])}
}

type tiles struct{ folder string }

func (t tiles) Height() int                   { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range wanted {
		path := strings.TrimPrefix(tile.Path(), "tile/8/")
		content, err := os.ReadFile(filepath.Join(t.folder, "tile", path))
		if err != nil {
			return nil, err
		}
		out = append(out, content)
	}
	return out, nil
}

func open(text []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	return parsed(opened.Text)
}

func parsed(text string) tlog.Tree {
	lines := strings.Split(text, "\n")
	var size int64
	_, err := fmt.Sscanf(lines[1], "%d", &size)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	var hash tlog.Hash
	copy(hash[:], root)
	return tlog.Tree{N: size, Hash: hash}
}

func main() {
	folder, vkey := os.Args[1], os.Args[2]
	text, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err)
	tree := open(text, vkey)
	reader := tlog.TileHashReader(tree, tiles{folder})
	count := int64(0)
	for bundle := int64(0); bundle*256 < tree.N; bundle++ {
		width := tree.N - bundle*256
		name := filepath.Join(folder, "tile", "entries", fmt.Sprintf("%03d", bundle))
		if width < 256 {
			name += fmt.Sprintf(".p/%d", width)
		}
		content, err := os.ReadFile(name)
		must(err)
		for len(content) > 0 {
			length := int(binary.BigEndian.Uint16(content))
			entry := content[2 : 2+length]
			content = content[2+length:]
			proof, err := tlog.ProveRecord(tree.N, count, reader)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, count, tlog.RecordHash(entry)))
			count++
		}
	}
	if count != tree.N {
		must(fmt.Errorf("%d entries, the checkpoint says %d", count, tree.N))
	}
	if len(os.Args) > 3 {
		witness := parseCosigner(os.Args[3])
		cosigned, err := os.ReadFile(os.Args[4])
		must(err)
		opened, err := note.Open(cosigned, note.VerifierList(witness))
		must(err)
		newer := parsed(opened.Text)
		old, err := os.ReadFile(os.Args[5])
		must(err)
		older := open(old, vkey)
		proof, err := tlog.ProveTree(newer.N, older.N, reader)
		must(err)
		must(tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash))
	}
	fmt.Println("OK", count)
}
