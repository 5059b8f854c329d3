package whip

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// offer is what an encoder offers to send, cut down to what is taken: one codec for picture and sound each, and none of the
// encoder's addresses.
type offer struct {
	text   string
	codecs []chosen
	layers int // rids of the picture; 0 where it is not in layers
}

// chosen is the codec of one track.
type chosen struct {
	kind   webrtc.RTPCodecType
	codec  media.Codec
	params webrtc.RTPCodecParameters

	resends bool // the encoder sends again what it is asked for
}

// names of the codecs by their encoding names (RFC 8866, 6.6), and their place in the order of choice: H.264 first, which
// costs the least to decode and which every player takes as it is; between the others the encoder's own order decides.
var names = map[string]struct {
	kind   webrtc.RTPCodecType
	codec  media.Codec
	mime   string
	clock  uint32
	prefer int
}{
	"h264": {webrtc.RTPCodecTypeVideo, media.H264, webrtc.MimeTypeH264, 90000, 1},
	"h265": {webrtc.RTPCodecTypeVideo, media.HEVC, webrtc.MimeTypeH265, 90000, 0},
	"av1":  {webrtc.RTPCodecTypeVideo, media.AV1, webrtc.MimeTypeAV1, 90000, 0},
	"vp9":  {webrtc.RTPCodecTypeVideo, media.VP9, webrtc.MimeTypeVP9, 90000, 0},
	"opus": {webrtc.RTPCodecTypeAudio, media.Opus, webrtc.MimeTypeOpus, 48000, 0},
}

// newOffer reads an offer, which may hold anything. The error is an *ingest.Error: ReasonBadMessage where it cannot be read
// or breaks a bound, ReasonUnsupported where it offers nothing that is taken.
func newOffer(text []byte) (*offer, error) {
	if lines := bytes.Count(text, []byte("\n")); len(text) > maxOffer || lines > maxLines {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "an offer of %d bytes and %d lines", len(text), lines)
	}
	var d sdp.SessionDescription
	if err := d.Unmarshal(text); err != nil {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "the offer is no SDP") // whose error may quote it
	}
	if n := len(d.MediaDescriptions); n == 0 || n > maxSections {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "an offer of %d media", n)
	}
	o := &offer{}
	candidates := strip(&d.Attributes)
	for _, m := range d.MediaDescriptions {
		candidates += strip(&m.Attributes)
		if err := o.section(m); err != nil {
			return nil, err
		}
	}
	if candidates > maxCandidates {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "an offer of %d candidates", candidates)
	}
	if len(o.codecs) == 0 {
		return nil, ingest.Errorf(ingest.ReasonUnsupported, "the offer has neither picture nor sound")
	}
	out, err := d.Marshal()
	if err != nil {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "the offer is no SDP")
	}
	o.text = string(out)
	return o, nil
}

// strip takes the encoder's addresses out, and counts them.
func strip(attributes *[]sdp.Attribute) (candidates int) {
	kept := (*attributes)[:0]
	for _, a := range *attributes {
		switch a.Key {
		case "candidate":
			candidates++
		case "end-of-candidates", "remote-candidates":
		default:
			kept = append(kept, a)
		}
	}
	*attributes = kept
	return candidates
}

// section chooses the codec of one m= line.
func (o *offer) section(m *sdp.MediaDescription) error {
	kind := webrtc.NewRTPCodecType(m.MediaName.Media)
	if kind == 0 {
		return ingest.Errorf(ingest.ReasonUnsupported, "the offer has %q, and only picture and sound are taken", wire.Printable(m.MediaName.Media))
	}
	if _, bundled := m.Attribute("bundle-only"); m.MediaName.Port.Value == 0 && !bundled {
		return nil // refused by the encoder itself
	}
	for _, direction := range []string{"recvonly", "inactive"} {
		if _, set := m.Attribute(direction); set {
			return ingest.Errorf(ingest.ReasonNotPublishing, "the offer's %s is %s: it must be sendonly", m.MediaName.Media, direction)
		}
	}
	for _, c := range o.codecs {
		if c.kind == kind {
			return ingest.Errorf(ingest.ReasonUnsupported, "the offer has more than one %s", m.MediaName.Media)
		}
	}
	c, err := choose(m, kind)
	if err != nil {
		return err
	}
	o.codecs = append(o.codecs, c)
	reduce(m, c)
	for _, a := range m.Attributes {
		if a.Key == "rid" {
			o.layers++
		}
	}
	if o.layers > maxLayers {
		return ingest.Errorf(ingest.ReasonUnsupported, "the offer has %d layers of one picture", o.layers)
	}
	return nil
}

// choose finds the best codec of an m= line.
func choose(m *sdp.MediaDescription, kind webrtc.RTPCodecType) (chosen, error) {
	var best *chosen
	preferred := -1
	var offered []string
	for _, format := range m.MediaName.Formats {
		number, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		name := encodingOf(m, format)
		if name != "" && len(offered) < 8 {
			offered = append(offered, name)
		}
		n, known := names[name]
		fmtp := parametersOf(m, format)
		if !known || n.kind != kind || n.prefer <= preferred || !taken(n.codec, fmtp) {
			continue
		}
		preferred = n.prefer
		best = &chosen{kind: kind, codec: n.codec, params: webrtc.RTPCodecParameters{
			PayloadType: webrtc.PayloadType(number),
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: n.mime, ClockRate: n.clock, SDPFmtpLine: fmtp, RTCPFeedback: feedbackOf(kind),
			},
		}}
		if n.codec == media.Opus {
			best.params.Channels, best.params.SDPFmtpLine = 2, stereo(fmtp)
		} else {
			best.params.SDPFmtpLine = strings.TrimPrefix(fmtp+";"+startBitrate, ";")
		}
	}
	if best == nil {
		return chosen{}, ingest.Errorf(ingest.ReasonUnsupported, "none of the offer's %s codecs is taken: %s",
			m.MediaName.Media, wire.Printable(strings.Join(offered, ", ")))
	}
	best.resends = resends(m, strconv.Itoa(int(best.params.PayloadType)))
	return *best, nil
}

// resends reports whether the offer has generic NACK for a format (RFC 4585, 4.2).
func resends(m *sdp.MediaDescription, format string) bool {
	for _, a := range m.Attributes {
		number, value, _ := strings.Cut(a.Value, " ")
		if a.Key == "rtcp-fb" && (number == format || number == "*") && value == "nack" {
			return true
		}
	}
	return false
}

// feedbackOf is what we send to an encoder that wants it.
func feedbackOf(kind webrtc.RTPCodecType) []webrtc.RTCPFeedback {
	feedback := []webrtc.RTCPFeedback{{Type: "transport-cc"}, {Type: "nack"}}
	if kind == webrtc.RTPCodecTypeVideo {
		feedback = append(feedback, webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"})
	}
	return feedback
}

// taken reports whether a codec is one of ours with the parameters it is offered with.
func taken(codec media.Codec, fmtp string) bool {
	switch codec {
	case media.H264: // RFC 6184: mode 1 may be in order and fragmented, and the least profile is the default
		return parameter(fmtp, "packetization-mode") == "1" && !strings.HasPrefix(strings.ToLower(parameter(fmtp, "profile-level-id")), "f4")
	case media.VP9:
		p := parameter(fmtp, "profile-id")
		return p == "" || p == "0"
	case media.AV1:
		p := parameter(fmtp, "profile")
		return p == "" || p == "0"
	case media.HEVC:
		p := parameter(fmtp, "profile-id")
		return p == "" || p == "1" || p == "2"
	}
	return true
}

// startBitrate has a browser begin with the picture that it was given. By itself it begins with a small one, and each larger
// one on the way is a new publication. Whoever does not know the parameter must ignore it (RFC 6184, 8.1).
const startBitrate = "x-google-start-bitrate=2500"

// stereo asks an Opus encoder for two channels: RFC 7587 has it send one otherwise.
func stereo(fmtp string) string {
	kept := []string{"stereo=1", "sprop-stereo=1"}
	for _, p := range strings.Split(fmtp, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(p), "=")
		if name != "" && name != "stereo" && name != "sprop-stereo" {
			kept = append(kept, strings.TrimSpace(p))
		}
	}
	return strings.Join(kept, ";")
}

// encodingOf is the encoding name of a format, in small letters; empty where the offer tells none.
func encodingOf(m *sdp.MediaDescription, format string) string {
	for _, a := range m.Attributes {
		if number, value, _ := strings.Cut(a.Value, " "); a.Key == "rtpmap" && number == format {
			name, _, _ := strings.Cut(value, "/")
			return strings.ToLower(name)
		}
	}
	return ""
}

func parametersOf(m *sdp.MediaDescription, format string) string {
	for _, a := range m.Attributes {
		if number, value, _ := strings.Cut(a.Value, " "); a.Key == "fmtp" && number == format {
			return value
		}
	}
	return ""
}

// parameter is the value of one parameter of an fmtp line.
func parameter(fmtp, name string) string {
	for _, p := range strings.Split(fmtp, ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// reduce leaves one codec in an m= line.
func reduce(m *sdp.MediaDescription, c chosen) {
	number := strconv.Itoa(int(c.params.PayloadType))
	m.MediaName.Formats = []string{number}
	kept := m.Attributes[:0]
	for _, a := range m.Attributes {
		switch format, _, _ := strings.Cut(a.Value, " "); a.Key {
		case "fmtp":
			continue
		case "rtpmap", "rtcp-fb":
			if format != number && format != "*" {
				continue
			}
		}
		kept = append(kept, a)
	}
	m.Attributes = kept
	if c.params.SDPFmtpLine != "" {
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "fmtp", Value: number + " " + c.params.SDPFmtpLine})
	}
}

// withCredentials is the offer with other ICE credentials, for a restart (RFC 8839, 4.4.1.1.1).
func (o *offer) withCredentials(ufrag, pwd string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(o.text); err != nil {
		return "", err
	}
	set := func(attributes []sdp.Attribute) {
		for i := range attributes {
			switch attributes[i].Key {
			case "ice-ufrag":
				attributes[i].Value = ufrag
			case "ice-pwd":
				attributes[i].Value = pwd
			}
		}
	}
	set(d.Attributes)
	for _, m := range d.MediaDescriptions {
		set(m.Attributes)
	}
	out, err := d.Marshal()
	return string(out), err
}
