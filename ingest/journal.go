package ingest

import "strconv"

// journalLength is how many attempts the journal keeps.
const journalLength = 100

// journal is a ring of the last attempts, and the count of all by protocol and reason.
type journal struct {
	ring   []Attempt
	at     int // where the next one goes, once the ring is full
	counts map[count]int64
}

// count is what attempts are counted by.
type count struct {
	protocol string
	reason   Reason
	admitted bool
}

func newJournal() journal { return journal{counts: make(map[count]int64)} }

func (j *journal) add(a Attempt) {
	j.counts[count{a.Protocol, a.Reason, a.Admitted}]++
	if len(j.ring) < journalLength {
		j.ring = append(j.ring, a)
		return
	}
	j.ring[j.at] = a
	j.at = (j.at + 1) % journalLength
}

func (j *journal) newestFirst() []Attempt {
	out := make([]Attempt, 0, len(j.ring))
	for i := len(j.ring) - 1; i >= 0; i-- {
		out = append(out, j.ring[(j.at+i)%len(j.ring)])
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
