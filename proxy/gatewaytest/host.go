package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/nginxconf/native"
)

// host is what test.lua finds in huidu.host, for one case.
type host struct {
	dir string // of the test file

	mu       sync.Mutex
	gateways map[int]*gateway
	next     int
	cases    []any
	result   map[string]any
}

func newHost(dir string) *host { return &host{dir: dir, gateways: map[int]*gateway{}} }

// functions are the host's functions by name. The number of a gateway is the
// first argument of most.
func (h *host) functions() map[string]luacompat.HostFunc {
	with := func(f func(ctx context.Context, g *gateway, args []any) ([]any, error)) luacompat.HostFunc {
		return func(ctx context.Context, args []any) ([]any, error) {
			g, err := h.gateway(arg(args, 0))
			if err != nil {
				return nil, err
			}
			return f(ctx, g, args[1:])
		}
	}
	return map[string]luacompat.HostFunc{
		"cases": func(_ context.Context, args []any) ([]any, error) {
			h.cases, _ = arg(args, 0).([]any)
			return nil, nil
		},
		"result": func(_ context.Context, args []any) ([]any, error) {
			h.result, _ = arg(args, 0).(map[string]any)
			return nil, nil
		},
		"now": func(context.Context, []any) ([]any, error) {
			return []any{float64(time.Now().UnixMicro()) / 1e6}, nil
		},
		"start": h.start,
		"stop": with(func(_ context.Context, g *gateway, _ []any) ([]any, error) {
			h.drop(g)
			return nil, nil
		}),
		"reload":  with(func(_ context.Context, g *gateway, _ []any) ([]any, error) { return nil, g.reload() }),
		"request": with(hostRequest), "requests": with(hostRequests),
		"redis": with(hostRedis), "upstream": with(hostUpstream),
		"eval": with(func(ctx context.Context, g *gateway, args []any) ([]any, error) {
			return g.srv.EvalLua(ctx, "=(eval)", []byte(text(arg(args, 0))), args[1:]...)
		}),
		"advance": with(func(_ context.Context, g *gateway, args []any) ([]any, error) {
			g.advance(secondsArg(args, 0))
			return nil, nil
		}),
		"log": with(func(_ context.Context, g *gateway, args []any) ([]any, error) {
			return []any{g.logs.since(nil, text(arg(args, 0)) == "error")}, nil
		}),
	}
}

func arg(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func secondsArg(args []any, i int) time.Duration {
	s, _ := arg(args, i).(float64)
	return time.Duration(s * float64(time.Second))
}

func (h *host) gateway(id any) (*gateway, error) {
	n, _ := id.(float64)
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.gateways[int(n)]; g != nil {
		return g, nil
	}
	return nil, errors.New("the gateway has been stopped")
}

// start is host.start(options): the gateway's number.
func (h *host) start(_ context.Context, args []any) ([]any, error) {
	s, err := h.spec(arg(args, 0))
	if err != nil {
		return nil, err
	}
	g, err := startGateway(s)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	h.gateways[h.next] = g
	return []any{h.next}, nil
}

func (h *host) drop(g *gateway) {
	h.mu.Lock()
	for id, other := range h.gateways {
		if other == g {
			delete(h.gateways, id)
		}
	}
	h.mu.Unlock()
	g.stop()
}

// close stops what a case has left running.
func (h *host) close() {
	for _, g := range h.gateways {
		g.stop()
	}
	h.gateways = nil
}

// spec reads the options of test.gateway.
func (h *host) spec(v any) (s spec, err error) {
	s = spec{dir: h.dir, phase: "content", workers: 1, paths: map[string]string{}}
	options, ok := v.(map[string]any)
	if !ok {
		return s, errors.New("test.gateway wants a table with names")
	}
	texts := map[string]*string{"conf": &s.conf, "script": &s.script, "phase": &s.phase, "server": &s.server, "http": &s.http,
		"prefix": &s.prefix, "log_level": &s.logLevel}
	redisGiven := false
	for name, value := range options {
		if to := texts[name]; to != nil {
			*to = text(value)
			continue
		}
		switch name {
		case "named":
			list, _ := value.([]any)
			for _, n := range list {
				s.named = append(s.named, text(n))
			}
		case "paths":
			m, _ := value.(map[string]any)
			for from, to := range m {
				s.paths[from] = text(to)
			}
		case "strict":
			s.strict, _ = value.(bool)
		case "workers":
			n, _ := value.(float64)
			s.workers = max(int(n), 1)
		case "redis":
			redisGiven = true
			if s.redis, err = redisSpecs(value); err != nil {
				return s, err
			}
		default:
			return s, fmt.Errorf("test.gateway knows no option %q", name)
		}
	}
	if s.logLevel != "" && s.conf != "" {
		return s, errors.New("log_level is for gateways without a conf: a conf has its own error_log")
	}
	if !redisGiven {
		s.redis = []redisSpec{{}}
	}
	return s, nil
}

// redisSpecs reads the option redis: false, { password =, address = }, or a list
// of such.
func redisSpecs(v any) ([]redisSpec, error) {
	switch v := v.(type) {
	case bool:
		if !v {
			return nil, nil
		}
		return []redisSpec{{}}, nil
	case map[string]any:
		for name := range v {
			if name != "address" && name != "password" {
				return nil, fmt.Errorf("redis knows no option %q", name)
			}
		}
		return []redisSpec{{text(v["address"]), text(v["password"])}}, nil
	case []any:
		var out []redisSpec
		for _, one := range v {
			specs, err := redisSpecs(one)
			if err != nil {
				return nil, err
			}
			out = append(out, specs...)
		}
		return out, nil
	}
	return nil, errors.New("redis is a table with address and password, a list of such, or false")
}

func hostRequest(ctx context.Context, g *gateway, args []any) ([]any, error) {
	q, _ := arg(args, 0).(map[string]any)
	res, err := g.request(ctx, q)
	if err != nil {
		return nil, err
	}
	return []any{res}, nil
}

// hostRequests sends all at once.
func hostRequests(ctx context.Context, g *gateway, args []any) ([]any, error) {
	list, _ := arg(args, 0).([]any)
	out := make([]any, len(list))
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, q := range list {
		wg.Go(func() {
			m, _ := q.(map[string]any)
			out[i], errs[i] = g.request(ctx, m)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return []any{out}, nil
}

// hostRedis is redis(gateway, name, verb, …).
func hostRedis(_ context.Context, g *gateway, args []any) ([]any, error) {
	r, err := g.redisNamed(text(arg(args, 0)))
	if err != nil {
		return nil, err
	}
	rest := args[2:]
	switch verb := text(arg(args, 1)); verb {
	case "do":
		words := make([]string, len(rest))
		for i, w := range rest {
			words[i] = text(w)
		}
		v, err := r.do(words)
		return []any{v}, err
	case "down", "up", "hang":
		return nil, r.set(verb, 0, "")
	case "slow":
		return nil, r.set("up", secondsArg(rest, 0), "")
	case "reply":
		return nil, r.set("reply", 0, text(arg(rest, 0)))
	case "password":
		r.setPassword(text(arg(rest, 0)))
	case "commands":
		return []any{r.commands()}, nil
	case "forget":
		r.forget()
	case "address":
		return []any{r.at}, nil
	}
	return nil, nil
}

// hostUpstream is upstream(gateway, name, verb, …).
func hostUpstream(_ context.Context, g *gateway, args []any) ([]any, error) {
	ups, err := g.upstreamsNamed(text(arg(args, 0)))
	if err != nil {
		return nil, err
	}
	rest := args[2:]
	switch verb := text(arg(args, 1)); verb {
	case "requests":
		all := []any{}
		for _, u := range ups {
			all = append(all, u.requests()...)
		}
		return []any{all}, nil
	case "answer":
		a, err := answerOf(arg(rest, 0))
		if err != nil {
			return nil, err
		}
		for _, u := range ups {
			u.say(a)
		}
	case "forget":
		for _, u := range ups {
			u.forget()
		}
	case "slow":
		for _, u := range ups {
			err = errors.Join(err, u.set("up", secondsArg(rest, 0)))
		}
	default:
		for _, u := range ups {
			err = errors.Join(err, u.set(verb, 0))
		}
	}
	return nil, err
}

// answerOf reads { status =, headers =, body = }.
func answerOf(v any) (answer, error) {
	a := answer{status: 200, headers: map[string]string{}, isSet: true}
	m, ok := v.(map[string]any)
	if !ok {
		return a, errors.New("answer wants a table with status, headers and body")
	}
	for name, value := range m {
		switch name {
		case "status":
			n, _ := value.(float64)
			a.status = int(n)
		case "body":
			a.body = text(value)
		case "headers":
			hs, _ := value.(map[string]any)
			for h, to := range hs {
				a.headers[h] = text(to)
			}
		default:
			return a, fmt.Errorf("answer knows no %q", name)
		}
	}
	return a, nil
}

// CompileRegex checks a regular expression of a configuration with the engine
// that will run it, and names its captures.
func CompileRegex(pattern string, noCase bool) ([]string, error) {
	flags := pcre.Flags(0)
	if noCase {
		flags |= pcre.Caseless
	}
	re, err := pcre.Compile(pattern, flags)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range re.Names() {
		names = append(names, n.Name)
	}
	return names, nil
}

func readTree(name string, data []byte) ([]*nginxconf.Node, bool, *nginxconf.Diagnostic) {
	return native.ReadTree(name, data)
}
