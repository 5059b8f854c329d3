package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// cleanEnvironment takes every variable of ours out of the test's environment.
func cleanEnvironment(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "STAGECAST_") {
			t.Setenv(name, "") // has the old value put back
			os.Unsetenv(name)
		}
	}
}

// check runs `stagecast config check` on a file.
func check(t *testing.T, path string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := execute(context.Background(), []string{"config", "check", "--config", path}, &out, io.Discard)
	return out.String(), err
}

func TestGoodFiles(t *testing.T) {
	cleanEnvironment(t)
	files, err := filepath.Glob("testdata/*.good.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		out, err := check(t, path)
		require.NoError(t, err, path)
		require.Equal(t, "configuration is good\n", out)
	}
	c, command, err := parse([]string{"--config=testdata/all.good.yml"})
	require.NoError(t, err)
	require.Equal(t, "run", command)
	require.Equal(t, &Config{
		Data: "/var/lib/stagecast", Disk: "500GB,sync", Role: "all", Demo: true, Streams: "live=good-key-1,other=good-key-2", Ladder: "off", Devices: "auto", Slate: "auto", MaxSessions: 7,
		HTTP:  HTTPConfig{Address: Address{Plain: "127.0.0.1:8081"}, URL: "https://live.example.com"},
		Admin: AdminConfig{Address: "127.0.0.1:9001"},
		Auth:  AuthConfig{Allow: "192.0.2.0/24,live=192.0.2.7", Webhook: "https://example.com/publish,secret=a-good-secret"},
		RTMP:  RTMPConfig{Address: Address{Plain: ":1935", TLS: ":19360"}},
		RTSP:  RTSPConfig{Address: Address{Plain: ":8554", TLS: ":8322", UDP: ":8000"}},
		SRT:   SRTConfig{Address: ":8891", Passphrase: "other=ten letters or more"},
		Pulls: "other=udp://239.1.2.3:5000,live=rtsp://viewer:pass@camera/1",
		HLS:   HLSConfig{Profile: "ultra", Window: 90 * time.Second, Grace: time.Minute},
		Log:   "debug,json",

		WebRTC: WebRTCConfig{Address: ":8189"},
	}, c)
}

// Each bad file is refused in words that lead to the mistake.
func TestBadFiles(t *testing.T) {
	cleanEnvironment(t)
	want := map[string]string{
		"unknown-key":       `unknown-key.bad.yml:3: unknown key "lader"`,
		"unknown-nested":    `unknown-nested.bad.yml:3: unknown key "hls.windows"`,
		"config-in-config":  `config-in-config.bad.yml:1: unknown key "config"`,
		"duration":          `duration.bad.yml:3: --hls.window`,
		"wrong-type":        `wrong-type.bad.yml:2: --demo`,
		"number":            `number.bad.yml:1: --max-sessions`,
		"ladder":            `ladder: "sometimes": a ladder is auto`,
		"list":              `list.bad.yml:2: streams takes one plain value`,
		"tagged":            `tagged.bad.yml:1: data takes one plain value`,
		"value-for-section": `value-for-section.bad.yml:1: unknown key "http"`,
		"section-for-value": `section-for-value.bad.yml:2: unknown key "ladder.preset"`,
		"twice":             `twice.bad.yml:2: mapping key "data"`,
		"root":              `root.bad.yml:1: a file holds keys`,
		"syntax":            `syntax.bad.yml:2: `,
		"stream-key":        `the key of stream live`,
		"profile":           `hls.profile`,
		"pulls":             `pulls: the URL of live: pulls are STREAM=URL`,
		"window":            `hls.window must be between`,
		"half-tls":          `tls: give the certificate and its private key`,
		"log-level":         `log: level "loud"`,
		"no-address":        `rtmp.address must not be empty`,
		"address-scheme":    `address-scheme.bad.yml:2: --rtmp.address`,
		"address-twice":     `address-twice.bad.yml:2: --http.address`,
		"address-udp":       `udp:// is for rtsp.address alone`,
		"tls-nowhere":       `a certificate is of no use`,
		"acme-wildcard":     `"*.example.org": tls is acme:`,
		"allow":             `auth.allow: "192.0.2.0/33"`,
		"webhook":           `auth.webhook: the URL has a user or a password in it`,
		"jwt":               `auth.jwt: the URL must begin with https://`,
		"passphrase":        `srt.passphrase: a passphrase has 10 to 79`,
		"pull-scheme":       `pulls: the URL of live: its scheme is not one that can be pulled`,
		"disk":              `disk: "20 gigabytes" is not a size`,
		"devices":           `devices: "gpu0" is neither auto nor a device`,
		"role":              `role: "edge" is none of all`,
		"role-alone":        `role: a process that does not do all needs a cluster`,
		"cluster":           `cluster: cluster needs ADDRESS, redis=HOST:PORT`,
		"disk-option":       `neither a size such as 20GB nor`,
		"pull-metadata":     `pulls: the URL of live: udp://ADDRESS:PORT`,
	}
	files, err := filepath.Glob("testdata/*.bad.yml")
	require.NoError(t, err)
	require.Len(t, files, len(want))
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".bad.yml")
		_, err := check(t, path)
		require.ErrorContains(t, err, want[name], path)
		require.NotContains(t, err.Error(), "secret", "a key is not to be seen")
	}
}

func TestAnAddressSaysWhatIsOpened(t *testing.T) {
	cleanEnvironment(t)
	c, _, err := parse(nil)
	require.NoError(t, err)
	require.Equal(t, []Address{
		{Plain: ":8080", TLS: ":8443"}, {Plain: ":1935", TLS: ":1936"}, {Plain: ":8554", TLS: ":8322", UDP: ":8000"},
	}, []Address{c.HTTP.Address, c.RTMP.Address, c.RTSP.Address})
	c, _, err = parse([]string{"--rtsp.address=", "--http.address=:80"})
	require.NoError(t, err)
	require.Equal(t, []Address{{}, {Plain: ":80"}}, []Address{c.RTSP.Address, c.HTTP.Address})
}

func TestAFileThatIsNotThere(t *testing.T) {
	cleanEnvironment(t)
	_, err := check(t, "testdata/none.yml")
	require.ErrorIs(t, err, os.ErrNotExist)
	t.Setenv("STAGECAST_CONFIG", "testdata/none.yml")
	_, _, err = parse(nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	cleanEnvironment(t)
	window := func(args ...string) time.Duration {
		c, _, err := parse(args)
		require.NoError(t, err)
		return c.HLS.Window
	}
	require.Equal(t, time.Minute, window())
	require.Equal(t, 90*time.Second, window("--config", "testdata/all.good.yml"))
	t.Setenv("STAGECAST_HLS_WINDOW", "2m")
	require.Equal(t, 2*time.Minute, window("--config", "testdata/all.good.yml"))
	require.Equal(t, 3*time.Minute, window("--config", "testdata/all.good.yml", "--hls.window=3m"))
	t.Setenv("STAGECAST_CONFIG", "testdata/all.good.yml")
	require.Equal(t, 3*time.Minute, window("--hls.window", "3m"))
}

func TestAMistakeOnTheCommandLineIsNotBlamedOnTheFile(t *testing.T) {
	cleanEnvironment(t)
	_, _, err := parse([]string{"--config", "testdata/all.good.yml", "--max-sessions", "few"})
	require.ErrorContains(t, err, "few")
	require.NotContains(t, err.Error(), "all.good.yml")
}

// keys are the paths of all keys of a Config.
func keys(t reflect.Type, prefix string) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if _, section := f.Tag.Lookup("embed"); section {
			out = append(out, keys(f.Type, f.Tag.Get("prefix"))...)
			continue
		}
		out = append(out, prefix+f.Name)
	}
	return out
}

func TestKeysAreFewAndEachHasAVariable(t *testing.T) {
	cleanEnvironment(t)
	all := keys(reflect.TypeFor[Config](), "")
	require.LessOrEqual(t, len(all), 30, "each key is one more thing to understand")

	var help bytes.Buffer
	exited := func(int) { panic("exit") }
	require.PanicsWithValue(t, "exit", func() { _, _, _ = parse([]string{"--help"}, kong.Writers(&help, io.Discard), kong.Exit(exited)) })
	text := strings.Join(strings.Fields(help.String()), " ")
	k, err := kong.New(&cli{}, kong.PostBuild(nameVariables), kong.Vars{"version": "test"})
	require.NoError(t, err)
	flags := 0
	for _, f := range k.Model.Flags {
		if f.Name == "help" || f.Name == "version" {
			continue
		}
		name := "STAGECAST_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(f.Name))
		require.Equal(t, []string{name}, f.Envs)
		require.Contains(t, text, "--"+f.Name)
		require.Contains(t, text, "$"+name)
		flags++
	}
	require.Equal(t, len(all)+1, flags, "every key and --config")
}
