package check

import (
	"fmt"
	"io"
	"slices"
	"sync"
)

// maxFindings is how many findings of one rule are kept; the rest are only counted.
const maxFindings = 5

// Finding is one offence against a rule.
type Finding struct {
	Rule   string // Rule.ID
	Where  string // the playlist or resource
	Detail string
}

func (f Finding) String() string { return f.Rule + " " + f.Where + ": " + f.Detail }

// Result is what is known of one rule.
type Result struct {
	Rule     Rule
	Checks   int // times that the rule was put to the test; 0: not reached
	Broken   int // of those
	Findings []Finding
}

// Report gathers what was checked and what was found. The zero value is ready; it is safe for concurrent use.
type Report struct {
	mu      sync.Mutex // guards results
	results map[string]*Result
}

// Expect counts one test of a rule, and a finding where ok is false. It returns ok. The rule must be one of Rules.
func (r *Report) Expect(rule string, ok bool, where, format string, args ...any) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.results == nil {
		r.results = make(map[string]*Result)
	}
	res := r.results[rule]
	if res == nil {
		i, known := index[rule]
		if !known {
			panic("check: no rule " + rule)
		}
		res = &Result{Rule: Rules[i]}
		r.results[rule] = res
	}
	res.Checks++
	if ok {
		return true
	}
	res.Broken++
	if len(res.Findings) < maxFindings {
		res.Findings = append(res.Findings, Finding{rule, where, fmt.Sprintf(format, args...)})
	}
	return false
}

// Results are those of all rules, in the order of Rules.
func (r *Report) Results() []Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Result, len(Rules))
	for i, rule := range Rules {
		out[i].Rule = rule
		if res := r.results[rule.ID]; res != nil {
			out[i] = *res
			out[i].Findings = slices.Clone(res.Findings)
		}
	}
	return out
}

// Findings are those kept of all rules of the given levels; of every level where none is given.
func (r *Report) Findings(levels ...Level) []Finding {
	var out []Finding
	for _, res := range r.Results() {
		if len(levels) == 0 || slices.Contains(levels, res.Rule.Level) {
			out = append(out, res.Findings...)
		}
	}
	return out
}

// Conforms reports whether no MUST and no A-MUST is broken.
func (r *Report) Conforms() bool { return len(r.Findings(Must, AppleMust)) == 0 }

// WriteText prints the report by level: every rule kept, broken with its first findings, or not reached.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{w: w}
	results := r.Results()
	for _, level := range []Level{Must, AppleMust, Should, Ops} {
		p.level(level, results)
	}
	return p.err
}

// printer keeps the first error of a run of writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) level(level Level, results []Result) {
	var kept, broken, unreached int
	for _, res := range results {
		switch {
		case res.Rule.Level != level:
		case res.Checks == 0:
			unreached++
		case res.Broken > 0:
			broken++
		default:
			kept++
		}
	}
	p.printf("%s: %d kept, %d broken, %d not reached\n", level, kept, broken, unreached)
	for _, res := range results {
		if res.Rule.Level == level {
			p.result(res)
		}
	}
	p.printf("\n")
}

func (p *printer) result(res Result) {
	switch {
	case res.Checks == 0:
		p.printf("  %-4s  not reached         %s\n", res.Rule.ID, res.Rule.Text)
	case res.Broken == 0:
		p.printf("  %-4s  kept   %5d checks %s\n", res.Rule.ID, res.Checks, res.Rule.Text)
	default:
		p.printf("  %-4s  BROKEN %5d of %-5d %s [%s]\n", res.Rule.ID, res.Broken, res.Checks, res.Rule.Text, res.Rule.Source)
		for _, f := range res.Findings {
			p.printf("          %s: %s\n", f.Where, f.Detail)
		}
	}
}
