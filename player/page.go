package player

import (
	"io/fs"
	"net/http"
)

// page serves one HTML file at whatever path it is asked for.
type page struct {
	file   *file // nil: not built
	policy string
	life   string
}

func newPage(files fs.FS, name, policy, life string) http.Handler {
	f, err := readFile(files, name)
	if err != nil {
		f = nil
	}
	return &page{f, policy, life}
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.file == nil {
		notBuilt(w)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", p.life)
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	p.file.serve(w, r)
}

func notBuilt(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "the web player is not in this binary: run make build", http.StatusServiceUnavailable)
}
