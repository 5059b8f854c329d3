package cmaf

import "github.com/stagecast/stagecast/internal/media"

// The bounds of a frame rate that is believed, in frames per second, and of its denominator.
const (
	minRate = 1
	maxRate = 240
	maxDen  = 1001
)

// FrameRate is the ratio num/den in its lowest terms; 2997/100 and the like become the 30000/1001 that they stand for. It
// is zero, unknown, where no sane frame rate results.
func FrameRate(num, den int64) media.Rational {
	if num <= 0 || den <= 0 || num/den < minRate || num/den > maxRate {
		return media.Rational{}
	}
	rate := float64(num) / float64(den)
	for _, whole := range []int64{24, 30, 48, 60, 120} {
		ntsc := media.Rational{Num: whole * 1000, Den: 1001}
		if near(rate, ntsc.Float()) {
			return ntsc
		}
	}
	if whole := int64(rate + 0.5); near(rate, float64(whole)) {
		return media.Rational{Num: whole, Den: 1}
	}
	g := gcd(num, den)
	if den/g > maxDen {
		return media.Rational{}
	}
	return media.Rational{Num: num / g, Den: den / g}
}

// near tells 23.98 from 24: they are a thousandth apart.
func near(a, b float64) bool { return a > b*(1-2.5e-4) && a < b*(1+2.5e-4) }

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
