package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Secret is shared by the nodes of a cluster. It never goes over the wire: a request proves that its sender has it, for one path and for
// a minute.
type Secret string

const (
	scheme = "Stagecast "
	drift  = time.Minute // that the clocks of two nodes may differ by
)

func (s Secret) sum(at, path string) string {
	m := hmac.New(sha256.New, []byte(s))
	m.Write([]byte(at + "\n" + path))
	return hex.EncodeToString(m.Sum(nil))
}

func (s Secret) sign(r *http.Request, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Authorization", scheme+at+" "+s.sum(at, r.URL.Path))
}

func (s Secret) signed(r *http.Request, now time.Time) bool {
	proof, ok := strings.CutPrefix(r.Header.Get("Authorization"), scheme)
	at, sum, _ := strings.Cut(proof, " ")
	unix, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || now.Sub(time.Unix(unix, 0)).Abs() > drift {
		return false
	}
	return hmac.Equal([]byte(sum), []byte(s.sum(at, r.URL.Path)))
}
