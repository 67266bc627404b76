// Package upstream chooses peers and keeps connections to them.
//
// A Group is one upstream block (or the implicit upstream of a literal
// proxy_pass): an immutable configuration, the state of its peers, and its
// pool of idle connections. For a request, Group.Start fills a Picker, which
// the caller keeps inside its own per-request state so that nothing is
// allocated; Picker.Next names the peer of each try and Picker.Done reports
// how the try ended. That pair is nginx's peer.get and peer.free, and the
// algorithms behind it are those of nginx, key for key: which peer a hash,
// an address or a cookie leads to is something that users see.
//
//	*nginxconf.Upstream ── New ──► Group ── Start ──► Picker ── Next ──► *Peer
//	                                 │                  ▲                   │
//	                                 │                  └────── Done ◄──────┤
//	                                 └── Pool ◄── Put ── *Conn ◄── Get/Dial ┘
//
// nginx keeps peers' state and idle connections per worker process unless
// the upstream has a zone. Here all workers are threads of one process and
// share both, as nginx does with a zone; limits that nginx counts per worker
// (keepalive) are multiplied by the number of workers. State and connections
// survive a reload for upstreams whose servers did not change.
//
// The Resolver is nginx's: it asks the servers of the resolver directive
// itself, caches by TTL, and speaks of failures in nginx's words.
package upstream
