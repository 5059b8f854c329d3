package rtmp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
)

// selfSigned is a certificate for localhost that signs itself.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func serveTLS(t *testing.T) *running {
	return serve(t, rtmp.Config{TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}})
}

func TestRTMPS(t *testing.T) {
	s := serveTLS(t)
	conn, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	c := rtmptest.NewClient(conn)
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
	s.wait(published)
	c.Send(rtmptest.Join(rtmptest.Command(1, "closeStream", 0.0, nil)))
	require.Equal(t, "NetStream.Unpublish.Success", rtmptest.Status(c.Await())["code"])
	require.NoError(t, s.waitEnd().Err)
	require.Equal(t, "rtmps", s.wait(ended).Requests[0].Protocol)
}

func TestFFmpegPublishesOverTLS(t *testing.T) {
	s := serveTLS(t)
	run(t, "ffmpeg", "-v", "error", "-i", encode(t, "25"), "-c", "copy", "-f", "flv", "rtmps://"+s.address+"/live/"+rtmptest.Key)
	r := s.waitEnd()
	require.NoError(t, r.Err)
	require.Len(t, r.Of(1), 50)
}

func TestPlainRTMPOnTheTLSPort(t *testing.T) {
	s := serveTLS(t)
	conn, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(rtmptest.Handshake())
	require.NoError(t, err)
	log := s.wait(refused)
	require.Equal(t, ingest.ReasonBadHandshake, ingest.ReasonOf(log.Refusals[0]))
}

func TestATLSHandshakeThatIsNotFinished(t *testing.T) {
	s := serve(t, rtmp.Config{TLS: &tls.Config{}, SetupTimeout: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	defer conn.Close()
	log := s.wait(refused)
	require.Equal(t, ingest.ReasonSlowSetup, ingest.ReasonOf(log.Refusals[0]))
}
