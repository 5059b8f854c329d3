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


// Run publishes the FLV that it reads from r, tag by tag and as fast as they come, until r or ctx ends. At the end of r it
// says goodbye and returns nil.
func Run(ctx context.Context, t Target, r io.Reader) error {
	logrus.SetOutput(io.Discard) // the library talks to the process-wide logger, which nobody else uses
	conn, err := rtmp.Dial("rtmp", t.Address, &rtmp.ConnConfig{})
	if err != nil {
		return fmt.Errorf("rtmppush: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	stream, err := publish(conn, t)
	if err != nil {
		return fmt.Errorf("rtmppush: %w", err)
	}
	if err := tags(stream, r); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("rtmppush: %w", err)
	}
	_ = conn.DeleteStream(&message.NetStreamDeleteStream{StreamID: stream.StreamID()})
	return nil
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

// tags sends each tag of an FLV file as the message it holds.
func tags(stream *rtmp.Stream, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	if !bytes.Equal(head[:3], []byte("FLV")) {
		return errors.New("not FLV")
	}
	for {
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
}

func send(stream *rtmp.Stream, kind byte, at uint32, payload []byte) error {
	switch kind {
	case tagAudio:
		return stream.Write(4, at, &message.AudioMessage{Payload: bytes.NewReader(payload)})
	case tagVideo:
		return stream.Write(6, at, &message.VideoMessage{Payload: bytes.NewReader(payload)})
	case tagScript:
		return stream.Write(8, at, &message.DataMessage{
			Name: "@setDataFrame", Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader(payload),
		})
	}
	return nil
}
