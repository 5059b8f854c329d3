package rtsp_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtsp"
)

// peer is a client that says what it wants.
type peer struct {
	t testing.TB
	net.Conn
}

func (d *desk) dial() *peer {
	c, err := net.Dial("tcp", d.address)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { c.Close() })
	require.NoError(d.t, c.SetDeadline(time.Now().Add(deadline)))
	return &peer{d.t, c}
}

// say sends text; the server may have hung up.
func (p *peer) say(text string) { _, _ = p.Write([]byte(text)) }

// rest reads to the end that the server makes.
func (p *peer) rest() string {
	all, _ := io.ReadAll(p)
	return string(all)
}

// answer reads one answer's head.
func (p *peer) answer() string {
	p.t.Helper()
	var all []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(all), "\r\n\r\n"); {
		_, err := p.Read(b)
		require.NoError(p.t, err, "after %q", all)
		all = append(all, b[0])
	}
	return string(all)
}

// basic is the header of whoever knows the key.
const basic = "Authorization: Basic dXNlcjprM3lfb2YtdGhlLnN0cmVhbX4x\r\n"

const sdpText = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=0\r\n"

func request(method, url, headers, body string) string {
	if body != "" {
		headers += fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n", len(body))
	}
	return method + " " + url + " RTSP/1.0\r\nCSeq: 1\r\n" + headers + "\r\n" + body
}

func announce(body string) string { return request("ANNOUNCE", "rtsp://h/live", basic, body) }

func setupRequest(transport string) string {
	return request("SETUP", "rtsp://h/live/streamid=0", "Transport: "+transport+"\r\n", "")
}

func TestHostilePeersAreTurnedAwayByName(t *testing.T) {
	interleaved := setupRequest("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")
	record := request("RECORD", "rtsp://h/live", "", "")
	for name, c := range map[string]struct {
		says   string
		reason ingest.Reason
	}{
		"garbage":                     {strings.Repeat("\x00\x01\xff", 5000), ingest.ReasonBadHandshake},
		"HTTP":                        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", ingest.ReasonBadHandshake},
		"TLS on the plain port":       {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ingest.ReasonBadHandshake},
		"a response":                  {"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", ingest.ReasonBadHandshake},
		"a frame first":               {"$\x00\x00\x04abcd", ingest.ReasonBadMessage},
		"a frame before RECORD":       {announce(sdpText) + interleaved + "$\x00\x00\x04abcd", ingest.ReasonBadMessage},
		"a long URL":                  {"OPTIONS rtsp://h/" + strings.Repeat("a", 10000) + " RTSP/1.0\r\n\r\n", ingest.ReasonBadHandshake},
		"a long header":               {"OPTIONS * RTSP/1.0\r\nX: " + strings.Repeat("a", 10000) + "\r\n\r\n", ingest.ReasonBadHandshake},
		"many headers":                {"OPTIONS * RTSP/1.0\r\n" + strings.Repeat("X: y\r\n", 10000), ingest.ReasonBadHandshake},
		"endless spaces":              {"OPTIONS * RTSP/1.0\r\nX: " + strings.Repeat(" ", 300<<10), ingest.ReasonBadMessage},
		"a flood of requests":         {strings.Repeat(request("OPTIONS", "*", "", ""), 10000), ingest.ReasonBadMessage},
		"a flood of line ends":        {strings.Repeat("\r\n", 200<<10), ingest.ReasonBadMessage},
		"no number":                   {"OPTIONS * RTSP/1.0\r\n\r\n", ingest.ReasonBadMessage},
		"a number with a line":        {"OPTIONS * RTSP/1.0\r\nCSeq: 1\nX: y\r\n\r\n", ingest.ReasonBadMessage},
		"nothing to announce":         {request("ANNOUNCE", "*", basic, sdpText), ingest.ReasonBadMessage},
		"a huge body":                 {"ANNOUNCE rtsp://h/live RTSP/1.0\r\nCSeq: 1\r\n" + basic + "Content-Length: 999999999999\r\n\r\n", ingest.ReasonBadHandshake},
		"a large description":         {announce(sdpText + strings.Repeat("a=x\r\n", 10000)), ingest.ReasonBadMessage},
		"thousands of medias":         {announce(sdpText + strings.Repeat("m=video 0 RTP/AVP 96\r\n", 1400)), ingest.ReasonBadMessage},
		"thousands of formats":        {announce("v=0\r\ns=-\r\nm=video 0 RTP/AVP" + strings.Repeat(" 96", 5000) + "\r\n"), ingest.ReasonBadMessage},
		"no medias":                   {announce("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"), ingest.ReasonUnsupported},
		"no description":              {announce(""), ingest.ReasonUnsupported},
		"not a description":           {announce("v=9\r\n"), ingest.ReasonBadMedia},
		"DESCRIBE":                    {request("DESCRIBE", "rtsp://h/live", "", ""), ingest.ReasonNotPublishing},
		"PLAY":                        {request("PLAY", "rtsp://h/live", "", ""), ingest.ReasonNotPublishing},
		"SETUP of a player":           {setupRequest("RTP/AVP;unicast;client_port=5000-5001"), ingest.ReasonNotPublishing},
		"SETUP of another media":      {announce(sdpText) + request("SETUP", "rtsp://h/live/streamid=1", "Transport: RTP/AVP/TCP\r\n", ""), ingest.ReasonBadMessage},
		"SETUP twice":                 {announce(sdpText) + interleaved + interleaved, ingest.ReasonBadMessage},
		"a channel that is none":      {announce(sdpText) + setupRequest("RTP/AVP/TCP;interleaved=255-256"), ingest.ReasonBadMessage},
		"a negative channel":          {announce(sdpText) + setupRequest("RTP/AVP/TCP;interleaved=-1-0"), ingest.ReasonDisconnected},
		"a port that is none":         {announce(sdpText) + setupRequest("RTP/AVP;unicast;client_port=0-1"), ingest.ReasonBadMessage},
		"two ports that are one":      {announce(sdpText) + setupRequest("RTP/AVP;unicast;client_port=5000-5000") + record, ingest.ReasonBadMessage},
		"a strange Authorization":     {request("ANNOUNCE", "rtsp://h/live", "Authorization: Basic !!!\r\n", sdpText), ingest.ReasonWrongKey},
		"no password":                 {request("ANNOUNCE", "rtsp://h/live", "Authorization: Basic dXNlcjo=\r\n", sdpText), ingest.ReasonWrongKey},
		"a digest of nothing":         {strings.Repeat(request("ANNOUNCE", "rtsp://h/live", `Authorization: Digest username="u", realm="Stagecast", nonce="n", uri="rtsp://h/live", response="r"`+"\r\n", sdpText), 4), ingest.ReasonWrongKey},
		"never a key":                 {strings.Repeat(request("ANNOUNCE", "rtsp://h/live", "", sdpText), 4), ingest.ReasonWrongKey},
		"half a request and gone":     {"ANNOUNCE rtsp://h/li", ingest.ReasonDisconnected},
		"RECORD before SETUP":         {announce(sdpText) + record, ingest.ReasonDisconnected},
		"RECORD of nothing":           {record, ingest.ReasonDisconnected},
		"goodbye before anything":     {request("TEARDOWN", "rtsp://h/live", "", ""), ingest.ReasonUnpublished},
		"garbage in frames":           {announce(sdpText) + interleaved + record + strings.Repeat("$\x00\x00\x0eabcdefghijklmn$\x01\x00\x04abcd$\x09\x00\x00", 1000), ingest.ReasonDisconnected},
		"requests between the frames": {announce(sdpText) + interleaved + record + strings.Repeat("$\x00\x00\x00"+request("GET_PARAMETER", "rtsp://h/live", "", ""), 1000), ingest.ReasonDisconnected},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, rtsp.Config{})
			p := d.dial()
			go func() {
				p.say(c.says)
				_ = p.Conn.(*net.TCPConn).CloseWrite()
			}()
			answers := p.rest()
			a := d.attempt(c.reason)
			require.NotContains(t, a.Detail+answers, key)
			for _, line := range strings.Split(answers, "\r\n") {
				require.Less(t, len(line), 256)
			}
		})
	}
}

func TestThoseWhoWaitAreTimedOut(t *testing.T) {
	cfg := rtsp.Config{SetupTimeout: 150 * time.Millisecond, MediaTimeout: 150 * time.Millisecond}
	ready := announce(sdpText) + setupRequest("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record") + request("RECORD", "rtsp://h/live", "", "")
	udp := announce(sdpText) + setupRequest("RTP/AVP;unicast;client_port=5000-5001;mode=record") + request("RECORD", "rtsp://h/live", "", "")
	for name, c := range map[string]struct {
		says   string
		reason ingest.Reason
	}{
		"silent":                      {"", ingest.ReasonSlowSetup},
		"stuck in a request":          {"ANNOUNCE rtsp://", ingest.ReasonSlowSetup},
		"stuck in a body":             {"ANNOUNCE rtsp://h/live RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1000\r\n\r\nv=0", ingest.ReasonSlowSetup},
		"announced and no more":       {announce(sdpText), ingest.ReasonSlowSetup},
		"recording without media":     {ready, ingest.ReasonNoMedia},
		"recording UDP without media": {udp, ingest.ReasonNoMedia},
		"stuck in a frame":            {ready + "$\x00\x10\x00abc", ingest.ReasonNoMedia},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, cfg)
			p := d.dial()
			p.say(c.says)
			p.rest()
			a := d.attempt(c.reason)
			require.NotEmpty(t, a.Fix)
		})
	}
	t.Run("a request a byte at a time", func(t *testing.T) {
		d := serve(t, cfg)
		p := d.dial()
		for _, b := range announce(sdpText) {
			if _, err := p.Write([]byte{byte(b)}); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond) // this is what the peer does, not what the test waits for
		}
		d.attempt(ingest.ReasonSlowSetup)
	})
	for name, transport := range map[string]*gortsplib.Transport{"interleaved": via(gortsplib.TransportTCP), "UDP": via(gortsplib.TransportUDP)} {
		t.Run("media and then none, "+name, func(t *testing.T) {
			d := serve(t, cfg)
			d.must(transport).programme(0, 3)
			d.published("live")
			d.attempt(ingest.ReasonTimeout)
		})
	}
	t.Run("packets that make nothing", func(t *testing.T) {
		d := serve(t, cfg)
		p := d.dial()
		p.say(ready)
		for i := uint16(0); ; i++ {
			if _, err := p.Write([]byte(frame(t, i, true, []byte{0x67, 1}))); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond) // this is what the peer does
		}
		require.NotEmpty(t, d.attempt(ingest.ReasonNoMedia).Detail, "why what came made no media")
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	d := serve(t, rtsp.Config{MaxWaiting: 2, MaxConnections: 3})
	d.must(via(gortsplib.TransportTCP)).programme(0, 3) // has published: it waits no more
	d.published("live")
	d.dial()
	d.dial()
	p := d.dial()
	require.Empty(t, p.rest())
	d.attempt(ingest.ReasonTooMany)
	require.Len(t, d.gate.Inputs(), 1, "the one on air goes on")
}

func TestNobodyTakesThePortsOfAnother(t *testing.T) {
	d := serve(t, rtsp.Config{})
	udp := announce(sdpText) + setupRequest("RTP/AVP;unicast;client_port=5000-5001;mode=record") + request("RECORD", "rtsp://h/live", "", "")
	first := d.dial()
	first.say(udp)
	for range 3 {
		require.Contains(t, first.answer(), "200 OK")
	}
	second := d.dial()
	second.say(udp)
	second.answer()
	second.answer()
	require.Contains(t, second.answer(), "RTSP/1.0 400 ")
	require.Contains(t, d.attempt(ingest.ReasonBadMessage).Detail, "ports")
}

// What an attacker who knows the address, and not the ports, sends to ours goes nowhere.
func TestDatagramsOfStrangersAreNobodys(t *testing.T) {
	d := serve(t, rtsp.Config{})
	e := d.must(via(gortsplib.TransportUDP))
	e.programme(0, 3)
	d.published("live")
	c, err := net.Dial("udp", strings.Replace(d.address, d.address[strings.LastIndex(d.address, ":"):], fmt.Sprintf(":%d", d.udp.Port()), 1))
	require.NoError(t, err)
	defer c.Close()
	for range 100 {
		_, err := c.Write([]byte("\x80\x60 garbage"))
		require.NoError(t, err)
	}
	e.programme(3, 100)
	require.Eventually(t, func() bool { e.programme(103, 1); return d.gate.Inputs()[0].Bytes > 30000 }, deadline, tick)
	require.NotContains(t, d.log.String(), "bad packet")
}

// frame is a packet of RTP on channel 0.
func frame(t testing.TB, seq uint16, marker bool, nal []byte) string {
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Marker: marker}, Payload: nal}).Marshal()
	require.NoError(t, err)
	return string(append([]byte{'$', 0, byte(len(raw) >> 8), byte(len(raw))}, raw...))
}

// certificate is one that signs itself.
func certificate(t testing.TB) tls.Certificate {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return s.TLS.Certificates[0]
}

func TestRTSPS(t *testing.T) {
	d := serve(t, rtsp.Config{TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}})
	secure, err := tls.Dial("tcp", d.address, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer secure.Close()
	p := &peer{t, secure}
	p.say(announce(sdpText) + setupRequest("RTP/AVP;unicast;client_port=5000-5001;mode=record"))
	require.Contains(t, p.answer(), "200 OK")
	require.Contains(t, p.answer(), "461 ", "nothing goes beside TLS")
	p.say(setupRequest("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record") + request("RECORD", "rtsp://h/live", "", ""))
	require.Contains(t, p.answer(), "200 OK")
	require.Contains(t, p.answer(), "200 OK")
	for i, nal := range [][]byte{sps, pps, idr[:1000]} {
		p.say(frame(t, uint16(i), i == 2, nal))
	}
	d.published("live")
	require.Equal(t, "rtsps", d.gate.Inputs()[0].Protocol)
	p.say(request("TEARDOWN", "rtsp://h/live", "", ""))
	require.Contains(t, p.answer(), "200 OK")
	d.attempt(ingest.ReasonUnpublished)

	p = d.dial()
	p.say("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
	p.rest()
	require.Contains(t, d.attempt(ingest.ReasonBadHandshake).Fix, "rtsps://")
}

func TestAnUnknownMethodIsAnsweredAndNoMore(t *testing.T) {
	d := serve(t, rtsp.Config{})
	p := d.dial()
	for _, method := range []string{"REDIRECT", "PAUSE", "ANYTHING"} {
		p.say(request(method, "rtsp://h/live", "", ""))
		answer := p.answer()
		require.Contains(t, answer, "405 ")
		require.Contains(t, answer, "Allow: OPTIONS, ANNOUNCE")
	}
	p.say(request("OPTIONS", "*", "", ""))
	require.Contains(t, p.answer(), "Public: OPTIONS, ANNOUNCE")
	p.say(announce(sdpText) + setupRequest("RTP/SAVP;unicast;client_port=5000-5001") + setupRequest("RTP/AVP;multicast") + setupRequest("nonsense"))
	require.Contains(t, p.answer(), "200 OK")
	for range 3 {
		require.Contains(t, p.answer(), "461 ", "the encoder may ask for another transport")
	}
	p.say(setupRequest("RTP/AVP/TCP;unicast;interleaved=4-5;mode=record") + request("RECORD", "rtsp://h/live", "Session: another\r\n", ""))
	answer := p.answer()
	require.Contains(t, answer, "interleaved=4-5")
	require.Contains(t, answer, "Session: ")
	require.Contains(t, p.answer(), "454 ")
}
