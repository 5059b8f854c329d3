package check

import (
	"errors"

	"github.com/stagecast/stagecast/internal/hls"
)

// ruleOf says which rule a fault of grammar breaks: that of its tag where there is one, else that of its kind.
func ruleOf(p hls.Problem) string {
	switch {
	case p.Kind == hls.BadEncoding:
		return "L01"
	case p.Tag == "EXT-X-PART":
		return "L29"
	case p.Tag == "EXT-X-SKIP" && (p.Kind == hls.MissingAttribute || p.Kind == hls.BadStructure):
		return "L57"
	case p.Tag == "EXT-X-RENDITION-REPORT" && p.Kind == hls.MissingAttribute:
		return "L39"
	case p.Tag == "EXT-X-STREAM-INF" && p.Kind == hls.MissingAttribute:
		return "L90"
	case p.Tag == "EXT-X-MEDIA" && p.Kind == hls.MissingAttribute:
		return "L93"
	case p.Tag == "EXT-X-PROGRAM-DATE-TIME" && p.Kind == hls.BadSyntax:
		return "L84"
	case p.Tag == "EXT-X-TARGETDURATION" && p.Kind == hls.BadSyntax:
		return "L07"
	case p.Kind == hls.BadStructure:
		return "L04"
	}
	return "L03"
}

// Grammar reports what a parser of package hls found. The rules of grammar count as kept where err is nil.
func Grammar(r *Report, where string, err error) {
	for _, rule := range []string{"L01", "L03", "L04"} {
		r.Expect(rule, true, where, "")
	}
	var problems hls.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			r.Expect(ruleOf(p), false, where, "%v", p)
		}
	}
}
