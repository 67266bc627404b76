package nginxconf

import (
	"net/netip"
	"strings"
)

// accessRows is access, auth_basic, auth_request and realip.
func accessRows() []row {
	rules := inAccess(func(a *AccessLoc) *Opt[[]AccessRule] { return &a.Rules })
	rule := func(name string) row {
		return listRow(name, ctxHSLX, take1, rules, func(b *build, n *Node, o *Opt[[]AccessRule]) error {
			if err := b.checkNetwork(n.Args[0], true); err != nil {
				return err
			}
			o.V = append(o.V, AccessRule{Allow: name == "allow", Net: n.Args[0]})
			return nil
		})
	}
	return []row{
		rule("allow"), rule("deny").local(),
		valueOrOff("auth_basic", ctxHSLX, inAccess(func(a *AccessLoc) *Opt[*Value] { return &a.AuthBasic })).in("ngx_http_auth_basic_module"),
		newRow("auth_basic_user_file", ctxHSLX, take1, inAccess(func(a *AccessLoc) *Opt[*Value] { return &a.AuthBasicFile }), nil,
			func(b *build, n *Node, o *Opt[*Value]) error {
				text := n.Args[0]
				if text == "" || text[0] != '$' {
					text = b.confName(text)
				}
				v, err := b.value(text)
				o.V = &v
				return err
			}).in("ngx_http_auth_basic_module"),
		newRow("auth_request", ctxHSL, take1, inAccess(func(a *AccessLoc) *Opt[string] { return &a.AuthRequest }), nil,
			func(_ *build, n *Node, o *Opt[string]) error {
				if n.Args[0] != "off" {
					o.V = n.Args[0]
				}
				return nil
			}).in("ngx_http_auth_request_module"),
		listRow("auth_request_set", ctxHSL, take2, inAccess(func(a *AccessLoc) *Opt[[]SetOp] { return &a.AuthRequestSet }),
			func(b *build, n *Node, o *Opt[[]SetOp]) error {
				name, err := b.newVariable(n.Args[0])
				if err != nil {
					return err
				}
				v, err := b.value(n.Args[1])
				o.V = append(o.V, SetOp{name, v})
				return err
			}).in("ngx_http_auth_request_module"),
		listRow("set_real_ip_from", ctxHSL, take1, inAccess(func(a *AccessLoc) *Opt[[]string] { return &a.RealIPFrom }), addRealIP).in("ngx_http_realip_module"),
		str("real_ip_header", ctxHSL, inAccess(func(a *AccessLoc) *Opt[string] { return &a.RealIPHeader }), "X-Real-IP").in("ngx_http_realip_module"),
		flag("real_ip_recursive", ctxHSL, inAccess(func(a *AccessLoc) *Opt[bool] { return &a.RealIPRecursive }), false).in("ngx_http_realip_module"),
	}
}

// checkNetwork checks "all", "unix:", an address or a CIDR.
func (b *build) checkNetwork(text string, all bool) error {
	if all && text == "all" || text == "unix:" {
		return nil
	}
	p, ok := parseCIDR(text)
	if !ok {
		return b.emerg(`invalid parameter "%s"`, text)
	}
	if p.Masked() != p {
		b.warn("low address bits of %s are meaningless", text)
	}
	return nil
}

// addRealIP takes host names too, each of their addresses.
func addRealIP(b *build, n *Node, o *Opt[[]string]) error {
	text := n.Args[0]
	if _, ok := parseCIDR(text); !ok && text != "unix:" {
		var addrs []netip.AddrPort
		found := false
		if !strings.Contains(text, ":") { // no name has one
			addrs, found = b.resolve(address{host: text})
		}
		if !found {
			return b.emerg(`host not found in set_real_ip_from "%s"`, text)
		}
		for _, ap := range addrs {
			o.V = append(o.V, ap.Addr().String())
		}
		return nil
	}
	if err := b.checkNetwork(text, false); err != nil {
		return err
	}
	o.V = append(o.V, text)
	return nil
}
