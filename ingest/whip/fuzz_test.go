package whip

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

// browserOffer is what a browser offers, cut down to what an offer is made of.
const browserOffer = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n" +
	"a=msid-semantic: WMS s\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 103\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n" +
	"a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " +
	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\na=mid:0\r\n" +
	"a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=sendonly\r\n" +
	"a=msid:s v\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:103 H264/90000\r\n" +
	"a=rtcp-fb:103 nack\r\na=rtcp-fb:103 nack pli\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
	"a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\na=candidate:1 1 udp 2113937151 192.0.2.1 5000 typ host\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=setup:actpass\r\na=mid:1\r\na=sendonly\r\na=msid:s a\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"

func TestOfferIsCutDown(t *testing.T) {
	o, err := newOffer([]byte(browserOffer))
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"VP8", "rtx", "a=candidate", "apt="} {
		if strings.Contains(o.text, gone) {
			t.Errorf("%s is in %s", gone, o.text)
		}
	}
	for _, kept := range []string{"a=rid:h send", "profile-level-id=42e01f", "stereo=1", "useinbandfec=1", "a=simulcast:send h;l"} {
		if !strings.Contains(o.text, kept) {
			t.Errorf("%s is not in %s", kept, o.text)
		}
	}
	if o.layers != 2 || !o.codecs[0].resends || o.codecs[1].resends {
		t.Errorf("%+v", o)
	}
}

// FuzzOffer has offers that are taken hold within their bounds, and be readable when they are read again.
func FuzzOffer(f *testing.F) {
	f.Add([]byte(browserOffer))
	f.Add([]byte("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 AV1/90000\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := newOffer(text)
		if err != nil {
			return
		}
		if len(o.codecs) == 0 || len(o.codecs) > 2 || o.layers > maxLayers || strings.Contains(o.text, "\na=candidate:") {
			t.Fatalf("%+v", o)
		}
		if _, err := newOffer([]byte(o.text)); err != nil {
			t.Fatalf("%v in its own text %q", err, o.text)
		}
		if _, err := o.withCredentials("fresh", strings.Repeat("p", 22)); err != nil {
			t.Fatal(err)
		}
		if _, err := (place{port: 1}).answer(o.text); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseFragment(text)
		if err == nil && (!credential(g.ufrag, 4) || !credential(g.pwd, 22) || g.candidates > len(text)/12) {
			t.Fatalf("%+v", g)
		}
	})
}

// FuzzPackets feeds datagrams of any content, each led by its length, through order, assembly and configuration.
func FuzzPackets(f *testing.F) {
	all := []media.Codec{media.H264, media.HEVC, media.AV1, media.VP9, media.Opus}
	for i, film := range films {
		var seed []byte
		sequence := uint16(0)
		for at, s := range film.samples(f)[:3] {
			for _, p := range film.pack().Payload(250, s.unit) {
				h := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: uint32(at)}, Payload: p}
				b, err := h.Marshal()
				if err != nil {
					f.Fatal(err)
				}
				seed = append(append(seed, byte(len(b)>>8), byte(len(b))), b...)
				sequence++
			}
		}
		f.Add(uint8(i), seed)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		codec := all[int(which)%len(all)]
		a := assembler{depacketizer: newDepacketizer(codec), single: codec == media.Opus}
		r := reorder{patience: 3 * time.Millisecond}
		now := time.Unix(1000, 0)
		for len(data) > 2 {
			n := min(int(data[0])<<8|int(data[1]), len(data)-2, maxPacket)
			var h rtp.Header
			p, ok := parsePacket(&h, append([]byte(nil), data[2:2+n]...))
			data = data[2+n:]
			if !ok {
				continue
			}
			now = now.Add(time.Millisecond)
			p.arrived = now
			r.push(p)
			for {
				p, after, ok := r.pop(now)
				if !ok {
					break
				}
				a.push(p, after, func(u unit, _ uint32) {
					if len(u.payload) == 0 || len(u.payload) > maxUnit+64 || u.randomAccess && u.config == nil {
						t.Fatalf("a unit of %d bytes", len(u.payload))
					}
					if u.config != nil {
						_ = cmaf.Complete(&media.Track{Codec: codec, Config: u.config, Width: u.width, Height: u.height})
					}
				})
			}
			if r.held > window || r.gone > r.lost {
				t.Fatalf("%d held, %d of %d lost given up", r.held, r.gone, r.lost)
			}
		}
	})
}
