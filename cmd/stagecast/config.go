package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/stagecast/stagecast/ingest/srt"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/telemetry"
	"github.com/stagecast/stagecast/packager"
	"github.com/stagecast/stagecast/transcode"
)

// Config is every key there is. Each is a line of the file, an environment variable (STAGECAST_ and the path in capitals)
// and a flag; a flag beats the environment, which beats the file.
type Config struct {
	Data    string `default:"./data" help:"Directory for stream keys, the operator's token, certificates, and media."`
	Disk    string `default:"20GB" help:"What DATA/media may take: 500MB, 20GB. What is listed survives the end of the process; with 20GB,sync also a loss of power; 0 keeps everything in memory."`
	Streams string `help:"Streams and their keys, NAME=KEY,NAME=KEY. A stream may have several, and a key an end: NAME=KEY@2026-12-31. NAME/backup=KEY is for its second encoder, which stands by. Without it they are kept in DATA/streams."`
	Role    string `default:"all" help:"What this process does: all, or some of ingest, transcode and origin, where the nodes of a cluster share the work."`
	Cluster string `help:"How the nodes of a cluster meet: ADDRESS that others read from, redis=HOST:PORT, secret=SECRET that all share; also user= and password= of Redis, and url=http://HOST:PORT by which others reach ADDRESS. Keep ADDRESS on a private network."`
	Demo    bool   `help:"Publish a moving test picture with a clock and a beep to the first stream."`

	HTTP  HTTPConfig  `embed:"" prefix:"http."`
	Auth  AuthConfig  `embed:"" prefix:"auth."`
	Admin AdminConfig `embed:"" prefix:"admin."`
	RTMP  RTMPConfig  `embed:"" prefix:"rtmp."`
	RTSP  RTSPConfig  `embed:"" prefix:"rtsp."`
	SRT   SRTConfig   `embed:"" prefix:"srt."`
	HLS   HLSConfig   `embed:"" prefix:"hls."`

	WebRTC WebRTCConfig `embed:"" prefix:"webrtc."`

	TLS         string `name:"tls" help:"CERTIFICATE.pem,KEY.pem: the certificate chain and its private key, taken again when they change. Or acme:NAME,NAME, the names of this server: their certificate is obtained and renewed by itself, and you agree to the authority's terms; also email=ADDRESS for its warnings, and ca=URL of another directory. Ports 80 or 443 must lead here."`
	Pulls       string `help:"Streams to fetch from elsewhere, STREAM=URL,STREAM=URL: rtsp:// or rtsps://USER:PASSWORD@HOST/PATH of a camera, srt://HOST:PORT?streamid=…&passphrase=…&latency=MS of a listener, rtmp:// or rtmps://HOST/APP/NAME, http:// or https://…m3u8, udp://ADDRESS:PORT for MPEG-TS that is sent here or to a group."`
	Ladder      string `default:"auto" help:"What sources are encoded into. auto: 1080p, 720p, 480p and 240p in H.264, as far as the source goes. Or rungs, best first: 1080p:5M,720p,480p:900k,720p:1M:hevc; also hevc or av1 for each rung in that codec too, audio=128k+64k, drop=bottom where there is no room for all, and priority=N. Behind a semicolon STREAM=LADDER for one stream. off: pass each source on as it comes."`
	Devices     string `default:"auto" help:"What encodes. auto: graphics chips that do, and the processor. Else a list in the order of use, such as nvidia0,nvidia1,cpu, where without cpu nothing falls back to the processor; 'stagecast doctor' shows what there is."`
	Slate       string `default:"auto" help:"What viewers see for hls.grace while the encoder of a stream is away. auto: a plain card. off: nothing. Else an image, or a film of up to 10 s that can be streamed (WebM, MPEG-TS, MP4 with its index in front)."`
	Log         string `default:"info" help:"What is said: debug, info, warn or error; with debug,json as JSON."`
	MaxSessions int    `default:"1000" help:"Broadcasters at a time."`
}

// HTTPConfig is where viewers come.
type HTTPConfig struct {
	Address Address `default:":8080,tls://:8443" help:"Viewers' pages and HLS; tls:// is opened where there is a certificate."`
	URL     string  `help:"Base URL that viewers use, for links; guessed when empty."`
}

// AuthConfig is who may publish, beside the keys of streams.
type AuthConfig struct {
	Allow   string `help:"Addresses that may publish, ADDRESS or NETWORK/BITS separated by commas, STREAM=ADDRESS for one stream; all when empty."`
	JWT     string `name:"jwt" help:"JWKS, a file or an https:// URL: a token signed with one of its keys is taken as a stream key. It needs exp, stream (or sub) and the scope publish."`
	Webhook string `help:"URL, https:// or of this machine, that is asked by POST about keys that are no stream's: 2xx opens the stream, 403 refuses it. URL,secret=SECRET sends it the secret as a bearer token."`
}

// AdminConfig is the operator's door.
type AdminConfig struct {
	Address string `default:"127.0.0.1:9000" help:"Status page, API, metrics and profiles: keep it private."`
	Token   string `help:"The operator's token. Without it one is made and kept in DATA/admin-token."`
}

// RTMPConfig is the broadcasters' door.
type RTMPConfig struct {
	Address Address `default:":1935,tls://:1936" help:"RTMP, and RTMPS where there is a certificate."`
}

// RTSPConfig is the door for encoders that publish over RTSP.
type RTSPConfig struct {
	Address Address `default:":8554,tls://:8322,udp://:8000" help:"RTSP, and RTSPS where there is a certificate; the password is the stream key. udp:// is an even port for media, and the one after; without it media comes interleaved. Empty for none."`
}

// SRTConfig is the broadcasters' door for SRT.
type SRTConfig struct {
	Address    string `default:":8890" help:"SRT, over UDP; empty for none. The streamid is the stream key."`
	Passphrase string `help:"Encrypts what comes over SRT: one for all streams, or STREAM=PASSPHRASE,STREAM=PASSPHRASE; 10 to 79 characters."`
}

// WebRTCConfig is where the media of WHIP comes in; its signalling is on the viewers' port.
type WebRTCConfig struct {
	Address string `default:":8189" help:"UDP and TCP port for the media of WHIP."`
	Host    string `help:"Public address or name of that port, where this machine does not know it itself."`
}

// HLSConfig is what comes out.
type HLSConfig struct {
	Profile string        `default:"low" help:"Latency: ultra (parts of 0.334 s, 12 requests per viewer-second), low (0.5 s, 8) or standard (1 s, 4)."`
	Window  time.Duration `default:"60s" help:"How far back the live playlist goes."`
	Grace   time.Duration `default:"60s" help:"How long a stream that lost its encoder waits for it."`
}

// Validate is called by kong once all sources have been read.
func (c *Config) Validate() error {
	for key, address := range map[string]string{
		"http.address": c.HTTP.Address.Plain, "rtmp.address": c.RTMP.Address.Plain, "admin.address": c.Admin.Address, "webrtc.address": c.WebRTC.Address,
	} {
		if address == "" {
			return fmt.Errorf("%s must not be empty", key)
		}
	}
	if c.HTTP.Address.UDP != "" || c.RTMP.Address.UDP != "" {
		return errors.New("udp:// is for rtsp.address alone")
	}
	if _, err := telemetry.NewLog(io.Discard, c.Log); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	if err := packager.Profile(c.HLS.Profile).Validate(); err != nil {
		return fmt.Errorf("hls.profile: %w", err)
	}
	if _, err := parseTLS(c.TLS); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	if c.TLS != "" && c.HTTP.Address.TLS+c.RTMP.Address.TLS+c.RTSP.Address.TLS == "" {
		return errors.New("a certificate is of no use: none of http.address, rtmp.address and rtsp.address has a tls://")
	}
	if _, err := auth.ParseAllow(c.Auth.Allow); err != nil {
		return fmt.Errorf("auth.allow: %w", err)
	}
	if c.Auth.Webhook != "" {
		if _, err := auth.NewWebhook(c.Auth.Webhook); err != nil {
			return fmt.Errorf("auth.webhook: %w", err)
		}
	}
	if err := auth.CheckURL(c.Auth.JWT); strings.Contains(c.Auth.JWT, "://") && err != nil {
		return fmt.Errorf("auth.jwt: %w", err)
	}
	if c.HLS.Window < 12*time.Second || c.HLS.Window > 24*time.Hour {
		return errors.New("hls.window must be between 12s and 24h")
	}
	if c.HLS.Grace < time.Second || c.HLS.Grace > time.Hour {
		return errors.New("hls.grace must be between 1s and 1h")
	}
	if c.MaxSessions < 1 {
		return errors.New("max-sessions must be at least 1")
	}
	if _, err := auth.ParseStreams(c.Streams); err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	r, err := parseRoles(c.Role)
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	meets, err := parseCluster(c.Cluster)
	switch {
	case err != nil:
		return fmt.Errorf("cluster: %w", err)
	case !r.all() && meets.address == "":
		return errors.New("role: a process that does not do all needs a cluster")
	case c.Ladder == "off" && r.ingest != r.origin:
		return errors.New("ladder: off passes sources on within one process: give it both ingest and origin")
	case c.Demo && !r.ingest:
		return errors.New("demo publishes here, which needs the role ingest")
	}
	if _, err := c.ladders(); err != nil {
		return fmt.Errorf("ladder: %w", err)
	}
	if _, err := parseDevices(c.Devices); err != nil {
		return fmt.Errorf("devices: %w", err)
	}
	if _, err := parseDisk(c.Disk); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if _, err := srt.ParsePassphrases(c.SRT.Passphrase); err != nil {
		return fmt.Errorf("srt.passphrase: %w", err)
	}
	if _, err := parsePulls(c.Pulls); err != nil {
		return fmt.Errorf("pulls: %w", err)
	}
	return nil
}

// ladders are what streams are encoded into; not asked for where they are passed on.
func (c *Config) ladders() (l transcode.Ladders, err error) {
	if c.Ladder == "off" {
		return l, nil
	}
	return transcode.ParseLadders(c.Ladder)
}

// file is a configuration file as a source of flags.
type file struct {
	path   string
	values map[string]value
}

type value struct {
	text string
	line int
}

// readFile flattens the file's keys to the names of flags: http.address.
func readFile(path string) (*file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(path, err)
	}
	f := &file{path: path, values: make(map[string]value)}
	for _, doc := range parsed.Docs {
		if err := f.flatten("", doc.Body); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// syntaxError says where a file cannot be read, without the text around that: it may hold a key.
func syntaxError(path string, err error) error {
	if e := yaml.Error(nil); errors.As(err, &e) && e.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", path, e.GetToken().Position.Line, e.GetMessage())
	}
	return fmt.Errorf("%s: not YAML", path)
}

func (f *file) flatten(prefix string, node ast.Node) error {
	switch n := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil
	case *ast.MappingNode:
		for _, entry := range n.Values {
			if err := f.entry(prefix, entry); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return f.entry(prefix, n)
	}
	return fmt.Errorf("%s:%d: a file holds keys and their values", f.path, node.GetToken().Position.Line)
}

func (f *file) entry(prefix string, entry *ast.MappingValueNode) error {
	line := entry.Key.GetToken().Position.Line
	name := prefix + strings.ReplaceAll(entry.Key.GetToken().Value, "_", "-")
	switch v := entry.Value.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return f.flatten(name+".", v)
	case *ast.NullNode: // nothing after the colon: the default
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		f.values[name] = value{v.GetToken().Value, line}
	case *ast.LiteralNode:
		f.values[name] = value{strings.TrimSpace(v.Value.Value), line}
	default:
		return fmt.Errorf("%s:%d: %s takes one plain value", f.path, line, name)
	}
	return nil
}

// locate adds to an error about a value where in the file it stands, if that is where it came from.
func (f *file) locate(err error) error {
	text := err.Error()
	for name, v := range f.values {
		if strings.HasPrefix(text, "--"+name) && strings.Contains(text, strconv.Quote(v.text)) {
			return fmt.Errorf("%s:%d: %w", f.path, v.line, err)
		}
	}
	return err
}

// Validate implements kong.Resolver: a key that no flag has is refused, with its line.
func (f *file) Validate(app *kong.Application) error {
	known := make(map[string]bool)
	for _, flag := range app.Flags {
		known[flag.Name] = true
	}
	var unknown []string
	for name, v := range f.values {
		if !known[name] || notAKey[name] {
			unknown = append(unknown, fmt.Sprintf("%s:%d: unknown key %q", f.path, v.line, name))
		}
	}
	sort.Strings(unknown)
	if len(unknown) > 0 {
		return errors.New(strings.Join(unknown, "\n"))
	}
	return nil
}

// notAKey are flags that cannot stand in a file.
var notAKey = map[string]bool{"config": true, "help": true, "version": true}

// Resolve implements kong.Resolver. Flags are parsed after it, and what the environment sets is left alone.
func (f *file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	if v, ok := f.values[flag.Name]; ok {
		return v.text, nil
	}
	return nil, nil
}

// environment is the variable of a flag: STAGECAST_HTTP_ADDRESS for http.address.
func environment(flag string) string {
	return "STAGECAST_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(flag))
}
