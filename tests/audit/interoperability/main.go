// Checks a log with nothing but golang.org/x/mod/sumdb: two checkpoints, the tiles of the newer one,
// and the proofs that this product made. Reads one JSON object, prints the size when all of it holds.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type question struct {
	Folder, Key, Older string
	Leaf               string
	Index              int64
	Inclusion          tlog.RecordProof
	Consistency        tlog.TreeProof
}

// folder reads tiles where C2SP tlog-tiles puts them: as in tlog, without the height in the path.
type folder string

func (f folder) Height() int                     { return height }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		read, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		data = append(data, read)
	}
	return data, nil
}

func open(message []byte, key string) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// built computes the root from the leaf hashes in the lowest tiles alone.
func built(tree tlog.Tree, leaves tlog.HashReader) (tlog.Hash, error) {
	var stored []tlog.Hash
	memory := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	indexes := make([]int64, tree.N)
	for leaf := range indexes {
		indexes[leaf] = tlog.StoredHashIndex(0, int64(leaf))
	}
	read, err := leaves.ReadHashes(indexes)
	if err != nil {
		return tlog.Hash{}, err
	}
	for leaf, hash := range read {
		hashes, err := tlog.StoredHashesForRecordHash(int64(leaf), hash, memory)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, hashes...)
	}
	return tlog.TreeHash(tree.N, memory)
}

func check(asked question) (int64, error) {
	message, err := os.ReadFile(filepath.Join(asked.Folder, "checkpoint"))
	if err != nil {
		return 0, err
	}
	tree, err := open(message, asked.Key)
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	tiles := tlog.TileHashReader(tree, folder(asked.Folder)) // checks the upper tiles against the root
	root, err := built(tree, tiles)
	if err != nil {
		return 0, fmt.Errorf("tiles: %w", err)
	}
	if root != tree.Hash {
		return 0, fmt.Errorf("tiles: the leaves have another root")
	}
	leaf := tlog.RecordHash([]byte(asked.Leaf))
	if err := tlog.CheckRecord(asked.Inclusion, tree.N, tree.Hash, asked.Index, leaf); err != nil {
		return 0, fmt.Errorf("inclusion: %w", err)
	}
	older, err := open([]byte(asked.Older), asked.Key)
	if err != nil {
		return 0, fmt.Errorf("older checkpoint: %w", err)
	}
	if err := tlog.CheckTree(asked.Consistency, tree.N, tree.Hash, older.N, older.Hash); err != nil {
		return 0, fmt.Errorf("consistency: %w", err)
	}
	return tree.N, nil
}

func main() {
	var asked question
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	if err == nil {
		var size int64
		if size, err = check(asked); err == nil {
			fmt.Println(size)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
