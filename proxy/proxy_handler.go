package proxy

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
	"huidu/proxy/netconn"
	"huidu/proxy/upstream"
)

// proxyPass is the content handler of proxy_pass.
//
// See: ngx_http_proxy_handler.
func proxyPass(r *Request) rc {
	p := r.loc.proxy
	st := r.upstreamState()
	st.begin(p)
	if p.pass.HasVars {
		if c := st.evalURL(r); c != ok {
			return c
		}
	} else {
		st.vars, st.group, st.host = p.vars, p.group, p.group.Name
	}
	st.buffering = p.buffering
	if c := st.prepareBody(r); c != ok {
		return c
	}
	if p.cache != nil {
		if c, answered := st.askCache(r); answered {
			st.endCache(c)
			return c
		}
	}
	if c := st.createRequest(r); c != ok {
		st.endCache(c)
		return c
	}
	return st.run(r)
}

// run asks peers until one answers, and passes its response on. It is
// nginx's ngx_http_upstream_init_request to finalize_request.
func (st *upstreamState) run(r *Request) rc {
	st.watch(r)
	c := st.tryPeers(r)
	st.finalize(r, c)
	return c
}

// ft is nginx's ft_type: why the next upstream is to be tried.
type ft = nginxconf.NextUpstream

// ftNone says that the response was taken (or the request given up): see the
// rc beside it. ftNoLive is nginx's NGX_HTTP_UPSTREAM_FT_NOLIVE.
const (
	ftNone   ft = 0
	ftNoLive ft = 1 << 30
)

// tryPeers is the loop over the peers.
func (st *upstreamState) tryPeers(r *Request) rc {
	if c := st.local(r); c != ok {
		return c
	}
	if st.group == nil {
		if t := r.main.tracing; t != nil && t.dry != nil { // names are not looked up
			c, _ := st.traceUpstream(r)
			return c
		}
		if c := st.resolve(r); c != ok {
			return c
		}
	}
	if c := st.startPicker(r); c != ok {
		return c
	}
	for {
		why, c := st.tryPeer(r)
		if why == ftNone {
			return c
		}
		if again, c := st.next(r, why); !again {
			return c
		}
	}
}

// local evaluates proxy_bind.
func (st *upstreamState) local(r *Request) rc {
	p := st.conf
	st.dialOpts = upstream.DialOptions{Timeout: p.connectTimeout, KeepAlive: p.socketKeepalive}
	st.sendTimeout, st.readTimeout = p.sendTimeout, p.readTimeout
	if p.bind == nil {
		return ok
	}
	addr, text, err := p.bindAddr(r)
	if err != nil {
		r.logf(logError, "%v", err)
		return ok // nginx goes on without
	}
	st.dialOpts.Bind, st.key.Name = addr, text
	return ok
}

// startPicker makes the picker ready for the group's method.
func (st *upstreamState) startPicker(r *Request) rc {
	g := st.group
	var req upstream.PickRequest
	if g.Conf != nil {
		switch g.Conf.Balancer.Method {
		case "ip_hash":
			req.Client = r.main.clientIP()
		case "hash":
			req.Key = st.hashKey(r)
		}
		if g.Sticky != nil {
			for _, name := range g.Sticky.Lookup {
				if v, _ := r.lookupVar(name); v != "" {
					st.stickyID = v
					break
				}
			}
			req.Hint = g.Sticky.Hint(st.stickyID, st.began)
		}
	}
	g.Start(&st.picker, req)
	if n := st.conf.nextTries; n > 0 && st.picker.Tries > n {
		st.picker.Tries = n
	}
	return ok
}

// hashKey evaluates the key of the hash directive.
func (st *upstreamState) hashKey(r *Request) string {
	if key := r.rt.hashKeys[st.group.Conf]; key != nil {
		return key.eval(r)
	}
	return ""
}

// tryPeer asks one peer. ftNone with a code means that the request is dealt
// with.
func (st *upstreamState) tryPeer(r *Request) (ft, rc) {
	if n := len(st.tries); n > 0 && st.tries[n-1].peer != "" && st.tries[n-1].response < 0 {
		st.tries[n-1].response = st.sinceTry()
	}
	st.tries = append(st.tries, upstreamTry{connect: -1, header: -1, response: -1})
	st.try = time.Now()
	st.headBytes, st.dialErr = 0, false

	if by := st.balancerBy(r); by != nil {
		if why, c := st.runBalancer(r, by); why != ftNone || c != ok {
			return why, c
		}
	}
	if st.peer == nil {
		peer, err := st.picker.Next()
		if err != nil {
			st.current().peer, st.peerName = st.group.Name, st.group.Name
			r.logf(logError, "no live upstreams while connecting to upstream")
			return ftNoLive, ok
		}
		st.peer = peer
	}
	st.current().peer, st.peerName = st.peer.Name, st.peer.Name
	if st.group.Sticky != nil && st.group.Sticky.Cookie != "" {
		st.setSticky(r)
	}
	if r.main.tracing != nil {
		if c, dry := st.traceUpstream(r); dry {
			return ftNone, c
		}
	}
	why, c := st.exchange(r, st.group.Pool)
	if why == nginxconf.NextError && st.cached && !st.gotAny && st.mayRetry(r, why, true) {
		// The kept connection was stale: that says nothing about the peer.
		st.closeConn()
		why, c = st.exchange(r, nil)
	}
	if why != ftNone || c != ok {
		return why, c
	}
	if st.memcached != nil {
		return st.memcachedRespond(r)
	}
	return st.respond(r)
}

// exchange sends the request and reads the header of the response.
func (st *upstreamState) exchange(r *Request, pool *upstream.Pool) (ft, rc) {
	st.gotAny = false
	if why, c := st.connect(r, pool); why != ftNone || c != ok {
		return why, c
	}
	if why, c := st.send(r); why != ftNone || c != ok {
		return why, c
	}
	if st.memcached != nil {
		return st.memcachedHead(r)
	}
	if st.conf.fastcgi != nil {
		return st.readFastCGIHead(r)
	}
	return st.readHead(r)
}

// connect takes a kept connection to the peer, or dials it.
//
// Differs: nginx takes a kept connection that turns out to be dead for a
// failure of the peer.
func (st *upstreamState) connect(r *Request, pool *upstream.Pool) (ft, rc) {
	st.key.Addr, st.cached = st.peer.Name, false
	if st.vars.tls {
		if c := st.tlsKey(r); c != ok {
			return ftNone, c
		}
	}
	if pool != nil {
		if c := pool.Get(st.key); c != nil {
			st.cached = true
			st.sent0, st.received0 = c.Sent(), c.Received()
			st.setConn(c)
			st.current().connect = 0
			return ftNone, ok
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	st.mu.Lock()
	st.cancel = cancel
	st.mu.Unlock()
	defer func() {
		st.mu.Lock()
		st.cancel = nil
		st.mu.Unlock()
		cancel()
	}()
	if st.gone.Load() {
		return ftNone, st.clientGone(r, "connecting to upstream")
	}
	c, err := st.peer.Dial(ctx, st.dialOpts)
	if err != nil {
		if st.gone.Load() {
			return ftNone, st.clientGone(r, "connecting to upstream")
		}
		return st.connectFailed(r, err), ok
	}
	st.sent0, st.received0 = 0, 0
	if f := st.conf.fallback; f != nil && f.Client == FallbackProxy {
		if err := f.announce(r, c); err != nil {
			c.Close()
			return st.ioFailed(r, "writev()", err, "sending request to upstream")
		}
	}
	if st.vars.tls {
		tc, why := st.handshake(ctx, r, c)
		if why != ftNone {
			if st.gone.Load() {
				return ftNone, st.clientGone(r, "SSL handshaking to upstream")
			}
			return why, ok
		}
		c = tc
	}
	st.setConn(c)
	st.current().connect = st.sinceTry()
	return ftNone, ok
}

func (st *upstreamState) connectFailed(r *Request, err error) ft {
	var ce *upstream.ConnectError
	if errors.As(err, &ce) {
		if ce.Timeout() {
			st.dialErr = true
			r.logf(logError, "%s while connecting to upstream", ce.Error())
			return nginxconf.NextTimeout
		}
		r.logf(nginxconf.LogLevel(ce.Level()), "%s while connecting to upstream", ce.Error())
		return nginxconf.NextError
	}
	r.logf(logError, "%v while connecting to upstream", err)
	return nginxconf.NextError
}

// clientGone gives the request up because its client has left.
func (st *upstreamState) clientGone(r *Request, doing string) rc {
	r.logf(logInfo, "epoll_wait() reported that client prematurely closed connection, "+
		"so upstream connection is closed too while %s", doing)
	return statusClientClosed
}

// ioFailed words a failure of reading or writing and says whose turn it is.
func (st *upstreamState) ioFailed(r *Request, call string, err error, doing string) (ft, rc) {
	switch {
	case st.gone.Load():
		return ftNone, st.clientGone(r, doing)
	case errors.Is(err, netconn.ErrTimeout):
		r.logf(logError, "upstream timed out (%s) while %s", upstream.ErrnoText(syscall.ETIMEDOUT), doing)
		return nginxconf.NextTimeout, ok
	case errors.Is(err, io.EOF):
		r.logf(logError, "upstream prematurely closed connection while %s", doing)
	case errors.Is(err, netconn.ErrInterrupted):
	default:
		r.logf(logError, "%s while %s", upstream.CallError(call, err), doing)
	}
	return nginxconf.NextError, ok
}

// statusOf is what a client is answered when there is no next upstream.
func statusOf(why ft) rc {
	switch why {
	case nginxconf.NextTimeout, nginxconf.Next504:
		return 504
	case nginxconf.Next500:
		return 500
	case nginxconf.Next503:
		return 503
	case nginxconf.Next403:
		return 403
	case nginxconf.Next404:
		return 404
	case nginxconf.Next429:
		return 429
	}
	return 502
}

// next ends a failed try. again tells to try another peer; otherwise the code
// is the answer.
//
// See: ngx_http_upstream_next.
func (st *upstreamState) next(r *Request, why ft) (again bool, c rc) {
	st.stopSender()
	st.count()
	if st.peer != nil {
		state := upstream.Failed
		if why == nginxconf.Next403 || why == nginxconf.Next404 {
			state = upstream.Next
		}
		st.balancer.last = pick(state == upstream.Next, "next", "failed")
		st.freePeer(r, state)
	}
	status := statusOf(why)
	if st.gone.Load() {
		return false, statusClientClosed
	}
	st.current().status = int(status)
	if !st.mayRetry(r, why, st.picker.Tries > 0) {
		if st.mayUseStale(r, why) || st.caching.status == cacheExpired && st.caching.entry.StaleError {
			return false, st.sendStale(r, cacheStale)
		}
		return false, status
	}
	st.closeConn()
	return true, ok
}

// mayRetry tells whether proxy_next_upstream allows another try.
func (st *upstreamState) mayRetry(r *Request, why ft, left bool) bool {
	p := st.conf
	if st.sentAny && (r.methodID == http1.MethodPost || r.methodID == http1.MethodLock || r.methodID == http1.MethodPatch) {
		why |= nginxconf.NextNonIdempotent
	}
	allowed := p.next
	switch {
	case !left:
		return false
	case why&ftNoLive != 0: // never among the conditions, as in nginx
		return false
	case allowed&why != why:
		return false
	case st.sentAny && st.noBuffer:
		return false
	case p.nextTimeout > 0 && time.Since(st.began) >= p.nextTimeout:
		return false
	}
	return true
}

// freePeer reports to the balancer how the try ended.
func (st *upstreamState) freePeer(r *Request, s upstream.State) {
	if st.picker.Current() != nil && st.picker.Done(s) {
		r.logf(logWarn, "upstream server temporarily disabled while %s", st.doing())
	}
	st.peer = nil
}

func (st *upstreamState) doing() string {
	switch {
	case st.headerDone:
		return "reading upstream"
	case st.sentAny:
		return "reading response header from upstream"
	}
	return "connecting to upstream"
}

// closeConn closes the connection of a try that did not work out.
func (st *upstreamState) closeConn() {
	st.stopSender()
	if c := st.conn; c != nil {
		st.setConn(nil)
		c.Close()
	}
}

// finalize ends the run: the connection goes back to the pool or is closed,
// the peer is freed, the times are written down.
//
// See: ngx_http_upstream_finalize_request.
func (st *upstreamState) finalize(r *Request, c rc) {
	st.stopSender() // which may go back to watching the client
	st.unwatch()
	st.endTry(r)
	st.endCache(c)
	if st.bodyFrom == bodyClient && !r.body.ended {
		// What was streamed is gone: whoever answers now has no body.
		r.body.discarded = true
		if r.conn.h2 != nil {
			r.conn.h2.stopBody()
		}
	}
}

// endTry is the part of finalize that is done as soon as the upstream's
// response is complete, before the client has it all.
func (st *upstreamState) endTry(r *Request) {
	sent := st.stopSender()
	if n := len(st.tries); n > 0 {
		if t := &st.tries[n-1]; t.response < 0 && t.peer != "" {
			t.response = st.sinceTry()
			st.count()
		}
	}
	pool := (*upstream.Pool)(nil)
	if st.group != nil {
		pool = st.group.Pool
	}
	c := st.conn
	if c != nil {
		st.setConn(nil)
	}
	if st.peer != nil {
		st.learnSticky(r)
		st.freePeer(r, upstream.OK)
	}
	switch {
	case c == nil:
	case st.keepalive && sent && pool != nil && !st.gone.Load() && len(c.Buffered()) == 0:
		pool.Put(c, st.key)
	default:
		c.Close()
	}
}
