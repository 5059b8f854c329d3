package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stagecast/stagecast/origin/store"
)

// disk is what may be kept on disk.
type disk struct {
	bytes int64 // 0: everything is in memory
	sync  bool  // against a loss of power
}

// parseDisk reads 20GB, or 20GB,sync.
func parseDisk(text string) (d disk, err error) {
	size, option, more := strings.Cut(text, ",")
	if more && option != "sync" {
		return d, fmt.Errorf("%q is neither a size such as 20GB nor one with ,sync behind it", text)
	}
	digits := strings.TrimRight(size, "kMGTB")
	unit, known := map[string]int64{"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[size[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > 1e18/unit {
		return d, fmt.Errorf("%q is not a size such as 500MB or 20GB", text)
	}
	d = disk{bytes: n * unit, sync: more}
	if d.bytes > 0 && d.bytes < 100e6 {
		return d, fmt.Errorf("%q is less than 100MB, which no stream can live with; 0 is for none", text)
	}
	return d, nil
}

// open opens what is kept under a data directory: nil, nil where nothing is.
func (d disk) open(data string, log *slog.Logger) (*store.Disk, *store.Tiered, error) {
	if d.bytes == 0 {
		return nil, nil, nil
	}
	files, err := store.OpenDisk(store.DiskConfig{Directory: filepath.Join(data, "media"), Cap: d.bytes, Sync: d.sync})
	if err != nil {
		return nil, nil, err
	}
	tiers, err := store.NewTiered(store.TieredConfig{}, files, log)
	if err != nil {
		files.Close()
		return nil, nil, err
	}
	return files, tiers, nil
}
