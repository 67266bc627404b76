package proxy

import (
	"time"

	"huidu/proxy/netconn"
)

// rateLimit is limit_rate of one response; rate 0 is no limit.
type rateLimit struct {
	rate, after int64
	start       int64 // of the request, Unix seconds
}

// limitFrom takes the response's limit when its header is sent: what a script
// or an upstream set, else the directive.
func (r *Request) limitFrom(w *h1Writer) {
	m := r.main
	if !m.limitSet {
		if !r.loc.limitsRate {
			return
		}
		n, err := parseSize(r.loc.limitRate.eval(r))
		if err != nil {
			return
		}
		m.limitRate, m.limitSet = n, true
	}
	w.limit.rate = m.limitRate
	w.limit.start = m.start.Unix()
	if r.loc.limitRateAfter.isLiteral() && r.loc.limitRateAfter.lit == "" {
		return
	}
	w.limit.after, _ = parseSize(r.loc.limitRateAfter.eval(r))
}

// sendLimited writes no faster than the limit allows.
//
// See: ngx_http_write_filter.
func (w *h1Writer) sendLimited(r *Request, p, tail []byte) rc {
	w.c.nc.SetWriteTimeout(r.loc.sendTimeout)
	var queue [3][]byte
	var own *netconn.Buffer
	if own = w.out; own != nil {
		queue[0] = own.Bytes()
		w.out = nil
		defer own.Release()
	}
	queue[1], queue[2] = p, tail
	for i := range queue {
		for b := queue[i]; len(b) > 0; {
			if r.main.limitRate > 0 {
				w.limit.rate = r.main.limitRate
			}
			rate := w.limit.rate
			budget := rate*(time.Now().Unix()-w.limit.start+1) - (r.bytesSent - w.limit.after)
			if budget <= 0 {
				if c := r.pause(time.Duration(-budget*1000/rate+1) * time.Millisecond); c != ok {
					r.outFailed, r.keepalive = true, false
					return failed
				}
				continue
			}
			n, err := w.c.nc.Write(b[:min(int64(len(b)), budget)])
			before := r.bytesSent
			r.bytesSent += int64(n)
			b = b[n:]
			if err != nil {
				return r.clientWriteFailed(err)
			}
			counted := max(r.bytesSent-w.limit.after, 0) - max(before-w.limit.after, 0)
			if d := counted * 1000 / rate; d > 0 && (len(b) > 0 || i < 1 && len(p) > 0) {
				if c := r.pause(time.Duration(d) * time.Millisecond); c != ok {
					r.outFailed, r.keepalive = true, false
					return failed
				}
			}
		}
	}
	return ok
}
