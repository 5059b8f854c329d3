package ingest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// What an adapter reports of its link is shown with the input, and what was lost for good is a warning.
func TestLink(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	describe(t, s, media.Rational{Num: 25, Den: 1}, aac48)
	d.write(s, ingest.Unit{Track: picture, RandomAccess: true, Payload: []byte{1}})
	require.Nil(t, d.gate.Inputs()[0].Link)
	s.Link(ingest.Link{RTTMs: 40, Received: 1000, Lost: 20, Retransmitted: 18, Dropped: 2})
	in := d.gate.Inputs()[0]
	require.Equal(t, ingest.Link{RTTMs: 40, Received: 1000, Lost: 20, Retransmitted: 18, Dropped: 2}, *in.Link)
	require.Equal(t, "packets lost for good", in.Warnings[0].Name)
	s.End(nil)
}

// A connection's own secret is compared once it is known which stream the key opens, and never for a wrong key.
func TestCheck(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	asked := ""
	r := ingest.Request{Protocol: "srt", Key: "key-of-live", Clock: rtmpClock, Check: func(stream string) error {
		asked = stream
		return ingest.Errorf(ingest.ReasonWrongSecret, "no")
	}}
	_, err := d.gate.Open(context.Background(), r)
	require.Equal(t, ingest.ReasonWrongSecret, ingest.ReasonOf(err))
	require.Equal(t, "live", asked)
	require.Equal(t, ingest.ReasonWrongSecret, d.gate.Attempts()[0].Reason)
	require.NotEmpty(t, d.gate.Attempts()[0].Fix)
	asked = ""
	r.Key = "wrong"
	_, err = d.gate.Open(context.Background(), r)
	require.Equal(t, ingest.ReasonWrongKey, ingest.ReasonOf(err))
	require.Empty(t, asked)
}

var (
	ac3 = media.Track{ID: sound, Codec: media.AC3, Config: []byte{0x10, 0x11, 0x40}}
	mp2 = media.Track{ID: sound, Codec: media.MPA, Config: []byte{0xFF, 0xFD, 0x04, 0x00}}
)

// Sound that no player takes is refused where nothing encodes it, and lasts as long as its frames say where something does.
func TestOldSound(t *testing.T) {
	for _, track := range []media.Track{ac3, mp2} {
		d := newDesk(t, ingest.Config{PassedOn: true})
		s := d.open()
		err := s.Describe([]media.Track{track})
		require.Equal(t, ingest.ReasonNeedsLadder, ingest.ReasonOf(err))
		s.End(err)
		require.NotEmpty(t, d.gate.Attempts()[0].Fix)
	}
	for _, c := range []struct {
		track   media.Track
		payload []byte
		samples int64
	}{{ac3, []byte{0x0B, 0x77}, 1536}, {mp2, []byte{0xFF, 0xFD}, 1152}, {mp2, []byte{0xFF, 0xF3}, 576}, {mp2, []byte{0xFF, 0xFF}, 384}} {
		d := newDesk(t, ingest.Config{})
		s := d.open()
		require.NoError(t, s.Describe([]media.Track{c.track}))
		for n := range int64(3) {
			d.write(s, ingest.Unit{Track: sound, DTS: n * c.samples / 48, Payload: c.payload})
		}
		require.EqualValues(t, 48000, d.last().pub.Tracks[0].ClockRate)
		require.Equal(t, 2, d.last().pub.Tracks[0].Channels)
		require.Equal(t, c.samples, d.last().units[len(d.last().units)-1].Duration)
		s.End(nil)
	}
}
