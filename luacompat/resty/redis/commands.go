package redis

import "strings"

// stateless are the commands that may share a connection: they neither depend
// on what was sent before on theirs nor change what comes after, and they do
// not wait. All others, unknown ones too, pin a connection.
var stateless = func() map[string]bool {
	m := make(map[string]bool, 256)
	for _, c := range strings.Fields(statelessNames) {
		m[c] = true
	}
	return m
}()

const statelessNames = `
append bitcount bitfield bitfield_ro bitop bitpos copy dbsize decr decrby del
dump echo eval eval_ro evalsha evalsha_ro exists expire expireat expiretime
fcall fcall_ro flushall flushdb function geoadd geodist geohash geopos
georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch
geosearchstore get getbit getdel getex getrange getset hdel hexists hexpire
hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys
hlen hmget hmset hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield
hscan hset hsetex hsetnx hstrlen httl hvals incr incrby incrbyfloat info keys
lastsave lcs lindex linsert llen lmove lmpop lolwut lpop lpos lpush lpushx
lrange lrem lset ltrim mget mset msetnx object persist pexpire pexpireat
pexpiretime pfadd pfcount pfdebug pfmerge ping psetex pttl publish pubsub
randomkey rename renamenx restore role rpop rpoplpush rpush rpushx sadd scan
scard sdiff sdiffstore set setbit setex setnx setrange sinter sintercard
sinterstore sismember smembers smismember smove sort sort_ro spop spublish
srandmember srem sscan strlen substr sunion sunionstore time touch ttl type
unlink xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange
xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter
zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember
zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex
zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore
zrevrank zscan zscore zunion zunionstore config script
`

// kind is how a command travels.
type kind uint8

const (
	pinned kind = iota
	sharable
	auth
	selectDB
)

func kindOf(cmd string) kind {
	if stateless[cmd] {
		return sharable
	}
	switch strings.ToLower(cmd) {
	case "auth":
		return auth
	case "select":
		return selectDB
	}
	if stateless[strings.ToLower(cmd)] {
		return sharable
	}
	return pinned
}

// common are the methods that the module has from the start; others are made
// when they are first asked for.
var common = strings.Fields(`get set mget mset del incr decr llen lindex lpop
lpush lrange linsert hexists hget hset hmget hdel smembers sismember sadd srem
sdiff sinter sunion zrange zrangebyscore zrank zadd zrem zincrby auth eval
expire script sort`)

// Sharable reports whether a command may travel on a connection that others
// use too.
func Sharable(cmd string) bool { return kindOf(cmd) == sharable }
