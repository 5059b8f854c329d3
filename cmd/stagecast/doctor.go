package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/registry"
	"github.com/stagecast/stagecast/transcode/device"
)

// errUnwell is the doctor's verdict.
var errUnwell = errors.New("some of what the server needs is missing: see the lines marked ✗")

// doctor looks at what the server would need on this machine, tries what can encode, and says what is wrong and what to do.
func doctor(ctx context.Context, c *Config, out io.Writer) error {
	d := &examination{out: out}
	d.check("data directory "+c.Data, writable(c.Data), "choose another with --data, or let this user write there")
	d.ports(ctx, c)
	_, err := ffmpeg.Find()
	d.check("ffmpeg", err, "")
	if err == nil {
		d.note("children of ffmpeg have no network", ffmpeg.Isolated(), "this system gives them none of their own: a whitelist of protocols stands alone between ffmpeg and the network")
	}
	if meets, err := parseCluster(c.Cluster); err == nil && meets.address != "" {
		r := registry.NewRedis(meets.redis)
		_, err := r.Leases(ctx)
		d.check("the cluster's Redis at "+meets.redis.Address, err, "is it running, and reachable from here? It must be Redis 6 or newer")
		r.Close()
	}
	fmt.Fprintln(out, "\nEncoding a few pictures on every device, which takes some seconds …")
	var table *device.Table
	m := &device.Local{}
	for t := range device.Probe(ctx, m, m.Look(ctx), time.Now()) {
		table = t
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Fprintln(out)
	if err := table.Write(out); err != nil {
		return err
	}
	if !table.Encodes() {
		d.check("an encoder of H.264", errors.New("no device has one"), "see above; without one use --ladder off")
	}
	if d.unwell {
		return errUnwell
	}
	return nil
}

// examination prints one line for each thing that was looked at.
type examination struct {
	out    io.Writer
	unwell bool
}

func (d *examination) check(what string, err error, fix string) {
	if err == nil {
		fmt.Fprintf(d.out, "✓ %s\n", what)
		return
	}
	d.unwell = true
	fmt.Fprintf(d.out, "✗ %s: %v\n", what, err)
	if fix != "" {
		fmt.Fprintf(d.out, "  what to do: %s\n", fix)
	}
}

// note is a check of what one can do without.
func (d *examination) note(what string, good bool, otherwise string) {
	if good {
		fmt.Fprintf(d.out, "✓ %s\n", what)
		return
	}
	fmt.Fprintf(d.out, "! not: %s\n  %s\n", what, otherwise)
}

func (d *examination) ports(ctx context.Context, c *Config) {
	for _, p := range []struct{ key, network, address string }{
		{"http.address", "tcp", c.HTTP.Address.Plain}, {"rtmp.address", "tcp", c.RTMP.Address.Plain}, {"rtsp.address", "tcp", c.RTSP.Address.Plain},
		{"admin.address", "tcp", c.Admin.Address}, {"srt.address", "udp", c.SRT.Address}, {"webrtc.address", "udp", c.WebRTC.Address},
	} {
		if p.address == "" {
			continue
		}
		d.check(fmt.Sprintf("%s %s/%s is free", p.key, p.network, p.address), free(ctx, p.network, p.address), "is the server running already? Else choose another with --"+p.key)
	}
}

// free opens a port and closes it again.
func free(ctx context.Context, network, address string) error {
	var l net.ListenConfig
	if network == "udp" {
		c, err := l.ListenPacket(ctx, network, address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	c, err := l.Listen(ctx, network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

// writable makes a directory and a file in it, which it takes away again.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(filepath.Clean(f.Name()))
}
