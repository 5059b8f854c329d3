package whip

import (
	"testing"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// BenchmarkPackets has one packet go through order and assembly, in a film of 6 Mb/s in packets of 1200 bytes.
func BenchmarkPackets(b *testing.B) {
	for _, f := range films {
		b.Run(string(f.codec), func(b *testing.B) {
			samples := f.samples(b)
			pack := f.pack()
			var packets []packet
			for i := range 60 {
				s := samples[i%len(samples)]
				if f.codec == media.H264 && !s.key { // a picture of 25 KB: its slice, and as much again of nothing
					s.unit = append(append([]byte(nil), s.unit...), make([]byte, 25000-len(s.unit))...)
					for j := len(s.unit) - 24000; j < len(s.unit); j++ {
						s.unit[j] = byte(j) | 1
					}
				}
				payloads := pack.Payload(1200, s.unit)
				for j, p := range payloads {
					packets = append(packets, packet{timestamp: uint32(i) * 3000, marker: j == len(payloads)-1, payload: p})
				}
			}
			r := &reorder{patience: patience}
			a := assembler{depacketizer: newDepacketizer(f.codec)}
			now := time.Now()
			units, bytes := 0, 0
			emit := func(u unit, _ uint32) { units, bytes = units+1, bytes+len(u.payload) }
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p := packets[i%len(packets)]
				p.sequence, p.arrived = uint16(i), now
				i++
				r.push(p)
				for {
					p, after, ok := r.pop(now)
					if !ok {
						break
					}
					a.push(p, after, emit)
				}
			}
			b.SetBytes(int64(bytes / max(i, 1)))
		})
	}
}
