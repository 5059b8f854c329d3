package ingest

import (
	"errors"
	"strings"
)

// Role is the part that an input plays in its stream. A stream has one input of each at a time: a newer one of the same role
// takes over from an older one.
type Role string

// The roles.
const (
	Primary  Role = "primary" // the encoder; any key opens it but those of the backup
	Backup   Role = "backup"  // a second encoder that stands by, with a key of its own
	SlateOut Role = "slate"   // what we show ourselves while no encoder is there
)

// BackupSuffix follows the name of a stream where an Authorizer has found the key of its backup.
const BackupSuffix = "/backup"

// roleOf parts what an Authorizer answers.
func roleOf(answer string) (stream string, role Role) {
	if stream, backup := strings.CutSuffix(answer, BackupSuffix); backup {
		return stream, Backup
	}
	return answer, Primary
}

// other is the encoder that could take a role's place.
func (r Role) other() Role {
	if r == Backup {
		return Primary
	}
	return Backup
}

// encoder reports whether the role is that of a broadcaster.
func (r Role) encoder() bool { return r == Primary || r == Backup }

// SwitchReason names why another input went on air: log field and metric label.
type SwitchReason string

// The reasons.
const (
	SwitchLost   SwitchReason = "lost"   // the session of the one on air ended
	SwitchSilent SwitchReason = "silent" // nothing came from the one on air
	SwitchHealth SwitchReason = "health" // the other was clearly better for some seconds
	SwitchDrill  SwitchReason = "drill"  // the operator asked for it
	SwitchPinned SwitchReason = "pinned" // the operator wants this one whenever it is there
	SwitchReturn SwitchReason = "return" // an encoder is there again after the slate
)

// What can stand against the operator's wish.
var (
	ErrNoStream = errors.New("ingest: nothing of that stream is on air")
	ErrNoInput  = errors.New("ingest: the stream has no such input to switch to")
)
