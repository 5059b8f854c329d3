package registry

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Redis is a Registry in Redis 6 or newer. Announcements of a kind, and leases, are a hash of values and a sorted set of the times
// at which they end, by Redis's own clock: the nodes' clocks do not matter.
type Redis struct{ client *redis.Client }

// RedisConfig says where it is.
type RedisConfig struct {
	Address        string // HOST:PORT
	User, Password string // may be empty
}

// withinRedis is how long an answer may take: one that comes later is none, as leases are short.
const withinRedis = 500 * time.Millisecond

// NewRedis makes a Registry there, without asking whether it answers. Close it.
func NewRedis(c RedisConfig) *Redis {
	logging.Disable() // what matters of it comes as errors
	return &Redis{redis.NewClient(&redis.Options{
		Addr: c.Address, Username: c.User, Password: c.Password, DialTimeout: withinRedis, ReadTimeout: withinRedis, WriteTimeout: withinRedis,
		MaxRetries: -1, PoolSize: 10, DisableIdentity: true,
	})}
}

// Close ends its connections.
func (r *Redis) Close() error { return r.client.Close() }

var _ io.Closer = (*Redis)(nil)

const space = "stagecast:"

// Every script begins by asking for the time, in milliseconds.
const clock = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) `

var (
	announce = redis.NewScript(clock + `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])`)

	withdraw = redis.NewScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) redis.call('ZREM', KEYS[2], ARGV[1]) end`)

	list = redis.NewScript(clock + `
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)
for _, key in ipairs(gone) do redis.call('HDEL', KEYS[1], key) redis.call('ZREM', KEYS[2], key) end
return redis.call('HGETALL', KEYS[1])`)

	acquire = redis.NewScript(clock + `
local till = redis.call('ZSCORE', KEYS[2], ARGV[1])
if till and tonumber(till) > now then
  local held = redis.call('HGET', KEYS[1], ARGV[1])
  local epoch, owner = string.match(held, '^(%d+) (.*)$')
  if owner == ARGV[2] then redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1]) end
  return {epoch, owner}
end
local epoch = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0') + 1
if epoch < now then epoch = now end
local text = string.format('%.0f', epoch)
redis.call('HSET', KEYS[3], ARGV[1], text)
redis.call('HSET', KEYS[1], ARGV[1], text .. ' ' .. ARGV[2]) redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return {text, ARGV[2]}`)

	breakLease = redis.NewScript(`
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and string.match(held, '^%d+') == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) redis.call('ZREM', KEYS[2], ARGV[1]) end`)
)

func keys(kind string) []string { return []string{space + kind, space + kind + ":until"} }

// nothing is what scripts without an answer return.
func nothing(err error) error {
	if err == nil || err == redis.Nil {
		return nil
	}
	return fmt.Errorf("registry: redis: %w", err)
}

// Announce implements Registry.
func (r *Redis) Announce(ctx context.Context, kind, key, value string, ttl time.Duration) error {
	return nothing(announce.Run(ctx, r.client, keys(kind), key, value, ttl.Milliseconds()).Err())
}

// Withdraw implements Registry.
func (r *Redis) Withdraw(ctx context.Context, kind, key, value string) error {
	return nothing(withdraw.Run(ctx, r.client, keys(kind), key, value).Err())
}

// List implements Registry.
func (r *Redis) List(ctx context.Context, kind string) (map[string]string, error) {
	all, err := list.Run(ctx, r.client, keys(kind)).StringSlice()
	if err != nil {
		return nil, nothing(err)
	}
	out := make(map[string]string, len(all)/2)
	for i := 0; i+1 < len(all); i += 2 {
		out[all[i]] = all[i+1]
	}
	return out, nil
}

const leases = "lease"

// Acquire implements Registry.
func (r *Redis) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (Lease, bool, error) {
	got, err := acquire.Run(ctx, r.client, append(keys(leases), space+leases+":epoch"), name, owner, ttl.Milliseconds()).StringSlice()
	if err != nil || len(got) != 2 {
		return Lease{}, false, nothing(err)
	}
	l := Lease{Owner: got[1]}
	l.Epoch, err = strconv.ParseInt(got[0], 10, 64)
	return l, l.Owner == owner, nothing(err)
}

// Break implements Registry.
func (r *Redis) Break(ctx context.Context, name string, epoch int64) error {
	return nothing(breakLease.Run(ctx, r.client, keys(leases), name, strconv.FormatInt(epoch, 10)).Err())
}

// Leases implements Registry.
func (r *Redis) Leases(ctx context.Context) (map[string]Lease, error) {
	all, err := r.List(ctx, leases)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Lease, len(all))
	for name, text := range all {
		epoch, owner, _ := strings.Cut(text, " ")
		n, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			continue // written by nobody of ours
		}
		out[name] = Lease{Owner: owner, Epoch: n}
	}
	return out, nil
}
