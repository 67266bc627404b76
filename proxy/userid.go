package proxy

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// userID is what ngx_http_userid_module does at a location.
type userID struct {
	v1                 bool
	sets               bool // on or v1, not log
	name, domain, path string
	p3p, flags         string
	mark               string
	expires            time.Duration
	service            string
}

// uidState is one request's identification: 16 bytes as the cookie carries
// them.
type uidState struct {
	cookie string
	got    [16]byte
	set    [16]byte
	hasGot bool
	hasSet bool
	reset  bool
}

var (
	uidSequence1 atomic.Uint32
	uidSequence2 atomic.Uint32
)

// compileUserID adds userid.
//
// See: https://nginx.org/en/docs/http/ngx_http_userid_module.html
func compileUserID(loc *location, l *nginxconf.Location) {
	conf := l.Loc.Misc
	mode := conf.UserID.V
	if mode == "" || mode == "off" {
		return
	}
	u := &userID{v1: mode == "v1", sets: mode == "on" || mode == "v1", name: conf.UserIDName.V, mark: conf.UserIDMark.V,
		expires: conf.UserIDExpires.V, service: conf.UserIDService.V}
	if d := conf.UserIDDomain.V; d != "" && d != "none" {
		u.domain = "; domain=" + d
	}
	u.path = "; path=" + conf.UserIDPath.V
	if p := conf.UserIDP3P.V.Text; p != "none" {
		u.p3p = p
	}
	for _, f := range conf.UserIDFlags.V {
		if f != "off" {
			u.flags += "; " + f
		}
	}
	loc.userID = u
	if u.sets {
		loc.addHeaderFilter(orderUserID, u.filter)
	}
}

// read looks at the client's cookie, once.
//
// See: ngx_http_userid_get_uid.
func (u *userID) read(r *Request) *uidState {
	if st := r.modules.uid; st != nil {
		return st
	}
	st := &uidState{}
	r.modules.uid = st
	for i := range r.headers {
		h := &r.headers[i]
		if h.ID != http1.HeaderCookie {
			continue
		}
		v, found := findCookie(h.Value, u.name, ';')
		if !found {
			continue
		}
		st.cookie = v
		if len(v) < 22 {
			r.logf(logError, "client sent too short userid cookie \"%s\"", h.Value)
			return st
		}
		raw, err := base64.RawStdEncoding.DecodeString(v[:22])
		if err != nil {
			r.logf(logError, "client sent invalid userid cookie \"%s\"", h.Value)
			return st
		}
		copy(st.got[:], raw)
		st.hasGot = binary.LittleEndian.Uint32(st.got[12:]) != 0
		return st
	}
	return st
}

func (u *userID) text(id [16]byte) string {
	b := fmt.Appendf(nil, "%s=", u.name)
	for i := 0; i < 16; i += 4 {
		b = fmt.Appendf(b, "%08X", binary.LittleEndian.Uint32(id[i:]))
	}
	return string(b)
}

// make gives a client without an identification a new one.
//
// See: ngx_http_userid_create_uid.
func (u *userID) make(r *Request, st *uidState) {
	if st.hasSet {
		return
	}
	if st.hasGot {
		reset, _ := r.lookupVar("uid_reset")
		if reset == "" || reset == "0" {
			if u.mark == "" || len(st.cookie) > 23 && st.cookie[22:23] == u.mark && st.cookie[23] == '=' {
				return
			}
			st.set, st.hasSet = st.got, true
			return
		}
		st.reset = true
		if reset == "log" {
			r.logf(logNotice, "userid cookie \"%s\" was reset", u.text(st.got))
		}
	}
	st.hasSet = true
	now := uint32(time.Now().Unix())
	service, _ := strconv.ParseUint(u.service, 10, 32)
	start := uint32(processStart.UnixMicro()/20)<<16 | uint32(os.Getpid())&0xffff
	id := st.set[:]
	if u.v1 {
		le := binary.LittleEndian
		le.PutUint32(id, uint32(service))
		le.PutUint32(id[4:], now)
		le.PutUint32(id[8:], start)
		le.PutUint32(id[12:], uidSequence1.Add(1)<<8|1)
		return
	}
	be := binary.BigEndian
	if u.service != "" {
		be.PutUint32(id, uint32(service))
	} else if c := r.main.conn; c != nil && c.nc.Local().IsValid() {
		a := c.nc.Local().Addr().As16()
		copy(id, a[12:])
	}
	be.PutUint32(id[4:], now)
	be.PutUint32(id[8:], start)
	be.PutUint32(id[12:], 0x03030302+uidSequence2.Add(1)<<8)
}

// filter sets the cookie.
//
// See: ngx_http_userid_set_uid.
func (u *userID) filter(r *Request) rc {
	if r != r.main {
		return ok
	}
	st := u.read(r)
	u.make(r, st)
	if !st.hasSet {
		return ok
	}
	b := append([]byte(u.name), '=')
	if !st.hasGot || st.reset {
		b = base64.StdEncoding.AppendEncode(b, st.set[:])
		if u.mark != "" {
			b[len(b)-2] = u.mark[0]
		}
	} else {
		b = append(b, st.cookie[:22]...)
		b = append(append(b, u.mark...), '=')
	}
	switch {
	case u.expires < 0:
		b = append(b, "; expires=Thu, 31-Dec-37 23:55:55 GMT"...)
	case u.expires > 0:
		b = http1.AppendCookieDate(append(b, "; expires="...), time.Now().Add(u.expires))
	}
	b = append(append(append(b, u.domain...), u.path...), u.flags...)
	r.out.headers.AddID(http1.HeaderSetCookie, string(b))
	if u.p3p != "" {
		r.out.headers.Add("P3P", u.p3p)
	}
	return ok
}

func varUIDGot(r *Request) (string, bool) {
	u := r.main.loc.userID
	if u == nil {
		return "", false
	}
	st := u.read(r.main)
	if !st.hasGot {
		return "", false
	}
	return u.text(st.got), true
}

func varUIDSet(r *Request) (string, bool) {
	u := r.main.loc.userID
	if u == nil || !u.sets {
		return "", false
	}
	st := u.read(r.main)
	u.make(r.main, st)
	if !st.hasSet {
		return "", false
	}
	return u.text(st.set), true
}
