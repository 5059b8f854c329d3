//go:build e2e

package e2e_test

import (
	"net"
	"sync"
	"testing"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

const cameraPassword = "wC2-secret-of-camera"

// camera is an RTSP server as cameras are: whoever wants to see must answer its digest. What it shows is what an encoder of
// the test publishes to it.
type camera struct {
	t       *testing.T
	address string
	server  *gortsplib.Server

	mu     sync.Mutex // guards stream
	stream *gortsplib.ServerStream
}

// freeAddress is one that nobody has.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// turnOn starts the camera at its address; it is turned off at the end of the test.
func (c *camera) turnOn() {
	c.t.Helper()
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: c.address, AuthMethods: []auth.VerifyMethod{auth.VerifyMethodDigestMD5}}
	require.NoError(c.t, c.server.Start())
	c.t.Cleanup(c.turnOff)
}

func (c *camera) turnOff() {
	c.server.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream != nil {
		c.stream.Close()
		c.stream = nil
	}
}

func (c *camera) shown() *gortsplib.ServerStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream
}

// url is what the server under test is told.
func (c *camera) url() string { return "rtsp://viewer:" + cameraPassword + "@" + c.address + "/view" }

func fine() *base.Response { return &base.Response{StatusCode: base.StatusOK} }

func (c *camera) OnAnnounce(x *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	stream := &gortsplib.ServerStream{Server: c.server, Desc: x.Description}
	if err := stream.Initialize(); err != nil {
		return &base.Response{StatusCode: base.StatusBadRequest}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = stream
	return fine(), nil
}

func (c *camera) OnRecord(x *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	stream := c.shown()
	x.Session.OnPacketRTPAny(func(m *description.Media, _ format.Format, p *rtp.Packet) { _ = stream.WritePacketRTP(m, p) })
	return fine(), nil
}

func (c *camera) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !x.Conn.VerifyCredentials(x.Request, "viewer", cameraPassword) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	stream := c.shown()
	if stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return fine(), stream, nil
}

func (c *camera) OnSetup(x *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if x.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return fine(), nil, nil
	}
	return fine(), c.shown(), nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return fine(), nil
}
