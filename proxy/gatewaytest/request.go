package gatewaytest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"time"

	"huidu/proxy"
)

// requestTimeout ends a request whose test gives none.
const requestTimeout = 30 * time.Second

// request sends one request through the gateway. Its entries in the logs are
// those written meanwhile.
func (g *gateway) request(ctx context.Context, q map[string]any) (map[string]any, error) {
	marks, seen := g.logs.mark(), map[*redis]int{}
	for _, r := range g.redis {
		seen[r] = len(r.commands())
	}
	res, err := g.exchange(ctx, q)
	if err != nil {
		return nil, err
	}
	res["log"] = g.logs.since(marks, true)
	commands := []any{}
	for r, n := range seen {
		if all := r.commands(); n <= len(all) {
			commands = append(commands, all[n:]...)
		}
	}
	res["redis"], res["strays"] = commands, g.strayAddrs()
	return res, nil
}

// exchange runs a request and reads its response.
func (g *gateway) exchange(ctx context.Context, q map[string]any) (map[string]any, error) {
	x := proxy.Exchange{Listen: text(q["listen"])}
	if a := text(q["remote_addr"]); a != "" {
		ip, err := netip.ParseAddr(a)
		if err != nil {
			return nil, fmt.Errorf("remote_addr %q is not an IP address", a)
		}
		x.Client = netip.AddrPortFrom(ip, 50000)
	}
	method := text(q["method"])
	if x.Raw = []byte(text(q["raw"])); len(x.Raw) == 0 {
		x.Raw = g.rawRequest(q)
	} else if word, _, ok := strings.Cut(string(x.Raw), " "); ok {
		method = word
	}
	limit := requestTimeout
	if s, ok := q["timeout"].(float64); ok {
		limit = time.Duration(s * float64(time.Second))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s %s: no answer within %v", method, text(q["uri"]), limit))
	defer cancel()
	wire, d, err := g.srv.Exchange(ctx, x)
	if err != nil {
		return nil, err
	}
	res := map[string]any{"request": method + " " + text(q["uri"]), "wire": string(wire), "headers": map[string]any{}, "body": "",
		"location": optional(d.Location), "server": optional(d.Server), "upstream": optional(plainName(d.Upstream)),
		"peer": optional(g.written(d.Peer))}
	return res, readResponse(res, wire, method)
}

// plainName is an upstream as tests know it: without a standard port.
func plainName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ":80"), ":443")
}

// rawRequest is a request as it comes over the wire.
func (g *gateway) rawRequest(q map[string]any) []byte {
	version := text(q["version"])
	if version == "" {
		version = "1.1"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", text(q["method"]), text(q["uri"]), version)
	headers, _ := q["headers"].(map[string]any)
	have := map[string]bool{}
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
		have[strings.ToLower(name)] = true
	}
	sort.Strings(names)
	if !have["host"] && version != "1.0" {
		fmt.Fprintf(&b, "Host: %s\r\n", g.host())
	}
	for _, name := range names {
		values, several := headers[name].([]any)
		if !several {
			values = []any{headers[name]}
		}
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, text(v))
		}
	}
	body := text(q["body"])
	if q["body"] != nil && !have["content-length"] && !have["transfer-encoding"] {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	if !have["connection"] {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// host is the Host of requests that name none: the first server's name.
func (g *gateway) host() string {
	for _, s := range g.cfg.HTTP.Servers {
		for _, n := range s.Names {
			if n.Regex == nil && n.Name != "" && !strings.ContainsAny(n.Name, "*") && !strings.HasPrefix(n.Name, ".") {
				return n.Name
			}
		}
	}
	return "localhost"
}

// readResponse reads the final response into res; a connection that was closed
// without one has no status.
func readResponse(res map[string]any, wire []byte, method string) error {
	if len(wire) == 0 {
		return nil
	}
	br := bufio.NewReader(bytes.NewReader(wire))
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil { // HTTP/0.9, or a script's own bytes
			res["body"] = string(wire)
			return nil
		}
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read the response: %w", err)
		}
		res["status"], res["reason"], res["body"] = resp.StatusCode, strings.TrimSpace(strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode))), string(body)
		res["complete"] = err == nil
		headers := map[string]any{}
		for name, values := range resp.Header {
			headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
		if len(resp.TransferEncoding) > 0 {
			headers["transfer-encoding"] = strings.Join(resp.TransferEncoding, ", ")
		}
		res["headers"] = headers
		return nil
	}
}

// text is a plain value as text; nil is "".
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// optional is s, or nil for "".
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}
