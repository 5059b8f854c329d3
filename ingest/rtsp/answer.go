package rtsp

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// inbound is one media of the session that a connection carries.
type inbound struct {
	announced
	ready    bool // SETUP was done
	channel  int  // interleaved: of RTP; that of RTCP is the next
	peer     [2]netip.AddrPort
	receiver *receiver
}

const methods = "OPTIONS, ANNOUNCE, SETUP, RECORD, GET_PARAMETER, SET_PARAMETER, TEARDOWN"

// answer acts on one request and replies. An error ends the connection, after the reply has told of it.
func (c *conn) answer(ctx context.Context, req *base.Request, beside *sync.WaitGroup) error {
	cseq := req.Header["CSeq"]
	if len(cseq) != 1 || len(cseq[0]) > 10 || strings.Trim(cseq[0], "0123456789") != "" {
		return ingest.Errorf(ingest.ReasonBadMessage, "a request without a number")
	}
	if agent := req.Header["User-Agent"]; len(agent) > 0 {
		c.request.Agent = wire.Printable(agent[0])
	}
	res, err := c.act(ctx, req)
	if err != nil && !errors.Is(err, errGoodbye) {
		res = refusal(err)
	}
	if res.Header == nil {
		res.Header = base.Header{}
	}
	res.Header["CSeq"] = cseq
	if c.id != "" {
		res.Header["Session"] = base.HeaderValue{c.id}
	}
	text, _ := res.Marshal() // never errs
	if _, failed := c.wire.Write(text); failed != nil && err == nil {
		return failed
	}
	if err == nil && req.Method == base.Record && res.StatusCode == base.StatusOK {
		return c.begin(ctx, beside)
	}
	return err
}

// act is what a request asks for.
func (c *conn) act(ctx context.Context, req *base.Request) (*base.Response, error) {
	if id := req.Header["Session"]; c.id != "" && len(id) == 1 {
		if own, _, _ := strings.Cut(id[0], ";"); own != c.id {
			return plainly(base.StatusSessionNotFound), nil
		}
	}
	switch req.Method {
	case base.Options:
		return &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Public": base.HeaderValue{methods}}}, nil
	case base.GetParameter, base.SetParameter: // encoders ask so whether we are still there
		return plainly(base.StatusOK), nil
	case base.Teardown:
		return plainly(base.StatusOK), errGoodbye
	case base.Describe, base.Play:
		return nil, &ingest.Error{Reason: ingest.ReasonNotPublishing}
	}
	if req.URL == nil {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "a request for nothing")
	}
	switch {
	case req.Method == base.Announce && c.session == nil:
		return c.announce(ctx, req)
	case req.Method == base.Setup && c.session == nil:
		return nil, &ingest.Error{Reason: ingest.ReasonNotPublishing}
	case req.Method == base.Setup && !c.recording:
		return c.setup(req)
	case req.Method == base.Record && c.session != nil && !c.recording:
		return c.record()
	case req.Method == base.Announce, req.Method == base.Setup, req.Method == base.Record:
		return plainly(base.StatusMethodNotValidInThisState), nil
	}
	res := plainly(base.StatusMethodNotAllowed)
	res.Header = base.Header{"Allow": base.HeaderValue{methods}}
	return res, nil
}

func plainly(code base.StatusCode) *base.Response { return &base.Response{StatusCode: code} }

// refusal says why to whoever reads the encoder's log.
func refusal(err error) *base.Response {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' { // of ISO 8859-1 and UTF-8, encoders show what is neither
			return '?'
		}
		return r
	}, ingest.Explain(err))
	return &base.Response{StatusCode: statusOf(ingest.ReasonOf(err)), StatusMessage: clean[:min(len(clean), 200)]}
}

func statusOf(r ingest.Reason) base.StatusCode {
	switch r {
	case ingest.ReasonWrongKey, ingest.ReasonKeyExpired, ingest.ReasonKeyInURL:
		return base.StatusUnauthorized
	case ingest.ReasonNotAllowed:
		return base.StatusForbidden
	case ingest.ReasonBadName:
		return base.StatusNotFound
	case ingest.ReasonTooMany, ingest.ReasonTooManyAttempts, ingest.ReasonShutdown, ingest.ReasonAuthUnavailable:
		return base.StatusServiceUnavailable
	case ingest.ReasonUnsupported, ingest.ReasonBadMedia:
		return base.StatusUnsupportedMediaType
	case ingest.ReasonNotPublishing:
		return base.StatusMethodNotAllowed
	case ingest.ReasonSlowSetup:
		return base.StatusRequestTimeout
	case ingest.ReasonBadMessage:
		return base.StatusBadRequest
	}
	return base.StatusInternalServerError
}

// announce asks the gate, and then reads what is announced (RFC 2326, 10.3).
func (c *conn) announce(ctx context.Context, req *base.Request) (*base.Response, error) {
	stream, err := streamName(req.URL)
	if err != nil {
		return nil, err
	}
	r := c.request
	r.Stream = stream
	given, err := c.credentials(req, &r)
	if err != nil {
		return nil, err
	}
	if !given {
		c.unproved = missing(req.URL)
		if c.asked == maxChallenges {
			return nil, c.unproved
		}
		return c.challenge(), nil
	}
	c.request.Stream = stream
	if err := c.open(ctx, r); err != nil {
		return nil, err
	}
	medias, err := parseDescription(req.Body)
	if err != nil {
		return nil, err
	}
	c.url = req.URL.String()
	c.log = c.log.With("stream", c.session.Stream())
	var tracks []*track
	for _, m := range medias {
		c.medias = append(c.medias, &inbound{announced: m})
		if m.track != nil {
			tracks = append(tracks, m.track)
		}
	}
	c.feed = newFeed(c.session, tracks, wire.NewDrops(causes, c.server.metrics.Dropped, c.log), c.log)
	return plainly(base.StatusOK), nil
}

// open asks the gate, for no longer than the set-up may last.
func (c *conn) open(ctx context.Context, r ingest.Request) (err error) {
	ctx, cancel := context.WithDeadline(ctx, c.wire.Armed().Add(c.server.cfg.SetupTimeout))
	defer cancel()
	c.session, err = c.server.gate.Open(ctx, r)
	c.refused = err != nil
	return err
}

// setup agrees on the transport of one media (RFC 2326, 10.4).
func (c *conn) setup(req *base.Request) (*base.Response, error) {
	at, m := c.find(req.URL.String())
	if m == nil {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "SETUP of a media that was not announced, or twice")
	}
	var offered headers.Transports
	if err := offered.Unmarshal(req.Header["Transport"]); err != nil {
		return plainly(base.StatusUnsupportedTransport), nil
	}
	for _, o := range offered {
		agreed, err := c.agree(at, m, o)
		if err != nil {
			return nil, err
		}
		if agreed == nil {
			continue
		}
		if c.id == "" {
			c.id = rand.Text()
		}
		m.ready = true
		unicast := headers.TransportDeliveryUnicast
		agreed.Delivery, agreed.Mode = &unicast, o.Mode
		return &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Transport": agreed.Marshal()}}, nil
	}
	return plainly(base.StatusUnsupportedTransport), nil
}

// find is the media that a URL of SETUP is for: that of ANNOUNCE and the control attribute (RFC 2326, C.1.1).
func (c *conn) find(u string) (int, *inbound) {
	for i, m := range c.medias {
		relative := m.control != "" && strings.HasSuffix(u, "/"+strings.TrimPrefix(m.control, "/"))
		alone := len(c.medias) == 1 && (m.control == "" || m.control == "*") && strings.TrimSuffix(u, "/") == strings.TrimSuffix(c.url, "/")
		if !m.ready && (relative || alone || m.control == u) {
			return i, m
		}
	}
	return 0, nil
}

// agree takes up a transport that is offered for a media, or returns nil. All medias have the same.
func (c *conn) agree(at int, m *inbound, o headers.Transport) (*headers.Transport, error) {
	first := c.id == ""
	multicast := o.Delivery != nil && *o.Delivery == headers.TransportDeliveryMulticast
	if o.Secure || multicast || !first && c.datagrams != (o.Protocol == headers.TransportProtocolUDP) {
		return nil, nil
	}
	if o.Protocol == headers.TransportProtocolTCP {
		m.channel = 2 * at
		if o.InterleavedIDs != nil {
			m.channel = o.InterleavedIDs[0]
		}
		if m.channel < 0 || m.channel > 254 || c.channelTaken(m) {
			return nil, ingest.Errorf(ingest.ReasonBadMessage, "a channel that is taken, or is none")
		}
		return &headers.Transport{Protocol: o.Protocol, InterleavedIDs: &[2]int{m.channel, m.channel + 1}}, nil
	}
	u := c.server.cfg.UDP
	if u == nil || o.ClientPorts == nil {
		return nil, nil
	}
	from, err := netip.ParseAddrPort(c.wire.RemoteAddr().String())
	if err != nil {
		return nil, nil
	}
	for i, port := range o.ClientPorts {
		if port < 1 || port > 65535 {
			return nil, ingest.Errorf(ingest.ReasonBadMessage, "port %d", port)
		}
		m.peer[i] = netip.AddrPortFrom(from.Addr(), uint16(port))
	}
	c.datagrams = true
	return &headers.Transport{Protocol: o.Protocol, ClientPorts: o.ClientPorts, ServerPorts: &[2]int{u.Port(), u.Port() + 1}}, nil
}

func (c *conn) channelTaken(m *inbound) bool {
	for _, other := range c.medias {
		if apart := other.channel - m.channel; other.ready && -2 < apart && apart < 2 {
			return true
		}
	}
	return false
}

// record makes all ready for media (RFC 2326, 10.11).
func (c *conn) record() (*base.Response, error) {
	for _, m := range c.medias {
		if !m.ready && m.track != nil {
			return plainly(base.StatusMethodNotValidInThisState), nil
		}
	}
	if c.datagrams {
		c.inbox = make(chan datagram, mailboxSize)
	}
	for i, m := range c.medias {
		if !m.ready {
			m.channel = -2 // none
		}
		if err := c.prepare(i, m); err != nil {
			return nil, err
		}
	}
	c.recording = true
	c.place.Published()
	return plainly(base.StatusOK), nil
}

// prepare makes the receiver of a media.
func (c *conn) prepare(at int, m *inbound) (err error) {
	var report func([]byte)
	if c.datagrams {
		report = func(b []byte) { c.server.cfg.UDP.report(b, m.peer[1]) }
	}
	if m.receiver, err = newReceiver(m.track, c.feed, report); err != nil {
		return err
	}
	if c.datagrams && m.ready {
		leave, err := c.server.cfg.UDP.join(m.peer[0], m.peer[1], at, c.inbox, func() { c.link.overflow.Add(1) })
		if err != nil {
			return &ingest.Error{Reason: ingest.ReasonBadMessage, Err: err}
		}
		c.leave = append(c.leave, leave)
	}
	return nil
}

// begin starts what goes on beside the connection's own goroutine while media comes.
func (c *conn) begin(ctx context.Context, beside *sync.WaitGroup) error {
	session := c.session
	beside.Go(func() {
		select {
		case <-session.Done():
			c.wire.Interrupt(asError(session.Cause()))
		case <-ctx.Done():
		}
	})
	if !c.datagrams {
		c.wire.Expect(c.server.cfg.MediaTimeout, ingest.ReasonNoMedia)
		return nil
	}
	c.wire.Patient()
	beside.Go(func() {
		if err := c.guard(func() error { return c.receive(ctx) }); err != nil {
			c.wire.Interrupt(asError(err))
		}
	})
	return nil
}

// asError is err as an *ingest.Error.
func asError(err error) *ingest.Error {
	if e := (*ingest.Error)(nil); errors.As(err, &e) {
		return e
	}
	return &ingest.Error{Reason: ingest.ReasonOf(err), Err: err}
}

func urlQuery(u *base.URL) url.Values { return (*url.URL)(u).Query() }
