package deps_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/stagecast/stagecast/"

// arrows is the map: each package of ours, and which others of ours its code may import. Arrows point up the stream and
// down to the language. A new arrow is a line here and a sentence in the commit.
var arrows = map[string]string{
	"cmd/stagecast": "ingest ingest/hls ingest/pull ingest/rtmp ingest/rtsp ingest/slate ingest/srt ingest/udp ingest/whip transcode transcode/device transcode/cluster packager origin origin/preview origin/store player internal/auth internal/certificate internal/certificate/acme internal/control internal/ffmpeg internal/hub " +
		"internal/registry internal/relay internal/rtmppush internal/telemetry internal/web",

	"ingest":               "internal/bpm internal/cmaf internal/hub internal/media internal/nal",
	"ingest/hls":           "ingest ingest/pull internal/media internal/nal",
	"ingest/slate":         "ingest internal/ffmpeg internal/ffmpeg/nut internal/media",
	"ingest/mpegts":        "ingest internal/media internal/nal",
	"ingest/pull":          "ingest ingest/wire",
	"ingest/srt":           "ingest ingest/mpegts ingest/pull",
	"ingest/udp":           "ingest ingest/mpegts ingest/pull",
	"ingest/rtmp":          "ingest ingest/pull ingest/wire internal/media internal/nal internal/obu",
	"ingest/rtsp":          "ingest ingest/pull ingest/wire internal/cmaf internal/media internal/nal",
	"ingest/wire":          "ingest internal/media",
	"ingest/rtmp/rtmptest": "ingest internal/media",
	"ingest/whip":          "ingest ingest/wire internal/cmaf internal/media internal/nal internal/obu",
	"transcode":            "transcode/device internal/cmaf internal/ffmpeg internal/ffmpeg/nut internal/hub internal/media",
	"transcode/device":     "internal/ffmpeg internal/media",
	"transcode/cluster":    "transcode internal/hub internal/media internal/registry internal/relay",
	"packager":             "internal/cmaf internal/hls internal/hub internal/media",
	"origin":               "origin/store packager internal/hls internal/media",
	"player":               "",

	"origin/preview":         "internal/ffmpeg internal/hls",
	"origin/store":           "",
	"origin/store/storetest": "origin/store",

	"internal/auth":                  "ingest",
	"internal/control":               "ingest origin",
	"internal/bpm":                   "internal/media",
	"internal/bpm/bpmtest":           "internal/bpm internal/media",
	"internal/hub":                   "internal/media",
	"internal/lossy":                 "",
	"internal/media":                 "",
	"internal/hls":                   "",
	"internal/hls/check":             "internal/hls",
	"internal/hls/check/live":        "internal/cmaf/check internal/hls internal/hls/check",
	"internal/cmaf":                  "internal/media",
	"internal/cmaf/check":            "internal/hls internal/hls/check",
	"internal/cmaf/check/cmaftest":   "",
	"internal/ffmpeg":                "internal/media internal/nal internal/obu",
	"internal/ffmpeg/nut":            "",
	"internal/rtmppush":              "",
	"internal/registry":              "",
	"internal/registry/registrytest": "internal/registry",
	"internal/relay":                 "internal/cmaf internal/hub internal/media",
	"internal/nal":                   "internal/media",
	"internal/obu":                   "",
	"internal/telemetry":             "",
	"internal/web":                   "",
	"internal/certificate":           "",
	"internal/certificate/acme":      "internal/certificate",
	"internal/deps":                  "",

	"e2e":         "",
	"e2e/conform": "internal/hls/check/live",
}

// pkg is what the go command says of a package of ours, without the module's path.
type pkg struct {
	ImportPath string
	Imports    []string // of its code
	tests      []string // of its tests
}

// packages asks the go command about all of ours.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = "../.."
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p struct {
			pkg
			TestImports, XTestImports []string
		}
		require.NoError(t, d.Decode(&p))
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		p.tests = append(p.TestImports, p.XTestImports...)
		all = append(all, p.pkg)
	}
	require.NotEmpty(t, all)
	return all
}

// ours are the imports that are packages of ours, without the module's path.
func ours(imports []string) (out []string) {
	for _, i := range imports {
		if name, ok := strings.CutPrefix(i, module); ok {
			out = append(out, name)
		}
	}
	return out
}

func TestImportsFollowTheMap(t *testing.T) {
	for _, p := range packages(t) {
		allowed, known := arrows[p.ImportPath]
		if !known {
			t.Errorf("package %s is not in the map: add it to arrows in internal/deps/deps_test.go, with what it may import", p.ImportPath)
			continue
		}
		for _, to := range ours(p.Imports) {
			if !has(allowed, to) {
				t.Errorf("%s imports %s, a new arrow: if it is meant, add it to %q in arrows in internal/deps/deps_test.go and say why in the commit",
					p.ImportPath, to, p.ImportPath)
			}
		}
	}
}

func has(list, name string) bool {
	for _, n := range strings.Fields(list) {
		if n == name {
			return true
		}
	}
	return false
}

// A map that allows too much guards nothing.
func TestTheMapHasNoArrowThatNobodyUses(t *testing.T) {
	all := packages(t)
	imports := make(map[string][]string)
	for _, p := range all {
		imports[p.ImportPath] = ours(p.Imports)
	}
	for from, allowed := range arrows {
		for _, to := range strings.Fields(allowed) {
			if _, there := imports[from]; there && !has(strings.Join(imports[from], " "), to) {
				t.Errorf("%s does not import %s: take the arrow out of internal/deps/deps_test.go", from, to)
			}
		}
	}
}

// adapters turn one protocol into what their parent speaks.
func adapter(name string) bool {
	for _, a := range []string{"ingest/rtmp", "ingest/srt", "ingest/udp", "ingest/rtsp", "ingest/whip", "ingest/relay"} {
		if name == a {
			return true
		}
	}
	return false
}

func TestOnlyCommandsImportAdapters(t *testing.T) {
	for _, p := range packages(t) {
		for _, to := range ours(p.Imports) {
			if adapter(to) && !strings.HasPrefix(p.ImportPath, "cmd/") {
				t.Errorf("%s imports the adapter %s: only cmd may", p.ImportPath, to)
			}
		}
	}
}

// under reports whether name is root or below it.
func under(name, root string) bool { return name == root || strings.HasPrefix(name, root+"/") }

func TestEdgeSpeaksHTTPToWhatIsBeforeIt(t *testing.T) {
	for _, p := range packages(t) {
		for _, to := range ours(p.Imports) {
			if under(p.ImportPath, "edge") && (under(to, "origin") || under(to, "packager")) {
				t.Errorf("%s imports %s: an edge knows them by HTTP alone", p.ImportPath, to)
			}
		}
	}
}

// The clients and oracles of the tests do not come into the server by another door.
func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	only := map[string]string{ // the library, and whose code may import it; tests may always
		"github.com/yutopp/go-rtmp":                               "internal/rtmppush",
		"github.com/sirupsen/logrus":                              "internal/rtmppush",
		"github.com/bluenviron/gortsplib":                         "ingest/rtsp",
		"github.com/datarhei/gosrt":                               "ingest/srt",
		"github.com/asticode/go-astits":                           "",
		"github.com/alecthomas/kong":                              "cmd/stagecast e2e/conform",
		"github.com/bluenviron/gohlslib":                          "ingest/hls",
		"github.com/bluenviron/gortmplib":                         "",
		"github.com/pion":                                         "ingest/rtsp ingest/whip",
		"github.com/stretchr/testify":                             "origin/store/storetest internal/registry/registrytest",
		"pgregory.net/rapid":                                      "",
		"go.uber.org/goleak":                                      "",
		"github.com/Eyevinn/mp4ff":                                "internal/cmaf/check internal/cmaf/check/cmaftest",
		"github.com/goccy/go-yaml":                                "cmd/stagecast",
		"github.com/yutopp/go-amf0":                               "ingest/rtmp/rtmptest",
		"github.com/yutopp/go-flv":                                "",
		"github.com/prometheus/client_golang/prometheus/promhttp": "cmd/stagecast",
		"github.com/caddyserver/certmagic":                        "internal/certificate/acme",
		"go.uber.org/zap":                                         "internal/certificate/acme",
		"github.com/go-jose/go-jose":                              "internal/auth",
	}
	for _, p := range packages(t) {
		for library, where := range only {
			for _, i := range p.Imports {
				if under(i, library) && !has(where, p.ImportPath) {
					t.Errorf("%s imports %s, which is for %q and tests: see internal/deps/deps_test.go", p.ImportPath, i, where)
				}
			}
		}
	}
}

func TestOnlyTestsImportTestHelpers(t *testing.T) {
	for _, p := range packages(t) {
		for _, to := range ours(p.Imports) {
			if strings.HasSuffix(to, "test") {
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, to)
			}
		}
	}
}

// Tests may look further than code, but a cycle through them would tie packages together all the same.
func TestTheLanguageIsTestedAlone(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "internal/media" {
			continue
		}
		sort.Strings(p.tests)
		require.Subset(t, []string{"internal/media"}, ours(p.tests))
	}
}
