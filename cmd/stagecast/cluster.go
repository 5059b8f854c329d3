package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/registry"
	"github.com/stagecast/stagecast/internal/relay"
	"github.com/stagecast/stagecast/internal/web"
	"github.com/stagecast/stagecast/transcode/cluster"
)

// clusterConfig is how this node meets the others.
type clusterConfig struct {
	address string // where others read from it
	url     string // as they reach it; empty: found out
	redis   registry.RedisConfig
	secret  relay.Secret
}

var errCluster = errors.New("cluster needs ADDRESS, redis=HOST:PORT and what all nodes share, of 16 characters at least, separated by commas; see --help for the rest")

// parseCluster reads ":7000,redis=10.0.0.5:6379,secret=…". The zero value is no cluster.
func parseCluster(text string) (c clusterConfig, err error) {
	if text == "" {
		return c, nil
	}
	for i, entry := range strings.Split(text, ",") {
		name, value, named := strings.Cut(strings.TrimSpace(entry), "=")
		switch {
		case i == 0 && !named:
			c.address = name
		case name == "redis":
			c.redis.Address = value
		case name == "user":
			c.redis.User = value
		case name == "password":
			c.redis.Password = value
		case name == "secret":
			c.secret = relay.Secret(value)
		case name == "url":
			if u, err := url.Parse(value); err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil {
				return c, errCluster
			}
			c.url = strings.TrimSuffix(value, "/")
		default:
			return c, errCluster
		}
	}
	for _, address := range []string{c.address, c.redis.Address} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return c, errCluster
		}
	}
	if len(c.secret) < 16 {
		return c, errCluster
	}
	return c, nil
}

// joined is this node in a cluster.
type joined struct {
	config   clusterConfig
	registry *registry.Redis
	client   *relay.Client
	listener net.Listener
	node     cluster.Node
	worker   *cluster.Worker  // nil: this node does not encode
	sources  *cluster.Sources // nil: it takes nobody in
	ladders  *cluster.Ladders // nil: it serves no viewers
}

// join opens the port that other nodes read from; nil where there is no cluster.
func (s *server) join(ctx context.Context) (*joined, error) {
	c, err := parseCluster(s.config.Cluster)
	if err != nil || c.address == "" {
		return nil, err
	}
	j := &joined{config: c, node: cluster.Node{ID: nodeID(), URL: c.url}, registry: registry.NewRedis(c.redis)}
	j.client = relay.NewClient(j.node.ID, c.secret)
	ladders, err := s.config.ladders()
	if err != nil {
		return nil, err
	}
	if j.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", c.address); err != nil {
		j.registry.Close()
		return nil, portError("cluster", err)
	}
	if j.node.URL == "" {
		j.node.URL = "http://" + reachable(j.listener, c.redis.Address)
	}
	if s.roles.ingest {
		j.sources = &cluster.Sources{Node: j.node, Hub: s.hub, Registry: j.registry, Streams: s.names, Priority: ladders.Priority, Log: s.log}
		s.registry.MustRegister(j.sources)
	}
	if s.roles.transcode && s.devices != nil {
		runner := &cluster.PoolRunner{Node: j.node, Hub: s.hub, Pool: s.pool, Puller: j.client, Keep: s.config.HLS.Grace, Log: s.log}
		j.worker = cluster.NewWorker(j.node, j.registry, runner, s.log)
		s.registry.MustRegister(j.worker)
	}
	if s.roles.origin {
		j.ladders = &cluster.Ladders{Node: j.node, Hub: s.hub, Registry: j.registry, Puller: j.client, Streams: s.names, Log: s.log}
		s.registry.MustRegister(j.ladders)
	}
	return j, nil
}

// close lets go of what join has opened.
func (j *joined) close() {
	if j != nil {
		j.registry.Close()
		j.client.Close()
	}
}

// nodeID tells this process from all others, also from the one before it on the same machine.
func nodeID() string {
	name, err := os.Hostname()
	if err != nil {
		name = "node"
	}
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return name + "-" + hex.EncodeToString(b)
}

// reachable is how others reach a listener: its own address, or that of this machine on the way to a peer.
func reachable(l net.Listener, peer string) string {
	host, port, _ := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return l.Addr().String()
	}
	if c, err := net.Dial("udp", peer); err == nil { // sends nothing
		defer c.Close()
		host, _, _ = net.SplitHostPort(c.LocalAddr().String())
	}
	return net.JoinHostPort(host, port)
}

// serveCluster runs this node's part of the cluster. What others read is served for as long as down, the rest until up ends.
func (s *server) serveCluster(g *errgroup.Group, up, down context.Context, measured <-chan struct{}) {
	j := s.joined
	readers := &relay.Server{Hub: s.hub, Secret: j.config.secret, Read: j.reading}
	mux := http.NewServeMux()
	mux.Handle("GET "+relay.Prefix+"/{stream}/{stage}", readers)
	w := &web.Server{Name: "cluster", Listener: j.listener, Handler: mux, Protocols: relay.Protocols(), Log: s.log}
	g.Go(func() error { return w.Run(down) })
	s.log.Info("joined the cluster", "node", j.node.ID, "url", j.node.URL, "redis", j.config.redis.Address)
	if j.sources != nil {
		g.Go(func() error { return j.sources.Run(up) })
	}
	if j.worker != nil {
		g.Go(func() error {
			select {
			case <-measured:
			case <-up.Done():
			}
			return j.worker.Run(up)
		})
	}
	if j.ladders != nil {
		g.Go(func() error { return j.ladders.Run(up) })
	}
}

// reading is told of each reader, and breaks the lease of one that was cut off: what it was to encode is encoded by another.
func (j *joined) reading(key hub.Key, node string) func(gone bool) {
	return func(gone bool) {
		if !gone || key.Stage != hub.Source || j.sources == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		j.sources.Lost(ctx, key.Stream, node)
	}
}

// drainWithin is how long the jobs of a node that ends may take to go elsewhere.
const drainWithin = 10 * time.Second

// drain gives the jobs of a node that only encodes to others, where there are any.
func (s *server) drain(ctx context.Context) {
	if s.joined == nil || s.joined.worker == nil || s.roles.streams() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	s.log.Info("giving jobs to other nodes")
	if err := s.joined.worker.Drain(ctx); err != nil {
		s.log.Warn("some jobs were taken by nobody", "err", err)
	}
}

// errNoWorker refuses a drain.
var errNoWorker = errors.New("this node encodes for no cluster")

// drainNow gives the jobs of this node to others, for good.
func (s *server) drainNow() error {
	if s.joined == nil || s.joined.worker == nil {
		return errNoWorker
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
		defer cancel()
		if err := s.joined.worker.Drain(ctx); err != nil {
			s.log.Warn("some jobs were taken by nobody", "err", err)
		}
	}()
	return nil
}

// clusterStatus is what the nodes say of themselves, and who encodes what.
type clusterStatus struct {
	Node    string                        `json:"node"`
	Workers []cluster.WorkerStatus        `json:"workers"`
	Jobs    map[string]registry.Lease     `json:"jobs"`
	Waiting []cluster.Waiting             `json:"waiting"`         // streams of this node that nobody encodes, in the order in which they are taken
	Lines   map[string]cluster.LineStatus `json:"lines,omitempty"` // where the ladders that this node serves come from
	Problem string                        `json:"problem,omitempty"`
}

// clusterStatus asks the registry; nil where there is no cluster.
func (s *server) clusterStatus() any {
	if s.joined == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	out := clusterStatus{Node: s.joined.node.ID, Workers: []cluster.WorkerStatus{}, Waiting: []cluster.Waiting{}}
	workers, err := cluster.Workers(ctx, s.joined.registry)
	if err == nil {
		out.Jobs, err = s.joined.registry.Leases(ctx)
	}
	if s.joined.sources != nil {
		out.Waiting = s.joined.sources.Waiting()
	}
	if s.joined.ladders != nil {
		out.Lines = s.joined.ladders.Lines()
	}
	if err != nil {
		out.Problem = fmt.Sprint(err)
	}
	out.Workers = append(out.Workers, workers...)
	slices.SortFunc(out.Workers, func(a, b cluster.WorkerStatus) int { return strings.Compare(a.Node, b.Node) })
	return out
}
