package player

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// contentTypes of what the build makes; a system's own table of types may be missing or wrong.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one file of the build in memory, plain and, where the build made it, compressed. It is never written again.
type file struct {
	contentType string
	etag        string // of the plain bytes
	plain       []byte
	gzip        []byte // nil: none
}

func readFile(files fs.FS, name string) (*file, error) {
	plain, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	gz, _ := fs.ReadFile(files, name+".gz")
	sum := sha256.Sum256(plain)
	return &file{
		contentType: contentTypes[path.Ext(name)],
		etag:        hex.EncodeToString(sum[:8]),
		plain:       plain,
		gzip:        gz,
	}, nil
}

// serve answers GET and HEAD with the file; headers of the caller's are kept.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Del("Cache-Control")
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, etag := f.plain, `"`+f.etag+`"`
	h.Set("Vary", "Accept-Encoding")
	if f.gzip != nil && acceptsGzip(r) {
		body, etag = f.gzip, `"`+f.etag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // an error here is the client's leaving
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip is acceptable when it, or else "*", is listed with a weight
// that is not zero.
func acceptsGzip(r *http.Request) bool {
	star := false
	for _, item := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(item, ";")
		acceptable := !zeroWeight(params)
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip":
			return acceptable
		case "*":
			star = acceptable
		}
	}
	return star
}

func zeroWeight(params string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(params), "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}

// matches reads If-None-Match (RFC 9110, 13.1.2), which compares weakly.
func matches(header, etag string) bool {
	for _, item := range strings.Split(header, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == etag || item == "*" {
			return true
		}
	}
	return false
}
