package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"huidu/nginxconf"
	"huidu/nginxconf/coverage"
	"huidu/proxy"
)

// loggedRequests are the requests of an access log by the location that they
// belong to.
type loggedRequests struct {
	file       string
	total      int
	unread     int // lines that are no requests
	byServer   map[*nginxconf.Server]int
	byLocation map[*nginxconf.Location]int
	own        map[*nginxconf.Server]int // at a server's own level
	away       int                       // what goes to the fallback
}

// logLine reads the lines of one log format.
type logLine struct {
	re     *regexp.Regexp
	fields []string
}

// newLogLine makes the reader of a log_format: every variable is what stands
// between the text around it.
func newLogLine(f *nginxconf.LogFormat) (*logLine, error) {
	l := &logLine{}
	var sb strings.Builder
	sb.WriteString("^")
	for i, p := range f.Format.Parts {
		if p.Var == "" {
			sb.WriteString(regexp.QuoteMeta(p.Lit))
			continue
		}
		l.fields = append(l.fields, p.Var)
		if i == len(f.Format.Parts)-1 {
			sb.WriteString("(.*)")
		} else {
			sb.WriteString("(.*?)")
		}
	}
	sb.WriteString("$")
	var err error
	l.re, err = regexp.Compile(sb.String())
	return l, err
}

// hasTarget tells whether the format says what was asked for.
func (l *logLine) hasTarget() bool {
	for _, f := range l.fields {
		if f == "request" || f == "request_uri" || f == "uri" {
			return true
		}
	}
	return false
}

// read finds host, port and target of a line.
func (l *logLine) read(line string) (host, port, target string, ok bool) {
	m := l.re.FindStringSubmatch(line)
	if m == nil {
		return "", "", "", false
	}
	uri := ""
	for i, f := range l.fields {
		switch v := m[i+1]; f {
		case "request":
			if parts := strings.Split(v, " "); len(parts) >= 2 && target == "" {
				target = parts[1]
			}
		case "request_uri":
			target = v
		case "uri":
			uri = v
		case "host", "http_host":
			host = v
		case "server_name":
			if host == "" {
				host = v
			}
		case "server_port":
			port = v
		}
	}
	if target == "" {
		target = uri
	}
	if host == "-" {
		host = ""
	}
	return host, port, target, strings.HasPrefix(target, "/") || strings.HasPrefix(target, "http")
}

// weigh reads an access log and matches its requests to locations.
func (r *checkReport) weigh(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	defer f.Close()
	h := r.cov.Config.HTTP
	if h == nil {
		return fmt.Errorf("access log: the configuration has no http block")
	}
	match, err := proxy.NewMatcher(r.cov.Config)
	if err != nil {
		return err
	}
	formats, err := r.logFormats(h)
	if err != nil {
		return err
	}
	r.log = &loggedRequests{file: name, byServer: map[*nginxconf.Server]int{}, byLocation: map[*nginxconf.Location]int{}, own: map[*nginxconf.Server]int{}}
	in := bufio.NewReaderSize(f, 1<<16)
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			r.logged(match, formats, line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("access log: %w", err)
		}
	}
	if r.log.total == 0 {
		return fmt.Errorf("access log: no line of %s is a request in a log_format of the configuration or in combined", name)
	}
	return nil
}

// logFormats are the formats in use that say what was asked for, combined last.
func (r *checkReport) logFormats(h *nginxconf.HTTP) ([]*logLine, error) {
	var out []*logLine
	seen := map[*nginxconf.LogFormat]bool{}
	add := func(f *nginxconf.LogFormat) error {
		if f == nil || seen[f] {
			return nil
		}
		seen[f] = true
		l, err := newLogLine(f)
		if err == nil && l.hasTarget() {
			out = append(out, l)
		}
		return err
	}
	for _, s := range h.Servers {
		locs := []*nginxconf.LocConf{s.Loc}
		coverage.EachLocation(s.Locations, func(l *nginxconf.Location) { locs = append(locs, l.Loc) })
		for _, l := range locs {
			for _, a := range l.Log.AccessLog.V {
				if err := add(a.Format); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, add(h.LogFormats["combined"])
}

// logged counts one line.
func (r *checkReport) logged(match *proxy.Matcher, formats []*logLine, line string) {
	l := r.log
	for _, f := range formats {
		host, port, target, ok := f.read(line)
		if !ok {
			continue
		}
		srv, loc := match.Match(host, port, target)
		if srv == nil {
			continue
		}
		l.total++
		l.byServer[srv]++
		if loc == nil {
			l.own[srv]++
		} else {
			l.byLocation[loc]++
		}
		if r.fallback != nil && r.isAway(srv, loc, target) {
			l.away++
		}
		return
	}
	l.unread++
}

// touching counts the requests that a finding touches.
func (l *loggedRequests) touching(at []coverage.Place) int {
	if at == nil {
		return l.total
	}
	n := 0
	servers, seen := map[*nginxconf.Server]bool{}, map[*nginxconf.Location]bool{}
	for _, p := range at {
		switch {
		case p.Server == nil:
			return l.total
		case p.Location == nil && !servers[p.Server]:
			servers[p.Server] = true
			n += l.byServer[p.Server]
		}
	}
	for _, p := range at {
		if p.Location == nil || servers[p.Server] {
			continue
		}
		coverage.EachLocation([]*nginxconf.Location{p.Location}, func(loc *nginxconf.Location) {
			if !seen[loc] {
				seen[loc] = true
				n += l.byLocation[loc]
			}
		})
	}
	return n
}

// share is a number of requests as a part of all.
func (l *loggedRequests) share(n int) string {
	return fmt.Sprintf("%.3g%% of requests", 100*float64(n)/float64(l.total))
}

func (l *loggedRequests) summary() string {
	s := fmt.Sprintf("%s: %d requests", shown(l.file), l.total)
	if l.unread > 0 {
		s += fmt.Sprintf(" (%s not read)", plural(l.unread, "line"))
	}
	return s
}
