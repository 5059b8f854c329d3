// Package cmaftest makes small CMAF tracks for tests, with a library that shares nothing with our own writer and reader.
//
// The pictures and sounds cannot be decoded: what is true of them is their boxes, their times, and the types of their NAL
// units.
package cmaftest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/Eyevinn/mp4ff/aac"
	"github.com/Eyevinn/mp4ff/mp4"
)

// Codecs of the headers, as CODECS should say them, and the size of the pictures.
const (
	VideoCodec    = "avc1.640020"
	AudioCodec    = "mp4a.40.2"
	Width, Height = 1280, 720

	VideoScale = 90000
	AudioScale = 48000
)

// VideoHeader is a CMAF header of one AVC track.
func VideoHeader(tb testing.TB) []byte {
	sps, err := hex.DecodeString("67640020accac05005bb0169e0000003002000000c9c4c000432380008647c12401cb1c31380")
	must(tb, err)
	init := mp4.CreateEmptyInit()
	trak := init.AddEmptyTrack(VideoScale, "video", "und")
	must(tb, trak.SetAVCDescriptor("avc1", [][]byte{sps}, [][]byte{{0x68, 0xB5, 0xDF, 0x20}}, true))
	return header(tb, init)
}

// AudioHeader is a CMAF header of one AAC track.
func AudioHeader(tb testing.TB) []byte {
	init := mp4.CreateEmptyInit()
	trak := init.AddEmptyTrack(AudioScale, "audio", "en")
	must(tb, trak.SetAACDescriptor(aac.AAClc, AudioScale))
	return header(tb, init)
}

func header(tb testing.TB, init *mp4.InitSegment) []byte {
	init.Ftyp = mp4.NewFtyp("iso6", 0, []string{"iso6", "cmfc"})
	init.Children[0] = init.Ftyp
	// The library puts mvex in front of the track; RFC 8216bis 3.1.2 wants it behind.
	slices.SortStableFunc(init.Moov.Children, func(a, b mp4.Box) int { return cmp.Compare(rank[a.Type()], rank[b.Type()]) })
	var b bytes.Buffer
	must(tb, init.Encode(&b))
	return b.Bytes()
}

var rank = map[string]int{"mvhd": 0, "trak": 1, "mvex": 2}

// Sample is one access unit to write.
type Sample struct {
	Duration uint32
	Offset   int32 // PTS−DTS
	Sync     bool
	Data     []byte
}

// Chunk is a moof and an mdat with samples of track 1 from a decode time on.
func Chunk(tb testing.TB, sequence uint32, decodeTime uint64, samples ...Sample) []byte {
	f, err := mp4.CreateFragment(sequence, 1)
	must(tb, err)
	for _, s := range samples {
		flags := mp4.NonSyncSampleFlags | mp4.SampleDependsOn1
		if s.Sync {
			flags = mp4.SyncSampleFlags
		}
		f.AddFullSample(mp4.FullSample{Sample: mp4.NewSample(flags, s.Duration, uint32(len(s.Data)), s.Offset), DecodeTime: decodeTime, Data: s.Data})
		decodeTime += uint64(s.Duration)
	}
	var b bytes.Buffer
	must(tb, f.Encode(&b))
	return b.Bytes()
}

// Picture is a sample of one AVC slice of that many bytes, which are of no value.
func Picture(duration uint32, idr bool, size int) Sample {
	kind := byte(0x41)
	if idr {
		kind = 0x65
	}
	data := binary.BigEndian.AppendUint32(nil, uint32(size+1))
	return Sample{Duration: duration, Sync: idr, Data: append(append(data, kind), bytes.Repeat([]byte{0x80}, size)...)}
}

// Sound is 20 ms of that many bytes, which are of no value. Fifty of them make a second: parts of sound and pictures can end
// together.
func Sound(size int) Sample {
	return Sample{Duration: AudioScale / 50, Sync: true, Data: bytes.Repeat([]byte{0x21}, size)}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
