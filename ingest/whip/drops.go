package whip

import "github.com/stagecast/stagecast/ingest/wire"

// The causes for which an access unit is not published.
const (
	lost         = iota // packets of it never came
	unreadable          // they break the rules of their payload format
	unconfigured        // came before its decoder configuration
	undecodable         // what it refers to is missing, or its decoder configuration is held off
	otherLayer          // of a picture whose larger layer is on air
)

var causes = []wire.Cause{
	lost: {Name: "lost"}, unreadable: {Name: "unreadable"}, unconfigured: {Name: "no decoder configuration"},
	undecodable: {Name: "waits for key frame"}, otherLayer: {Name: "other layer", Quiet: true},
}
