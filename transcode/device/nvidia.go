package device

import (
	"strconv"
	"strings"
)

// The questions to nvidia-smi, and those that every version of it knows.
const (
	queryOld = "index,name,driver_version,memory.total,memory.used,utilization.gpu,encoder.stats.sessionCount"
	query    = queryOld + ",utilization.encoder,utilization.decoder"
)

// GPU is an NVIDIA device as its driver tells of it at one moment. What it does not know is -1.
type GPU struct {
	Index                  int
	Name, Driver           string
	Memory, Used           int64   // bytes
	Load, Encoder, Decoder float64 // shares of what they can do, 0 to 1
	Sessions               int     // open at the encoder, ours and others'
}

// ID of its Device.
func (g GPU) ID() string { return string(NVIDIA) + strconv.Itoa(g.Index) }

// GPUs reads the answer of nvidia-smi. A line that is none, such as a complaint about one that was lost, is left out.
func (f Facts) GPUs() (out []GPU) {
	for line := range strings.Lines(f.NVIDIA) {
		v := strings.Split(strings.TrimSpace(line), ", ")
		if len(v) < 7 {
			continue
		}
		index, err := strconv.Atoi(v[0])
		if err != nil {
			continue
		}
		g := GPU{Index: index, Name: v[1], Driver: v[2], Load: share(v[5]), Encoder: -1, Decoder: -1, Sessions: int(number(v[6]))}
		g.Memory, g.Used = int64(number(v[3])*(1<<20)), int64(number(v[4])*(1<<20))
		if len(v) > 8 {
			g.Encoder, g.Decoder = share(v[7]), share(v[8])
		}
		out = append(out, g)
	}
	return out
}

// number is -1 for "[N/A]" and "[Not Supported]".
func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return -1
	}
	return n
}

func share(s string) float64 {
	if n := number(s); n >= 0 {
		return n / 100
	}
	return -1
}
