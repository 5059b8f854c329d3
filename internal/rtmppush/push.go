// Package rtmppush publishes FLV over RTMP: the demo picture, tests, and the load generator come in through the same door
// as any encoder. It owns the client's end of one connection.
package rtmppush

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"
)

// Target is where to publish.
type Target struct {
	Address string // host:port
	App     string // "live"
	Key     string // secret
}

// The FLV tag types (FLV 10.1, E.4.1), which are also RTMP's message types.
const (
	tagAudio  = 8
	tagVideo  = 9
	tagScript = 18
)

// setup bounds how long a server may take until it lets us publish.
const setup = 10 * time.Second

// Run publishes the FLV that it reads from r, tag by tag and as fast as they come, until r or ctx ends; a Read of r must
// not outlast ctx. At the end of r it says goodbye and returns nil.
func Run(ctx context.Context, t Target, r io.Reader) error {
	c, err := open(ctx, t)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("rtmppush: %w", err)
	}
	defer c.conn.Close()
	if err := tags(ctx, c.stream, r); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("rtmppush: %w", err)
	}
	goodbye(c.stream)
	c.linger()
	return nil
}

// connection is one that publishes.
type connection struct {
	conn   *rtmp.ClientConn
	stream *rtmp.Stream
	err    error
}

// linger waits until the server has hung up, for a while: to close while what it has said is still unread would reset the
// connection, and take away from the server what it has not read yet.
func (c connection) linger() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * time.Second); c.conn.LastError() == nil && time.Now().Before(end); {
		<-tick.C
	}
}

// open dials and publishes. The library waits for each answer without an end: that is left behind when ctx ends or the
// server stays silent.
func open(ctx context.Context, t Target) (connection, error) {
	ctx, cancel := context.WithTimeout(ctx, setup)
	defer cancel()
	opened := make(chan connection)
	go func() {
		c := dial(t)
		select {
		case opened <- c:
		case <-ctx.Done():
			if c.conn != nil {
				c.conn.Close()
			}
		}
	}()
	select {
	case c := <-opened:
		return c, c.err
	case <-ctx.Done():
		return connection{}, ctx.Err()
	}
}

// dial's conn is nil if and only if there is an error.
func dial(t Target) connection {
	logrus.SetOutput(io.Discard) // the library talks to the process-wide logger, which nobody else uses
	conn, err := rtmp.DialWithDialer(&net.Dialer{Timeout: setup}, "rtmp", t.Address, &rtmp.ConnConfig{})
	if err != nil {
		return connection{err: err}
	}
	stream, err := publish(conn, t)
	if err != nil {
		conn.Close()
		return connection{err: err}
	}
	return connection{conn: conn, stream: stream}
}

func publish(conn *rtmp.ClientConn, t Target) (*rtmp.Stream, error) {
	err := conn.Connect(&message.NetConnectionConnect{Command: message.NetConnectionConnectCommand{
		App: t.App, Type: "nonprivate", FlashVer: "FMLE/3.0 (compatible; Stagecast)", TCURL: "rtmp://" + t.Address + "/" + t.App,
	}})
	if err != nil {
		return nil, err
	}
	stream, err := conn.CreateStream(nil, 65536)
	if err != nil {
		return nil, err
	}
	return stream, stream.Publish(&message.NetStreamPublish{PublishingName: t.Key, PublishingType: "live"})
}

// tags sends each tag of an FLV file as the message it holds, until ctx ends. The library bounds each write itself, and
// must not be closed during one: it would wait in vain.
func tags(ctx context.Context, stream *rtmp.Stream, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	if !bytes.Equal(head[:3], []byte("FLV")) {
		return errors.New("not FLV")
	}
	for ctx.Err() == nil {
		var tag [15]byte // the size of the tag before, and the head of this one
		if _, err := io.ReadFull(in, tag[:]); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		size := int(binary.BigEndian.Uint32(tag[4:8]) & 0xffffff)
		at := uint32(tag[11])<<24 | binary.BigEndian.Uint32(tag[7:11])&0xffffff
		payload := make([]byte, size)
		if _, err := io.ReadFull(in, payload); err != nil {
			return nil //nolint:nilerr // cut short by the end of the encoder
		}
		if err := send(stream, tag[4], at, payload); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// mediaChunks is the one chunk stream that everything after the setup goes through: the library keeps the order within a
// chunk stream only, and a goodbye would overtake the last picture on another.
const mediaChunks = 6

// goodbye closes the stream (RTMP 1.0, 7.2: a NetStream command goes on its message stream). A server that has gone by
// then is no error: all has been sent.
func goodbye(stream *rtmp.Stream) {
	const amfNull = 5
	_ = stream.Write(mediaChunks, 0, &message.CommandMessage{
		CommandName: "closeStream", Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader([]byte{amfNull}),
	})
}

func send(stream *rtmp.Stream, kind byte, at uint32, payload []byte) error {
	switch kind {
	case tagAudio:
		return stream.Write(mediaChunks, at, &message.AudioMessage{Payload: bytes.NewReader(payload)})
	case tagVideo:
		return stream.Write(mediaChunks, at, &message.VideoMessage{Payload: bytes.NewReader(payload)})
	case tagScript:
		return stream.Write(mediaChunks, at, &message.DataMessage{
			Name: "@setDataFrame", Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader(payload),
		})
	}
	return nil
}
