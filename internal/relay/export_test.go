package relay

import (
	"net/http"
	"time"
)

// Sign is what a Client does to its requests.
func Sign(s Secret, r *http.Request) { s.sign(r, time.Now()) }
