package rtmp

import "github.com/stagecast/stagecast/ingest/wire"

// The causes for which a media message makes no unit.
const (
	otherTrack   = iota // more than we take, or of a codec that we do not carry
	emptyMessage        // E-RTMP's "audio silence", or an encoder that idles
	unknownPacket
	unconfigured // came before its decoder configuration
	emptyUnit    // no slice among its NAL units, or nothing at all
	badMetadata
)

var causes = []wire.Cause{
	otherTrack: {Name: "other track", Quiet: true}, emptyMessage: {Name: "empty message", Quiet: true}, unknownPacket: {Name: "unknown packet"},
	unconfigured: {Name: "no decoder configuration"}, emptyUnit: {Name: "empty unit"}, badMetadata: {Name: "bad metadata"},
}
