package mpegts

import "sync/atomic"

// Counters of one stream. They only grow, and are safe for concurrent use.
type Counters struct {
	Units      atomic.Int64 // access units found, whether or not the session can use them yet
	Continuity atomic.Int64 // gaps in the continuity counters of the programme: packets that never came
	Damaged    atomic.Int64 // access units left out because a part of them never came or cannot be read
	Skipped    atomic.Int64 // bytes between packets that belong to none
	Scrambled  atomic.Int64 // packets that only a receiver with rights can read
}
