package player

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const script = "export const answer = 42;"

// built is a build as npm makes one.
func built(t *testing.T) fstest.MapFS {
	t.Helper()
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, err := z.Write([]byte(script))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return fstest.MapFS{
		"watch.html":             {Data: []byte("<!doctype html><title>watch</title>")},
		"assets/main-abc.js":     {Data: []byte(script)},
		"assets/main-abc.js.gz":  {Data: gz.Bytes()},
		"assets/style-def.css":   {Data: []byte("body{}")},
		"assets/notes.unknown":   {Data: []byte("secret")},
		"assets/deeper/inner.js": {Data: []byte("secret")},
	}
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPageIsTheSameForEveryStream(t *testing.T) {
	h := newPage(built(t), "watch.html", policy("'none'"), pageLife)
	one, other := get(h, "/live"), get(h, "/other")
	require.Equal(t, http.StatusOK, one.Code)
	require.Equal(t, one.Body.String(), other.Body.String())
	require.Equal(t, one.Header().Get("ETag"), other.Header().Get("ETag"))
	require.Equal(t, "public, max-age=60", one.Header().Get("Cache-Control"))
	require.Equal(t, "text/html; charset=utf-8", one.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", one.Header().Get("X-Content-Type-Options"))
}

func TestPolicyForbidsInlineScript(t *testing.T) {
	for _, directive := range strings.Split(policy("*"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), " ")
		if name == "script-src" {
			require.Equal(t, "'self'", value)
		}
		if name == "frame-ancestors" {
			require.Equal(t, "*", value)
		}
	}
	require.Contains(t, policy("'none'"), "default-src 'none'")
	require.Contains(t, policy("'none'"), "frame-ancestors 'none'")
}

func TestAssetsAreKeptForGood(t *testing.T) {
	h := newAssets(built(t))
	w := get(h, "/assets/main-abc.js")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, script, w.Body.String())
	require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
	require.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
	require.Empty(t, w.Header().Get("Content-Encoding"))
}

func TestAssetsAreSentCompressed(t *testing.T) {
	h := newAssets(built(t))
	for accept, compressed := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "*": true, "gzip, *;q=0": true,
		"gzip;q=0": false, "*, gzip;q=0": false, "br": false, "identity": false, "xgzip": false,
	} {
		w := get(h, "/assets/main-abc.js", "Accept-Encoding", accept)
		require.Equal(t, compressed, w.Header().Get("Content-Encoding") == "gzip", accept)
		if compressed {
			z, err := gzip.NewReader(w.Body)
			require.NoError(t, err)
			body, err := io.ReadAll(z)
			require.NoError(t, err)
			require.Equal(t, script, string(body))
		}
	}
	w := get(h, "/assets/style-def.css", "Accept-Encoding", "gzip")
	require.Empty(t, w.Header().Get("Content-Encoding"), "there is no compressed form")
	require.Equal(t, "body{}", w.Body.String())
}

func TestOnlyWhatTheBuildMadeIsServed(t *testing.T) {
	h := newAssets(built(t))
	for _, path := range []string{
		"/assets/none.js", "/assets/", "/assets", "/assets/main-abc.js.gz", "/assets/notes.unknown", "/assets/deeper/inner.js",
		"/assets/../watch.html", "/watch.html",
	} {
		w := get(h, path)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Equal(t, "max-age=1", w.Header().Get("Cache-Control"), path)
	}
}

func TestNotModified(t *testing.T) {
	h := newAssets(built(t))
	plain := get(h, "/assets/main-abc.js").Header().Get("ETag")
	compressed := get(h, "/assets/main-abc.js", "Accept-Encoding", "gzip").Header().Get("ETag")
	require.NotEqual(t, plain, compressed, "two representations have two tags")
	for header, code := range map[string]int{
		plain: 304, "W/" + plain: 304, `"x", ` + plain: 304, "*": 304, compressed: 200, `"x"`: 200,
	} {
		w := get(h, "/assets/main-abc.js", "If-None-Match", header)
		require.Equal(t, code, w.Code, header)
		if code == http.StatusNotModified {
			require.Zero(t, w.Body.Len())
		}
	}
}

func TestMethods(t *testing.T) {
	h := newAssets(built(t))
	for method, code := range map[string]int{http.MethodHead: 200, http.MethodPost: 405, http.MethodDelete: 405} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/assets/main-abc.js", nil))
		require.Equal(t, code, w.Code, method)
		if method == http.MethodHead {
			require.Zero(t, w.Body.Len())
			require.Equal(t, "25", w.Header().Get("Content-Length"))
		} else {
			require.Empty(t, w.Header().Get("Cache-Control"))
		}
	}
}

func TestUnbuiltSaysSo(t *testing.T) {
	empty := fstest.MapFS{".gitkeep": {}}
	for name, h := range map[string]http.Handler{
		"page":   newPage(empty, "watch.html", policy("*"), pageLife),
		"assets": newAssets(empty),
	} {
		w := get(h, "/assets/main-abc.js")
		require.Equal(t, http.StatusServiceUnavailable, w.Code, name)
		require.Contains(t, w.Body.String(), "run make build", name)
		require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"), name)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
	}
}

// TestEmbedded asks the exported handlers, whatever the tree was built with: all pages are there, or none is.
func TestEmbedded(t *testing.T) {
	ancestors := map[string]string{"watch": "'none'", "embed": "*", "status": "'none'"}
	codes := map[int]bool{}
	for name, h := range map[string]http.Handler{"watch": Watch(), "embed": Embed(), "status": Status()} {
		w := get(h, "/live")
		codes[w.Code] = true
		if w.Code == http.StatusOK {
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors "+ancestors[name])
			require.NotContains(t, w.Body.String(), "<style")
			for _, tag := range strings.SplitAfter(w.Body.String(), "<script")[1:] {
				attributes, rest, _ := strings.Cut(tag, ">")
				require.Contains(t, attributes, "src=", "no inline script")
				require.True(t, strings.HasPrefix(rest, "</script>"), "no inline script")
			}
		}
	}
	require.Len(t, codes, 1)
	codes[get(Assets(), "/assets/none").Code] = true
	require.True(t, codes[http.StatusServiceUnavailable] != codes[http.StatusNotFound])
}
