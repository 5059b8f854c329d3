package rtmp

import "github.com/stagecast/stagecast/ingest"

// bandwidthDynamic is the limit type of Set Peer Bandwidth (RTMP 1.0, 5.4.5).
const bandwidthDynamic = 2

// canTake is E-RTMP's FourCcInfoMask: CanDecode and CanForward.
const canTake = 0x01 | 0x04

// serverProperties is what connect tells of us. Encoders look for a Flash Media Server of version 3 or later.
//
// E-RTMP v2, Enhancing NetConnection connect Command: "The server SHOULD state its support via attributes such as
// videoFourCcInfoMap, capsEx, and similar properties." capsEx says Multitrack and ModEx.
var serverProperties = object{
	{"fmsVer", "FMS/3,5,7,7009"},
	{"capabilities", 31.0},
	{"fourCcList", []any{"avc1", "hvc1", "av01", "vp09", "mp4a", "Opus"}},
	{"videoFourCcInfoMap", object{{"avc1", float64(canTake)}, {"hvc1", float64(canTake)}, {"av01", float64(canTake)}, {"vp09", float64(canTake)}}},
	{"audioFourCcInfoMap", object{{"mp4a", float64(canTake)}, {"Opus", float64(canTake)}}},
	{"capsEx", float64(0x02 | 0x04)},
}

// status is an information object (RTMP 1.0, 7.2.2).
func status(level, code, description string) object {
	return object{{"level", level}, {"code", code}, {"description", description}}
}

// reply appends a command of ours to the answers. It goes to the stream that is published; before, to the connection.
func (c *conn) reply(name string, transaction float64, values ...any) {
	payload := appendAMF(appendAMF(nil, name, transaction), values...)
	c.out = appendMessage(c.out, commandChunks, message{typeID: typeCommand, streamID: c.stream, payload: payload})
}

// tell says to the encoder why the connection ends. It reports whether the peer may be reading that.
func (c *conn) tell(err error) bool {
	reason := ingest.ReasonOf(err)
	if c.stage == fresh || reason == ingest.ReasonDisconnected {
		return false
	}
	switch {
	case err == nil && c.session == nil:
	case err == nil:
		c.reply("onStatus", 0, nil, status("status", "NetStream.Unpublish.Success", "Goodbye."))
	case c.stage == connecting:
		c.reply("_error", c.transaction, nil, status("error", "NetConnection.Connect.Rejected", ingest.Explain(err)))
	case c.stage == connected:
		c.reply("onStatus", 0, nil, status("error", "NetConnection.Connect.Closed", ingest.Explain(err)))
	default:
		c.reply("onStatus", 0, nil, status("error", streamCode(reason), ingest.Explain(err)))
	}
	return c.flush() == nil
}

// streamCode is the code that encoders know for a reason.
func streamCode(r ingest.Reason) string {
	switch r {
	case ingest.ReasonNotPublishing:
		return "NetStream.Play.Failed"
	case ingest.ReasonWrongKey, ingest.ReasonKeyExpired, ingest.ReasonTooManyAttempts, ingest.ReasonBadName:
		return "NetStream.Publish.BadName"
	}
	return "NetStream.Publish.Denied"
}
