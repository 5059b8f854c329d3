package device

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Write prints the table for people: what encodes and how fast, and what does not, why, and what to do about it.
func (t *Table) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n\n", t.FFmpeg)
	fmt.Fprintln(w, "DEVICE\tNAME\tCODEC\tENCODER\tRESULT")
	for _, e := range t.Devices {
		id, name := e.ID, e.title()
		for _, tr := range e.Trials {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", id, name, tr.Codec, tr.Encoder, tr.result())
			id, name = "", ""
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	said := make(map[string]bool)
	for _, e := range t.Devices {
		for _, tr := range e.Trials {
			if tr.Works || said[e.ID+tr.Detail] {
				continue
			}
			said[e.ID+tr.Detail] = true
			if _, err := fmt.Fprintf(out, "\n%s, %s: %s\n  %s\n", e.ID, tr.Codec, tr.Reason, tr.Detail); err != nil {
				return err
			}
			if tr.Fix != "" {
				fmt.Fprintf(out, "  what to do: %s\n", tr.Fix)
			}
		}
	}
	return nil
}

func (e *Entry) title() string {
	s := e.Name
	if e.Cores > 0 {
		s += fmt.Sprintf(", %d cores", e.Cores)
	}
	if e.Memory > 0 {
		s += fmt.Sprintf(", %d GiB", (e.Memory+1<<29)>>30)
	}
	if e.Driver != "" {
		s += ", driver " + e.Driver
	}
	return s
}

func (t Trial) result() string {
	if !t.Works {
		return "no: " + string(t.Reason)
	}
	s := "yes"
	for i, sp := range t.Speeds {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += fmt.Sprintf("%s%.0f Mpx/s %s", sep, sp.PixelsPerSecond/1e6, sp.Preset)
	}
	return s
}
