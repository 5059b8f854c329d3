package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/media"
)

// Table is what was found out about a machine. It is immutable once made.
type Table struct {
	FFmpeg  string    `json:"ffmpeg"`
	At      time.Time `json:"at"` // when it was measured
	Devices []Entry   `json:"devices"`
}

// Entry is a device and what came of trying it.
type Entry struct {
	Device
	Trials []Trial `json:"trials"` // one for each of Codecs
}

// Trial is what came of a few pictures on one device with one codec.
type Trial struct {
	Codec   media.Codec   `json:"codec"`
	Encoder string        `json:"encoder"` // what ffmpeg calls it
	Works   bool          `json:"works"`
	Reason  ffmpeg.Reason `json:"reason,omitempty"` // why not
	Detail  string        `json:"detail,omitempty"` // in ffmpeg's words
	Fix     string        `json:"fix,omitempty"`
	Speeds  []Speed       `json:"speeds,omitempty"` // by preset, the best picture first
}

// Speed is what a device encodes.
type Speed struct {
	Preset          string  `json:"preset"`
	PixelsPerSecond float64 `json:"pixelsPerSecond"` // of all its cores together
}

// Encodes reports whether any device encodes H.264, which every player decodes.
func (t *Table) Encodes() bool {
	for _, e := range t.Devices {
		if e.Trial(media.H264).Works {
			return true
		}
	}
	return false
}

// Device with the given ID; nil where there is none.
func (t *Table) Device(id string) *Entry {
	for i := range t.Devices {
		if t.Devices[i].ID == id {
			return &t.Devices[i]
		}
	}
	return nil
}

// Trial of a codec; the zero Trial, which does not work, where there was none.
func (e *Entry) Trial(c media.Codec) Trial {
	for _, t := range e.Trials {
		if t.Codec == c {
			return t
		}
	}
	return Trial{Codec: c}
}

// Speed of a preset in pixels a second; 0 where it is not known.
func (t Trial) Speed(preset string) float64 {
	for _, s := range t.Speeds {
		if s.Preset == preset {
			return s.PixelsPerSecond
		}
	}
	return 0
}

// kept is the file: a table holds for the machine that it was measured on.
type kept struct {
	Machine string `json:"machine"`
	Table   *Table `json:"table"`
}

// machine tells machines apart, by all that a measurement depends on.
func (f Facts) machine() string {
	parts := []string{f.FFmpeg}
	for _, d := range f.devices() {
		parts = append(parts, fmt.Sprintf("%s %s %s %d %d %s", d.ID, d.Name, d.Driver, d.Memory, d.Cores, d.shut))
	}
	return strings.Join(parts, "; ")
}

// load reads the table that was kept for this machine; nil where there is none.
func load(path, machine string) (*Table, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k kept
	if json.Unmarshal(text, &k) != nil || k.Machine != machine {
		return nil, nil // of another machine or another time: it is measured again
	}
	return k.Table, nil
}

// save keeps a table. The file is whole or not there, whenever we end.
func save(path, machine string, t *Table) error {
	text, err := json.MarshalIndent(kept{machine, t}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
