package rtmp

import (
	"context"
	"errors"
	"sync"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// command is a remote call (RTMP 1.0, 7.2): name, transaction, command object, arguments.
type command struct {
	name        string
	transaction float64
	object      object
	args        []any
}

func parseCommand(m message) (command, error) {
	r := amfReader{data: m.amf0()}
	values, err := r.all()
	if err != nil {
		return command{}, err
	}
	var c command
	named := false
	if len(values) > 0 {
		c.name, named = values[0].(string)
	}
	if !named {
		return command{}, ingest.Errorf(ingest.ReasonBadMessage, "a command without a name")
	}
	if len(values) > 1 {
		c.transaction, _ = values[1].(float64) // 0, where it is missing, asks for no answer
	}
	if len(values) > 2 {
		c.object, _ = values[2].(object)
		c.args = values[3:]
	}
	return c, nil
}

// command acts on one call. Its answers are left in c.out.
func (c *conn) command(ctx context.Context, m message, watching *sync.WaitGroup) error {
	cmd, err := parseCommand(m)
	if err != nil {
		return err
	}
	if c.stage == fresh && cmd.name != "connect" {
		return ingest.Errorf(ingest.ReasonBadMessage, "a command before connect")
	}
	switch cmd.name {
	case "connect":
		return c.connect(cmd)
	case "createStream":
		c.streams++
		c.reply("_result", cmd.transaction, nil, float64(c.streams))
	case "releaseStream":
		c.reply("_result", cmd.transaction, nil, nil)
	case "FCPublish":
		c.reply("_result", cmd.transaction, nil, nil)
		c.reply("onFCPublish", 0, nil, status("status", "NetStream.Publish.Start", "Go on."))
	case "publish":
		return c.publish(ctx, cmd, m.streamID, watching)
	case "FCUnpublish":
		c.reply("onFCUnpublish", 0, nil, status("status", "NetStream.Unpublish.Success", "Goodbye."))
		return errGoodbye
	case "deleteStream", "closeStream":
		return errGoodbye
	case "play", "play2":
		c.stage, c.stream = publishing, m.streamID // which asks for the answer on the stream
		return &ingest.Error{Reason: ingest.ReasonNotPublishing}
	case "_result", "_error", "onStatus":
		// answers to calls that we do not make
	default:
		c.reply("_error", cmd.transaction, nil, status("error", "NetConnection.Call.Failed", "No such command."))
	}
	return nil
}

// connect opens the connection to our one application (RTMP 1.0, 7.2.1.1).
func (c *conn) connect(cmd command) error {
	if c.stage != fresh {
		return ingest.Errorf(ingest.ReasonBadMessage, "a second connect")
	}
	c.stage, c.transaction = connecting, cmd.transaction
	c.request.Agent = wire.Printable(cmd.object.text("flashVer"))
	c.app = cmd.object.text("app")
	c.out = appendControl(c.out, typeSetChunkSize, outChunkSize)
	if err := checkApplication(c.app); err != nil {
		return err
	}
	c.out = appendControl(c.out, typeWindowAckSize, ackWindow)
	c.out = appendControl(c.out, typePeerBandwidth, ackWindow, bandwidthDynamic)
	c.reply("_result", cmd.transaction, serverProperties, append(
		status("status", "NetConnection.Connect.Success", "Connection succeeded."),
		member{"objectEncoding", 0.0}, // AMF0, whatever was asked for
	))
	c.stage = connected
	return nil
}

// publish asks the gate (RTMP 1.0, 7.2.2.6). The type, "live" or "record", is nothing to us.
func (c *conn) publish(ctx context.Context, cmd command, stream uint32, watching *sync.WaitGroup) error {
	if c.stage != connected {
		return ingest.Errorf(ingest.ReasonBadMessage, "publish before connect, or a second time")
	}
	c.stage, c.stream = publishing, stream
	name := ""
	if len(cmd.args) > 0 {
		name, _ = cmd.args[0].(string)
	}
	key, err := streamKey(c.app, name)
	if err != nil {
		return err
	}
	if c.session, err = c.open(ctx, key); err != nil {
		c.refused = true
		return err
	}
	session := c.session
	watching.Go(func() {
		select {
		case <-session.Done():
			c.wire.Interrupt(asError(session.Cause()))
		case <-ctx.Done():
		}
	})
	c.log = c.log.With("stream", session.Stream())
	c.feed = newFeed(session, wire.NewDrops(causes, c.server.metrics.Dropped, c.log), c.log)
	c.place.Published()
	c.chunks.admitted = true
	c.reply("onStatus", 0, nil, status("status", "NetStream.Publish.Start", "Publishing."))
	c.wire.Expect(c.server.cfg.MediaTimeout, ingest.ReasonNoMedia)
	return nil
}

// open asks the gate with the key, for no longer than the set-up may last.
func (c *conn) open(ctx context.Context, key string) (wire.Session, error) {
	ctx, cancel := context.WithDeadline(ctx, c.wire.Armed().Add(c.server.cfg.SetupTimeout))
	defer cancel()
	r := c.request
	r.Key = key
	return c.server.gate.Open(ctx, r)
}

// asError is err as an *ingest.Error.
func asError(err error) *ingest.Error {
	if e := (*ingest.Error)(nil); errors.As(err, &e) {
		return e
	}
	return &ingest.Error{Reason: ingest.ReasonOf(err), Err: err}
}
