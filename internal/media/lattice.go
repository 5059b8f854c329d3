package media

// BoundarySlack is how far before a segment boundary, in ticks of VideoClockRate, an access unit may stand and still belong
// to the segment that starts there. It absorbs the rounding of frame rates such as 30000/1001 to ticks, and is below half a
// frame of any rate the house accepts. Whatever forces key frames and whatever cuts segments must use the same slack.
const BoundarySlack = 45

// Slot is the number of the segment that a video PTS belongs to: segment n of every rendition is the media between n·D and
// (n+1)·D of Unix time. segmentTicks is D in ticks of VideoClockRate.
func Slot(pts, segmentTicks int64) int64 {
	n, _ := floorDiv(pts+BoundarySlack, segmentTicks)
	return n
}

// Lattice is the set of instants k·Den/Num seconds since the Unix epoch on which every picture of a constant frame rate
// falls, whichever node stamps it.
type Lattice struct {
	Rate Rational // frames per second; must be Known
}

// Index is the number of the lattice point nearest to a time in ticks of VideoClockRate.
func (l Lattice) Index(ticks int64) int64 {
	// ticks·Num/(90000·Den) without overflow: split off whole seconds·Den, in which a whole number of frames fits.
	period := VideoClockRate * l.Rate.Den
	q, r := floorDiv(ticks, period)
	return q*l.Rate.Num + (r*l.Rate.Num+period/2)/period
}

// Ticks is the time of lattice point k in ticks of VideoClockRate, rounded to the nearest.
func (l Lattice) Ticks(k int64) int64 {
	period := VideoClockRate * l.Rate.Den
	q, r := floorDiv(k, l.Rate.Num)
	return q*period + (r*period+l.Rate.Num/2)/l.Rate.Num
}
