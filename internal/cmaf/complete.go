package cmaf

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/stagecast/stagecast/internal/media"
)

var errShort = errors.New("decoder configuration is cut short")

// Complete fills in what a track's Config says about it: ClockRate, Width and Height or SampleRate and Channels, and
// FrameRate where that is zero and the configuration promises one. An empty Language becomes "und".
//
// It refuses a Config that no decoder could start from. Config comes from the network and may hold anything. That of VP9
// tells no picture size, and that of AV1 may not: the caller must have set Width and Height then.
func Complete(t *media.Track) error {
	if t.Language == "" {
		t.Language = "und"
	}
	err := readConfig(t)
	if err == nil {
		err = checkEntry(t)
	}
	if err != nil {
		return fmt.Errorf("cmaf: %s track: %w", t.Codec, err)
	}
	return nil
}

func readConfig(t *media.Track) error {
	if len(t.Config) > maxConfig {
		return errors.New("decoder configuration too large")
	}
	if t.Kind() == media.Video {
		t.ClockRate = media.VideoClockRate
	}
	switch t.Codec {
	case media.H264:
		return completeH264(t)
	case media.HEVC:
		return completeHEVC(t)
	case media.AV1:
		return completeAV1(t)
	case media.VP9:
		return completeVP9(t)
	case media.AAC:
		return completeAAC(t)
	case media.Opus:
		return completeOpus(t)
	case media.AC3:
		return completeAC3(t)
	case media.MPA:
		return completeMPA(t)
	}
	return errors.New("unknown codec")
}

// VP Codec ISO Media File Format Binding: profile, level, bit depth and sampling, three colour bytes, 16-bit length 0.
func completeVP9(t *media.Track) error {
	if len(t.Config) < 8 {
		return errShort
	}
	return nil
}

func completeAAC(t *media.Track) error {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(t.Config); err != nil {
		return fmt.Errorf("AudioSpecificConfig: %w", err)
	}
	if c.SampleRate < 7350 || c.SampleRate > 96000 {
		return fmt.Errorf("sample rate %d", c.SampleRate)
	}
	if c.FrameLengthFlag {
		return errors.New("frames of 960 samples")
	}
	t.SampleRate, t.ClockRate, t.Channels = c.SampleRate, int64(c.SampleRate), c.ChannelCount
	return nil
}

// Encapsulation of Opus in ISO Base Media File Format, OpusSpecificBox: version 0, channels, …; the clock is always 48 kHz.
func completeOpus(t *media.Track) error {
	if len(t.Config) < 11 {
		return errShort
	}
	if t.Config[0] != 0 {
		return fmt.Errorf("version %d of the decoder configuration", t.Config[0])
	}
	t.SampleRate, t.ClockRate, t.Channels = 48000, 48000, int(t.Config[1])
	return nil
}

// ETSI TS 102 366, F.4: fscod (2 bits), bsid (5), bsmod (3), acmod (3), lfeon (1), bit_rate_code (5).
func completeAC3(t *media.Track) error {
	if len(t.Config) < 3 {
		return errShort
	}
	rates := []int{48000, 44100, 32000}
	code := int(t.Config[0] >> 6)
	if code >= len(rates) {
		return errors.New("reserved sample rate")
	}
	channels := []int{2, 1, 2, 3, 3, 4, 4, 5} // of each acmod
	t.SampleRate, t.ClockRate = rates[code], int64(rates[code])
	t.Channels = channels[t.Config[1]>>3&7] + int(t.Config[1]>>2&1)
	return nil
}

// ISO/IEC 11172-3, 2.4.1.3, header: 12 ones with the version's bits at their end, layer, protection, bit rate, sampling
// frequency (2 bits), padding, private, mode (2 bits).
func completeMPA(t *media.Track) error {
	if len(t.Config) < 4 {
		return errShort
	}
	rates := []int{44100, 48000, 32000}
	code, version := int(t.Config[2]>>2&3), t.Config[1]>>3&3
	if code >= len(rates) {
		return errors.New("reserved sample rate")
	}
	rate := rates[code]
	switch version {
	case 2: // MPEG-2: half
		rate /= 2
	case 0: // MPEG-2.5: a quarter
		rate /= 4
	}
	t.SampleRate, t.ClockRate, t.Channels = rate, int64(rate), 2
	if t.Config[3]>>6 == 3 {
		t.Channels = 1
	}
	return nil
}

func setFrameRate(t *media.Track, num, den int64) {
	if !t.FrameRate.Known() {
		t.FrameRate = FrameRate(num, den)
	}
}
