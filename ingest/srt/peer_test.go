package srt_test

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"

	gosrt "github.com/datarhei/gosrt"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest/srt"
)

// spoil stands between a caller and the server, forwards, and sends under the caller's name.
type spoil struct {
	front, back *net.UDPConn
	caller      chan netip.AddrPort
}

func newSpoil(t *testing.T, target string) *spoil {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	back, err := net.Dial("udp", target)
	require.NoError(t, err)
	s := &spoil{front: front, back: back.(*net.UDPConn), caller: make(chan netip.AddrPort, 1)}
	var running sync.WaitGroup
	running.Go(s.forth)
	running.Go(s.home)
	t.Cleanup(func() {
		front.Close()
		back.Close()
		running.Wait()
	})
	return s
}

func (s *spoil) forth() {
	b := make([]byte, 2000)
	for known := false; ; known = true {
		n, from, err := s.front.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if !known {
			s.caller <- from
		}
		_, _ = s.back.Write(b[:n])
	}
}

func (s *spoil) home() {
	var to netip.AddrPort
	b := make([]byte, 2000)
	for {
		n, err := s.back.Read(b)
		if err != nil {
			return
		}
		if !to.IsValid() {
			to = <-s.caller
		}
		_, _ = s.front.WriteToUDPAddrPort(b[:n], to)
	}
}

// garbage is a packet to a socket: of control, of all types but a goodbye, or of data.
func garbage(dice *rand.Rand, socket uint32) []byte {
	b := make([]byte, 16+dice.IntN(120))
	for i := range b {
		b[i] = byte(dice.Uint32())
	}
	if dice.IntN(5) > 0 {
		kinds := []byte{0, 1, 2, 3, 4, 6, 7, 8}
		b[0], b[1], b[2], b[3] = 0x80, kinds[dice.IntN(len(kinds))], 0, byte(dice.IntN(6))
		if dice.IntN(4) == 0 {
			b[0], b[1] = 0xFF, 0xFF // of extensions
		}
	}
	b[12], b[13], b[14], b[15] = byte(socket>>24), byte(socket>>16), byte(socket>>8), byte(socket)
	if len(b) > 60 && dice.IntN(2) == 0 {
		b = b[:16+4*dice.IntN(8)]
	}
	return b
}

// An admitted encoder sends garbage in the protocol's own packets: at worst it loses its connection.
func TestHostilePeer(t *testing.T) {
	phrases, err := srt.ParsePassphrases("other=" + passphrase)
	require.NoError(t, err)
	d := serve(t, srt.Config{Passphrases: phrases})
	dice := rand.New(rand.NewChaCha8([32]byte{3}))
	for round := range 8 {
		s := newSpoil(t, d.address)
		c := gosrt.DefaultConfig()
		if c.StreamId = key; round%2 == 0 {
			c.StreamId, c.Passphrase = otherKey, passphrase
		}
		conn, err := gosrt.Dial("srt", s.front.LocalAddr().String(), c)
		require.NoError(t, err)
		for range 3000 {
			_, _ = s.back.Write(garbage(dice, conn.PeerSocketId()))
		}
		drain(conn)
	}
	conn, err := dial(d, key, "", 128)
	require.NoError(t, err)
	send(t, conn, programme(t))
	await(t, "another is on air", func() bool { return len(d.gate.Inputs()) > 0 })
	drain(conn)
}
