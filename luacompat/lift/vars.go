package lift

import (
	"strings"

	"huidu/luacompat/expr"
)

// plainVars are nginx's variables that a rule writes as $name; names of the
// rule avoid them. Those that a request does not change are read at any time.
var plainVars = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`args arg content_length content_type cookie host hostname http https is_args limit_rate
		nginx_version query_string remote_addr remote_port remote_user realpath_root request request_body request_filename
		request_id request_length request_method request_time request_uri scheme server_addr server_name server_port
		server_protocol status time_iso8601 time_local msec pid uri document_uri document_root binary_remote_addr
		proxy_add_x_forwarded_for realip_remote_addr connection connection_requests`) {
		m[n] = true
	}
	return m
}()

func plainVar(name string) bool {
	return plainVars[name] || strings.HasPrefix(name, "http_") || strings.HasPrefix(name, "cookie_") || strings.HasPrefix(name, "arg_")
}

// moving are variables whose value is another at every look.
var moving = map[string]bool{"msec": true, "time_iso8601": true, "time_local": true, "request_time": true, "status": true,
	"body_bytes_sent": true, "bytes_sent": true, "limit_rate": true, "connection_requests": true, "request_body": true}

// readVar is ngx.var.name.
func (x *exec) readVar(name string) value {
	name = strings.ToLower(name)
	if x.loading > 0 {
		x.refuse("ngx.var is read while a module is loaded")
	}
	if v, ok := x.st.vars[name]; ok {
		if v == nil {
			x.refuse("$%s is read, which is set on some paths only", name)
		}
		return v
	}
	if moving[name] {
		x.refuse("$%s is another at every look", name)
	}
	x.rule.Vars = append(x.rule.Vars, name)
	if plainVar(name) {
		if x.st.changed || x.st.headers && (strings.HasPrefix(name, "http_") || strings.HasPrefix(name, "cookie_")) {
			x.refuse("$%s is read after what it may depend on was set", name)
		}
		return &expr.Ref{Name: name}
	}
	if len(x.st.vars) > 0 {
		x.refuse("$%s is read after another variable was set, on which it may depend", name)
	}
	for _, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			x.refuse("the variable %q is not understood", name)
		}
	}
	return &expr.Call{Fn: "var", Args: []term{tText(name)}}
}

// setVar is ngx.var.name = value.
func (x *exec) setVar(name string, v term) {
	name = strings.ToLower(name)
	if plainVar(name) {
		x.st.changed = true
	}
	if x.kindsOf(v)&kList != 0 {
		x.refuse("$%s is set to what can be a table", name)
	}
	x.rule.SetVars = append(x.rule.SetVars, name)
	x.faults++
	if isNil(v) {
		x.emit("set", "$"+name)
		x.st.vars[name] = nil
		return
	}
	x.emit("set", "$"+name, x.word(name, v))
	x.st.vars[name] = nil
	if x.kindsOf(v)&^kString == 0 {
		x.st.vars[name] = v
	}
}
