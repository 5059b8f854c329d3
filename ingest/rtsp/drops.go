package rtsp

import "github.com/stagecast/stagecast/ingest/wire"

// The causes for which something that was received makes no unit.
const (
	otherMedia   = iota // not one of the two that are taken
	badPacket           // not RTP or RTCP, or of another source
	badPayload          // not what the format says, or of a picture with a packet lost
	unconfigured        // came before its decoder configuration
	untimed             // a picture whose place in decoding order cannot be told
	emptyUnit           // no slice among its NAL units, or nothing at all
)

var causes = []wire.Cause{
	otherMedia: {Name: "other media", Quiet: true}, badPacket: {Name: "bad packet"}, badPayload: {Name: "bad payload"},
	unconfigured: {Name: "no decoder configuration", Quiet: true}, untimed: {Name: "no decoding time"}, emptyUnit: {Name: "empty unit"},
}
