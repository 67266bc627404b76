// Package link carries Redis commands for package redis, without knowing Lua.
//
// A [Hub] holds the connections of the process. A [Session] is what a script
// takes for its connection: the identity (address, user, password, database)
// under which its commands are to run. Commands without state travel over one
// [link] per identity, shared by all sessions. A caller that finds it idle
// runs its command on go-redis itself; what queues meanwhile goes out as one
// pipeline when the replies are there, run by the link's worker, and so on
// until nothing has queued. The first command with state (MULTI, SUBSCRIBE,
// BLPOP, …) or an unknown one gives the session a link of its own,
// authenticated and with its database selected, which it keeps.
//
// # go-redis
//
// All that is said to Redis is said by go-redis: each link is a
// [redis.Client] of one connection and its dedicated [redis.Conn]. A client
// for each and not a pool of connections for all: no connection can come to
// another identity, and a session whose connection has ended is told so, as
// scripts expect, where a pool would dial again. What is done here instead:
//
//   - Waiting. Callers have timers of their own and leave when their time is
//     up, while go-redis reads on; with go-redis's deadlines, the timeout of
//     one would cost all others in the pipeline their replies.
//   - Batches. AutoPipeline works on a client's pool, and its commands wait
//     under its timeouts.
//   - Reading replies. go-redis reads them to their end
//     ([redis.RawWriteToCmd]) and type reader takes them apart: they are
//     shown raw. go-redis 9.23's generic Cmd leaves an array at the first
//     error of a kind that it knows (NOPERM or OOM in an EXEC) and takes the
//     rest for the next reply, which on a shared connection is somebody
//     else's; and it allocates what a length promises.
//   - Subscriptions. PubSub would use a connection apart from the commands',
//     subscribe again by itself after errors, and cannot send other commands,
//     whose errors scripts see. So SUBSCRIBE is a command like others, and a
//     published message is read as the reply to a command that wire drops.
//   - Greeting. See wire: go-redis's HELLO does not reach Redis.
//
// What scripts may observe holds as with real connections: see [Hub.Connect]
// and [Session.Auth]. On loopback, connecting, authenticating and getting
// costs 3 to 4 µs of CPU with 64 goroutines and allocates only the value
// (BenchmarkRequest).
package link
