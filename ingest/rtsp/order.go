package rtsp

import "slices"

const (
	maxReorder  = 16        // pictures; what the standards allow
	defaultStep = 3000      // ticks between pictures where nothing says how many there are
	jumpSpan    = 5 * 90000 // ticks between two pictures in a row that are not one run of them
	unknown     = -1        // reordering of a stream that does not declare it
)

// order finds the decoding times of pictures, of which RTP carries only the times of presentation.
//
// A decoder that holds back n pictures to bring them into order shows one with each that it decodes. So the n-th last but
// least of the times of presentation so far is the decoding time of the picture at hand. Streams declare n; of one that
// does not, it is taken for none until a picture comes that should have been shown before.
type order struct {
	reorder int   // n
	step    int64 // ticks between pictures
	held    []int64
	started bool
	lastPTS int64
	lastDTS int64
}

// declare says how many pictures are held back, or unknown, and how far apart they are.
func (o *order) declare(reorder int, step int64) {
	if reorder != unknown {
		*o = order{reorder: min(reorder, maxReorder), step: step}
		return
	}
	*o = order{reorder: o.reorder, step: step}
}

// next is the decoding time of the next picture in decoding order. It rises, and is later than pts only where the stream
// breaks what it declared.
func (o *order) next(pts int64) int64 {
	if apart := pts - o.lastPTS; o.started && max(apart, -apart) > jumpSpan {
		o.held, o.started = o.held[:0], false
	}
	o.lastPTS = pts
	if !o.started {
		o.started = true
		for n := o.reorder; n > 0; n-- { // as if there had been pictures before
			o.held = append(o.held, pts-int64(n)*o.step)
		}
		o.lastDTS = pts - int64(o.reorder)*o.step - 1
	}
	at, _ := slices.BinarySearch(o.held, pts)
	o.held = slices.Insert(o.held, at, pts)
	dts := o.held[0]
	if dts <= o.lastDTS && at == 0 && o.reorder < maxReorder {
		o.reorder++ // one more than thought: the time is given out again, after the next
		dts = o.lastDTS + 1
	} else {
		o.held = slices.Delete(o.held, 0, 1)
		dts = max(dts, o.lastDTS+1)
	}
	o.lastDTS = dts
	return dts
}
