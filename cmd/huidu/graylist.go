package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// grayList is the list as the article keeps it: a key per address whose
// value is the address. Other keys of the same Redis are left alone.
type grayList struct {
	rdb   *redis.Client
	where string // for people: address and where it was found
	from  string // where the password came from
}

// openGrayList connects and authenticates.
func openGrayList(ctx context.Context, t *grayTarget) (*grayList, error) {
	network, addr := "tcp", t.addr
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	l := &grayList{where: t.addr, from: t.passwordFrom}
	if t.from != "" {
		l.where += ", " + t.from
	}
	l.rdb = redis.NewClient(&redis.Options{
		Network: network, Addr: addr, Username: t.user, Password: t.password, DB: t.db,
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1,
		DialTimeout: 3 * time.Second, ReadTimeout: 5 * time.Second,
	})
	if err := l.rdb.Ping(ctx).Err(); err != nil {
		_ = l.rdb.Close()
		return nil, l.explain(err)
	}
	return l, nil
}

// Close ends the connection.
func (l *grayList) Close() { _ = l.rdb.Close() }

// explain says what a Redis error means here; it never holds the password.
func (l *grayList) explain(err error) error {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "WRONGPASS"), strings.Contains(text, "invalid password"),
		strings.Contains(text, "AUTH") && strings.HasPrefix(text, "ERR"):
		return fmt.Errorf("redis at %s refused the password (%s); give --password or HUIDU_REDIS_PASSWORD", l.where, l.from)
	case strings.HasPrefix(text, "NOAUTH"):
		return fmt.Errorf("redis at %s wants a password and none was found; give --password or HUIDU_REDIS_PASSWORD", l.where)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("redis at %s does not answer", l.where)
	}
	return fmt.Errorf("redis at %s: %w", l.where, err)
}

// Add puts an address on the list and returns what its key held before.
func (l *grayList) Add(ctx context.Context, ip string) (old string, err error) {
	old, err = l.rdb.SetArgs(ctx, ip, ip, redis.SetArgs{Get: true}).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return old, err
}

// Remove takes an address off the list; a key that holds something else is
// not the list's and stays.
func (l *grayList) Remove(ctx context.Context, ip string) (bool, error) {
	listed, err := l.Has(ctx, ip)
	if err != nil || !listed {
		return false, err
	}
	n, err := l.rdb.Del(ctx, ip).Result()
	return n > 0, err
}

// Has reports whether the script would send the address to staging.
func (l *grayList) Has(ctx context.Context, ip string) (bool, error) {
	v, err := l.rdb.Get(ctx, ip).Result()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil && v == ip, err
}

// All returns the list, ordered. It walks the keys in steps (SCAN), so a
// large Redis keeps serving meanwhile.
func (l *grayList) All(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	var cursor uint64
	for {
		keys, next, err := l.rdb.Scan(ctx, cursor, "*", 1000).Result()
		if err != nil {
			return nil, err
		}
		if len(keys) > 0 {
			values, err := l.rdb.MGet(ctx, keys...).Result()
			if err != nil {
				return nil, err
			}
			for i, v := range values {
				if v == keys[i] {
					seen[keys[i]] = true
				}
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	list := make([]string, 0, len(seen))
	for k := range seen {
		list = append(list, k)
	}
	sort.Slice(list, func(i, j int) bool { return addressLess(list[i], list[j]) })
	return list, nil
}

// addressLess orders addresses by value and everything else after them.
func addressLess(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	switch {
	case errX == nil && errY == nil:
		return x.Less(y)
	case errX == nil || errY == nil:
		return errX == nil
	}
	return a < b
}
