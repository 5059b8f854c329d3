package ingest_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// Whatever an encoder's timestamps do, readers see decode times that rise, and durations that are kept.
func TestPromisesAreKeptOnAnyWire(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rate := rapid.SampledFrom(append([]media.Rational{{}}, rates...)).Draw(rt, "claimed rate")
		frame := rapid.Float64Range(2, 120).Draw(rt, "frame in ms")
		jitter := rapid.Float64Range(0, 60).Draw(rt, "jitter in ms")
		at := rapid.Float64Range(0, 1<<32).Draw(rt, "start")
		d := newDesk(t, ingest.Config{})
		s := d.open()
		describe(t, s, rate, aac44)
		for i := range rapid.IntRange(2, 300).Draw(rt, "units") {
			track := rapid.SampledFrom([]int{picture, sound}).Draw(rt, "track")
			step := frame
			switch rapid.IntRange(0, 60).Draw(rt, "event") {
			case 0: // jump
				at += rapid.Float64Range(-1e7, 1e7).Draw(rt, "jump")
			case 1: // left out
				step *= rapid.Float64Range(1, 200).Draw(rt, "gap")
			case 2: // pause
				step += 5000
			}
			at += step
			d.now = d.now.Add(time.Duration(step * 1e6))
			wire := at + rapid.Float64Range(-1, 1).Draw(rt, "wobble")*jitter
			d.write(s, ingest.Unit{
				Track: track, DTS: int64(uint32(int64(wire))), Offset: rapid.Int64Range(-20, 200).Draw(rt, "offset"),
				RandomAccess: i%7 == 0, Payload: []byte{byte(i)},
			})
		}
		s.End(nil)
		for _, r := range d.read {
			r.keepsPromises(rt)
		}
	})
}

// FuzzSession drives sessions of one stream with nine bytes a unit: what to do, an offset, and a timestamp with the pause
// before it.
func FuzzSession(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x81\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00\x00\x80\x00\x00\x00\x00\x01\x12\x00\x00\x00\x00\x00\x00\x00\xff"))
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, script []byte) {
		d := newDesk(t, ingest.Config{})
		s := d.open()
		rate := 0
		describe(t, s, rates[rate], aac48)
		for i := 0; len(script) >= 9; script = script[9:] {
			i++
			d.now = d.now.Add(time.Duration(script[8]) * 25 * time.Millisecond)
			switch do := script[0]; {
			case do&4 != 0: // the other sound, and so another publication
				rate = (rate + 1) % len(rates)
				describe(t, s, rates[rate], [][]byte{aac44, aac48}[rate%2])
			case do&8 != 0:
				s.End(fmt.Errorf("cut off"))
				s = d.open()
				describe(t, s, rates[rate], aac48)
			default:
				d.write(s, ingest.Unit{
					Track: int(do & 3), Offset: int64(int16(binary.BigEndian.Uint16(script[1:]))) << (do & 0x10 >> 1),
					DTS: int64(binary.BigEndian.Uint32(script[4:])), RandomAccess: do&0x80 != 0 || i == 1, Payload: []byte{do},
				})
			}
		}
		s.End(nil)
		ends := make(map[int]float64)
		for _, r := range d.read {
			r.keepsPromises(t)
			for _, u := range r.units {
				rate := r.pub.Track(u.Track).ClockRate
				if end := media.Seconds(u.DTS, rate); end < ends[u.Track]-0.001 {
					t.Fatalf("media of track %d goes back from %f to %f", u.Track, ends[u.Track], end)
				} else {
					ends[u.Track] = end
				}
			}
		}
	})
}
