package packager

import (
	"strconv"
	"strings"
)

// A playlist that has ended does not go on (RFC 8216bis, EXT-X-ENDLIST): a rendition that comes back within its broadcast has
// one of its own, under a name that tells its life. No track's name has the mark in it.
const lifeMark = "_"

// lifeName is the name of a track's rendition in its nth life, the first being 1.
func lifeName(track string, life int) string {
	if life == 1 {
		return track
	}
	return track + lifeMark + strconv.Itoa(life)
}

// lifeOf is the track's name and the life that a rendition's name tells.
func lifeOf(name string) (track string, life int) {
	track, number, marked := strings.Cut(name, lifeMark)
	if n, err := strconv.Atoi(number); marked && err == nil && n > 1 {
		return track, n
	}
	return name, 1
}

// ended notes that a rendition of the given name is over.
func (p *Packager) ended(name string) {
	track, life := lifeOf(name)
	p.lives[track] = max(p.lives[track], life+1)
}
