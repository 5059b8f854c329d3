// Package player holds the pages that people see, built by npm into dist and embedded: the watch page, the embed page and the
// operator's status page, with the scripts and styles they load.
//
// It serves files and nothing else. What the pages ask of the server (playlists, status, the operator's API) is the
// business of other packages.
package player

import (
	"embed"
	"io/fs"
	"net/http"
)

// dist is empty but for .gitkeep until `npm run build` has run; the handlers then say so.
//
//go:embed all:dist
var dist embed.FS

// Files is what the build made: the pages and the folder assets.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return sub
}

// Watch serves the page that plays the stream its path names: `/STREAM`.
func Watch() http.Handler { return newPage(Files(), "watch.html", policy("'none'"), pageLife) }

// Embed serves the page for other people's iframes: `/embed/STREAM`.
func Embed() http.Handler { return newPage(Files(), "embed.html", policy("*"), pageLife) }

// Status serves the operator's page. It holds nothing secret: the operator's API asks for the token.
func Status() http.Handler { return newPage(Files(), "status.html", policy("'none'"), "no-cache") }

// Assets serves what the pages load: `/assets/…`. Names carry a hash of the content, so browsers and caches may keep them
// for good.
func Assets() http.Handler { return newAssets(Files()) }

// pageLife lets caches share one copy of a page among all viewers, and has a new version reach them within a minute.
const pageLife = "public, max-age=60"

// policy is the Content-Security-Policy of a page that ancestors may frame. Scripts come from this server alone and never
// stand in the page; styles may, because the controls' shadow trees carry their own. Media Source plays from blob: URLs.
func policy(ancestors string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
		"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
}
