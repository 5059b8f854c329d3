package player

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// forever is for files whose name changes with their content.
const forever = "public, max-age=31536000, immutable"

// assets serves a fixed set of files, all read once.
type assets struct {
	files map[string]*file // by request path
}

func newAssets(files fs.FS) http.Handler {
	a := &assets{make(map[string]*file)}
	entries, _ := fs.ReadDir(files, "assets") // none: not built
	for _, e := range entries {
		name := path.Join("assets", e.Name())
		if e.IsDir() || strings.HasSuffix(name, ".gz") || contentTypes[path.Ext(name)] == "" {
			continue
		}
		if f, err := readFile(files, name); err == nil {
			a.files["/"+name] = f
		}
	}
	return a
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(a.files) == 0 {
		notBuilt(w)
		return
	}
	f := a.files[r.URL.Path]
	if f == nil {
		// Not for long: while a new version spreads over the nodes, a page may ask one that does not have it yet.
		w.Header().Set("Cache-Control", "max-age=1")
		http.Error(w, "no such asset", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", forever)
	h.Set("Access-Control-Allow-Origin", "*")
	f.serve(w, r)
}
