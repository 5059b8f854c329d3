package rtmp

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// fed is a feed and what comes out of it.
type fed struct {
	*feed
	t    *testing.T
	gate *rtmptest.Gate
}

func newFed(t *testing.T) *fed {
	g := &rtmptest.Gate{}
	s, err := g.Open(context.Background(), ingest.Request{Key: rtmptest.Key})
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	return &fed{feed: newFeed(s, wire.NewDrops(causes, wire.NewMetrics("rtmp", "rtmp").Dropped, log), log), t: t, gate: g}
}

func (f *fed) take(messages ...rtmptest.Message) error {
	for _, m := range messages {
		own := message{typeID: m.Type, timestamp: m.Timestamp, payload: bytes.Clone(m.Payload)}
		take := f.media
		if m.Type == typeData {
			take = f.data
		}
		if err := take(own); err != nil {
			return err
		}
	}
	return nil
}

func (f *fed) record() rtmptest.Record {
	log, err := f.gate.Wait(context.Background(), func(rtmptest.Log) bool { return true })
	require.NoError(f.t, err)
	return log.Sessions[0]
}

func onMetaData(fields rtmptest.Object) rtmptest.Message {
	return rtmptest.Message{Chunks: 4, Type: typeData, Stream: 1, Payload: rtmptest.AMF("@setDataFrame", "onMetaData", fields)}
}

func ids(tracks []media.Track) (out []int) {
	for _, t := range tracks {
		out = append(out, t.ID)
	}
	return out
}

func TestFeedWaitsForBothTracks(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.Picture(0, true, 10), rtmptest.Picture(33, false, 10)))
	require.Empty(t, f.record().Descriptions)
	require.NoError(t, f.take(rtmptest.AACHeader()))
	r := f.record()
	require.Equal(t, [][]media.Track{{
		{ID: 1, Codec: media.H264, Config: rtmptest.AVCConfig}, {ID: 2, Codec: media.AAC, Config: rtmptest.AACConfig},
	}}, r.Descriptions)
	require.Len(t, r.Units, 2, "what was held comes out at once")

	require.NoError(t, f.take(rtmptest.Sound(40, 5)))
	require.Equal(t, []ingest.Unit{
		{Track: 1, DTS: 0, RandomAccess: true, Payload: rtmptest.Picture(0, true, 10).Payload[5:]},
		{Track: 1, DTS: 33, Payload: rtmptest.Picture(0, false, 10).Payload[5:]},
		{Track: 2, DTS: 40, Payload: make([]byte, 5)},
	}, f.record().Units)
}

func TestFeedBelievesMetadataThatNamesOneTrack(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(onMetaData(rtmptest.Object{"audiocodecid": 10.0, "audiodatarate": 128.0}), rtmptest.AACHeader()))
	require.Equal(t, [][]media.Track{{{ID: 2, Codec: media.AAC, Config: rtmptest.AACConfig, Bitrate: 128_000}}}, f.record().Descriptions)
}

func TestFeedBelievesMetadataThatComesLater(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.Picture(0, true, 10), onMetaData(rtmptest.Object{"width": 320.0, "framerate": 25.0})))
	r := f.record()
	require.Len(t, r.Descriptions, 1)
	require.Equal(t, media.Rational{Num: 25, Den: 1}, r.Track(1).FrameRate)
	require.Len(t, r.Units, 1)
}

func TestFeedWaitsASecondOfMediaForTheOtherTrack(t *testing.T) {
	for name, first := range map[string]uint32{"at the start": 0, "across the wrap": 0xFFFFFF00} {
		f := newFed(t)
		require.NoError(t, f.take(onMetaData(rtmptest.Object{"width": 320.0, "audiocodecid": 10.0}), rtmptest.AVCHeader()), name)
		require.NoError(t, f.take(rtmptest.Picture(first, true, 10), rtmptest.Picture(first+999, false, 10)), name)
		require.Empty(t, f.record().Descriptions, name)
		require.NoError(t, f.take(rtmptest.Picture(first+1000, false, 10)), name)
		require.Equal(t, []int{1}, ids(f.record().Descriptions[0]), name)
		require.Len(t, f.record().Units, 3, name)

		require.NoError(t, f.take(rtmptest.AACHeader(), rtmptest.Sound(first+1010, 5)), name)
		r := f.record()
		require.Len(t, r.Descriptions, 2, name)
		require.Equal(t, []int{1, 2}, ids(r.Descriptions[1]), "a track that comes later joins")
		require.Equal(t, []int{1, 1, 1, 2}, r.Described, name)
	}
}

func TestFeedHoldsNoMoreThanItsBounds(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AVCHeader()))
	for range maxHeldUnits - 1 {
		require.NoError(t, f.take(rtmptest.Picture(0, true, 10)))
	}
	require.Empty(t, f.record().Units)
	require.NoError(t, f.take(rtmptest.Picture(0, true, 10)))
	require.Len(t, f.record().Units, maxHeldUnits)

	f = newFed(t)
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.Picture(0, true, maxHeldBytes)))
	require.Len(t, f.record().Units, 1)
}

func TestFeedDescribesAgainOnlyWhatChanged(t *testing.T) {
	f := newFed(t)
	changed := rtmptest.AVCHeader()
	changed.Payload = bytes.Clone(changed.Payload)
	changed.Payload[len(changed.Payload)-1]++
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.AACHeader(), rtmptest.Picture(0, true, 10)))
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.AACHeader()))
	require.Len(t, f.record().Descriptions, 1, "the same again is nothing")
	require.NoError(t, f.take(changed, rtmptest.Picture(33, true, 10)))
	r := f.record()
	require.Len(t, r.Descriptions, 2)
	require.Equal(t, []int{1, 2}, ids(r.Descriptions[1]))
	require.Equal(t, changed.Payload[5:], r.Track(1).Config)
	require.Equal(t, []int{1, 2}, r.Described)
}

func TestFeedWritesWhatItHeldBeforeAChange(t *testing.T) {
	f := newFed(t)
	changed := rtmptest.AVCHeader()
	changed.Payload = bytes.Clone(changed.Payload)
	changed.Payload[len(changed.Payload)-1]++
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.Picture(0, true, 10), changed, rtmptest.Picture(33, true, 10)))
	r := f.record()
	require.Len(t, r.Descriptions, 2)
	require.Equal(t, []int{1, 2}, r.Described)
}

func TestFeedWritesWhatItHeldAtGoodbye(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.Picture(0, true, 10)))
	f.end(nil)
	require.Len(t, f.record().Units, 1)
}

func TestFeedDropsAndCounts(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.Picture(0, true, 10), rtmptest.Sound(0, 10)))
	require.Equal(t, 2, f.drops.Total(unconfigured))
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.AACHeader()))

	sei := rtmptest.Video(0, append([]byte{0x27, 1, 0, 0, 0}, rtmptest.NAL(6, 1)...)...)
	require.NoError(t, f.take(sei, rtmptest.Video(0, 0x27, 1, 0, 0, 0), rtmptest.Sound(0, 0), rtmptest.Video(0, 0x27, 1, 0, 0, 0, 0, 0, 0, 0)))
	require.Equal(t, 4, f.drops.Total(emptyUnit))
	require.NoError(t, f.take(rtmptest.Video(0), rtmptest.Audio(0)))
	require.Equal(t, 2, f.drops.Total(emptyMessage))
	require.NoError(t, f.take(rtmptest.Video(0, 0x17, 9, 0, 0, 0)))
	require.Equal(t, 1, f.drops.Total(unknownPacket))
	require.NoError(t, f.take(rtmptest.Video(0, []byte("\x96\x01vvc1\x01AB")...), rtmptest.Video(0, []byte("\x96\x01avc1\x0a\x00\x00\x00AB")...)))
	require.Equal(t, 2, f.drops.Total(otherTrack))
	require.NoError(t, f.take(rtmptest.Message{Type: typeData, Payload: []byte{0xFF}}))
	require.Equal(t, 1, f.drops.Total(badMetadata))
	require.Empty(t, f.record().Units)
}

func TestFeedKeepsNoMessageAliveForASmallPart(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.AACHeader()))
	picture := append([]byte{0, 0, 0}, rtmptest.NAL(0x65, 1)...) // composition time and one slice
	payload := append([]byte("\x96\x11avc1\x00"), appendUint24(nil, len(picture))...)
	payload = append(append(payload, picture...), 1)
	payload = append(appendUint24(payload, 1<<20), make([]byte, 1<<20)...)
	require.NoError(t, f.take(rtmptest.Video(0, payload...)))
	r := f.record()
	require.Equal(t, picture[3:], r.Units[0].Payload)
	require.Less(t, cap(r.Units[0].Payload), 64)
}

func TestFeedTakesTheTemporalDelimiterOffAV1(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.Video(0, []byte("\x90av01\x81\x08\x0c\x00\x0a\x01S")...), rtmptest.AACHeader()))
	require.NoError(t, f.take(rtmptest.Video(0, []byte("\x91av01\x12\x00\x0a\x01A")...), rtmptest.Video(33, []byte("\xa1av01\x32\x01B")...)))
	require.Equal(t, []ingest.Unit{
		{Track: 1, RandomAccess: true, Payload: []byte("\x0a\x01A")}, {Track: 1, DTS: 33, Payload: []byte("\x32\x01B")},
	}, f.record().Units)
}

func TestFeedPassesCompositionTimesAndTrustsTheSliceTypes(t *testing.T) {
	f := newFed(t)
	idr := append([]byte{0x27, 1, 0xff, 0xff, 0xdf}, rtmptest.NAL(0x65, 1)...) // flagged as no key frame
	slice := append([]byte{0x17, 1, 0, 0, 0x42}, rtmptest.NAL(0x41, 1)...)     // flagged as one
	require.NoError(t, f.take(rtmptest.AVCHeader(), rtmptest.AACHeader(), rtmptest.Video(1, idr...), rtmptest.Video(0xFFFFFFFF, slice...)))
	require.Equal(t, []ingest.Unit{
		{Track: 1, DTS: 1, Offset: -33, RandomAccess: true, Payload: idr[5:]}, {Track: 1, DTS: 0xFFFFFFFF, Offset: 66, Payload: slice[5:]},
	}, f.record().Units)
}

func TestFeedReadsTheSizeOfVP9FromItsKeyFrame(t *testing.T) {
	key := []byte("\x91vp09\x82\x49\x83\x42\x00\x13\xf0\x0b\x30") // profile 0, 320x180
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AACHeader(), rtmptest.Sound(0, 5), rtmptest.Video(0, []byte("\x90vp09\x00\x0b\x82\x01\x01\x01\x00\x00")...)))
	require.NoError(t, f.take(rtmptest.Video(0, []byte("\xa1vp09AB")...)))
	require.Empty(t, f.record().Descriptions)
	require.NoError(t, f.take(rtmptest.Video(33, key...), rtmptest.Video(66, []byte("\xa1vp09AB")...)))
	r := f.record()
	require.Len(t, r.Descriptions, 1)
	require.Equal(t, []int{320, 180}, []int{r.Track(1).Width, r.Track(1).Height})
	require.Len(t, r.Of(1), 2)
	require.Len(t, r.Of(2), 1)
	require.Equal(t, 1, f.drops.Total(unconfigured))

	bad := newFed(t)
	err := bad.take(rtmptest.Video(0, []byte("\x90vp09\x00\x0b\x82\x01\x01\x01\x00\x00")...), rtmptest.Video(33, key[:9]...))
	require.Equal(t, ingest.ReasonBadMedia, ingest.ReasonOf(err))
}

func TestFeedReadsTheSequenceHeaderOfAV1FromItsKeyFrame(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.take(rtmptest.AACHeader(), rtmptest.Video(0, []byte("\x90av01\x81\x08\x0c\x00")...)))
	require.NoError(t, f.take(rtmptest.Video(33, []byte("\x91av01\x12\x00\x0a\x02SH\x32\x01F")...)))
	r := f.record()
	require.Equal(t, []byte("\x81\x08\x0c\x00\x0a\x02SH"), r.Track(1).Config)
	require.Equal(t, []byte("\x0a\x02SH\x32\x01F"), r.Of(1)[0].Payload)

	for _, payload := range []string{"\x91av01\x32\x01F", "\x91av01\x0a\x7fSH", "\x91av01\x08SH", "\x91av01\x0e", "\x91av01\x0a\xff\xff\xff\xff\x01"} {
		bad := newFed(t)
		err := bad.take(rtmptest.Video(0, []byte("\x90av01\x81\x08\x0c\x00")...), rtmptest.Video(33, []byte(payload)...))
		require.Equal(t, ingest.ReasonBadMedia, ingest.ReasonOf(err), "%q", payload)
	}
}

// A new configuration that waits for its key frame leaves the description of the old one as it is until then.
func TestFeedWaitsForTheKeyFrameOfANewConfiguration(t *testing.T) {
	start := func(level byte) rtmptest.Message {
		return rtmptest.Video(0, []byte{0x90, 'v', 'p', '0', '9', 0, level, 0x82, 1, 1, 1, 0, 0}...)
	}
	key := rtmptest.Video(0, []byte("\x91vp09\x82\x49\x83\x42\x00\x13\xf0\x0b\x30")...)
	f := newFed(t)
	require.NoError(t, f.take(onMetaData(rtmptest.Object{"width": 320.0}), start(11), key))
	require.NoError(t, f.take(start(12), rtmptest.Video(33, []byte("\xa1vp09AB")...)))
	require.Len(t, f.record().Descriptions, 1)
	require.NoError(t, f.take(key))
	require.Len(t, f.record().Descriptions, 2)
	require.Equal(t, []int{1, 2}, f.record().Described)
}

// OBS sends its first picture and sound as any encoder does, and the others as tracks of their own.
func TestFeedTakesEveryTrack(t *testing.T) {
	track := func(at uint32, head string, id byte, body []byte) rtmptest.Message {
		return rtmptest.Video(at, append(append([]byte(head), id), body...)...)
	}
	avc := rtmptest.AVCHeader().Payload[5:]
	picture := append([]byte{0, 0, 0}, rtmptest.NAL(0x65, 1)...)
	f := newFed(t)
	require.NoError(t, f.take(
		rtmptest.AACHeader(), rtmptest.Audio(0, append([]byte("\x95\x00mp4a\x01"), rtmptest.AACConfig...)...),
		rtmptest.AVCHeader(), track(0, "\x96\x00avc1", 1, avc), track(0, "\x96\x00avc1", 9, avc),
		rtmptest.Picture(0, true, 10), track(0, "\x96\x01avc1", 1, picture), track(33, "\xa6\x01avc1", 9, picture),
		rtmptest.Sound(5, 5), rtmptest.Audio(5, []byte("\x95\x01mp4a\x01AB")...),
	))
	r := f.record()
	require.Equal(t, []int{1, 3, 19, 2, 4}, ids(r.Descriptions[len(r.Descriptions)-1]))
	var tracks []int
	for _, u := range r.Units {
		tracks = append(tracks, u.Track)
	}
	require.Equal(t, []int{1, 3, 19, 2, 4}, tracks)
	require.Equal(t, picture[3:], r.Of(3)[0].Payload)
	require.True(t, r.Of(19)[0].RandomAccess, "by its slices, not by its flag")
	require.EqualValues(t, 33, r.Of(19)[0].DTS)

	both := rtmptest.Video(66, append([]byte("\x96\x11avc1"), append(append(append([]byte{0}, appendUint24(nil, len(picture))...), picture...),
		append(append([]byte{1}, appendUint24(nil, len(picture))...), picture...)...)...)...)
	require.NoError(t, f.take(both))
	require.Len(t, f.record().Of(1), 2)
	require.Len(t, f.record().Of(3), 2)
}
