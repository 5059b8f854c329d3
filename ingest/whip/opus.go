package whip

import (
	"bytes"

	"github.com/stagecast/stagecast/internal/cmaf"
)

// opusConfig is for stereo of 48 kHz: RFC 7587 has all Opus over RTP be decodable as that, whatever the channels of a packet.
var opusConfig = cmaf.OpusConfig(2)

// opusDepacketizer reads RFC 7587: a packet is an access unit.
type opusDepacketizer struct{ packet []byte }

func (d *opusDepacketizer) reset() { d.packet = nil }

func (d *opusDepacketizer) push(p []byte) error {
	d.packet = bytes.Clone(p)
	return nil
}

func (d *opusDepacketizer) unit() (unit, error) {
	u := unit{payload: d.packet, randomAccess: true, config: opusConfig}
	d.packet = nil
	return u, nil
}
