package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// keepingMemcached stores one value for each key and knows the commands of
// memc_pass; what it was asked last comes with stats.
func keepingMemcached(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		values, flags, last := map[string]string{}, map[string]string{}, ""
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(c)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					break
				}
				f := strings.Fields(line)
				if f[0] != "stats" {
					last = strings.TrimSpace(line)
				}
				switch f[0] {
				case "set", "add", "append":
					n, _ := strconv.Atoi(f[4])
					b := make([]byte, n+2)
					io.ReadFull(in, b)
					if _, has := values[f[1]]; has && f[0] == "add" {
						io.WriteString(c, "NOT_STORED\r\n")
						continue
					}
					if f[0] != "append" {
						values[f[1]], flags[f[1]] = "", f[2]
					}
					values[f[1]] += string(b[:n])
					io.WriteString(c, "STORED\r\n")
				case "get":
					if v, has := values[f[1]]; has {
						fmt.Fprintf(c, "VALUE %s %s %d\r\n%s\r\n", f[1], flags[f[1]], len(v), v)
					}
					io.WriteString(c, "END\r\n")
				case "delete":
					_, has := values[f[1]]
					delete(values, f[1])
					io.WriteString(c, map[bool]string{true: "DELETED\r\n", false: "NOT_FOUND\r\n"}[has])
				case "incr":
					a, _ := strconv.Atoi(values[f[1]])
					b, _ := strconv.Atoi(f[2])
					values[f[1]] = strconv.Itoa(a + b)
					io.WriteString(c, values[f[1]]+"\r\n")
				case "stats":
					fmt.Fprintf(c, "STAT last %s\r\nEND\r\n", last)
				case "version":
					io.WriteString(c, "VERSION 1.6\r\n")
				case "flush_all":
					io.WriteString(c, "OK\r\n")
				default:
					io.WriteString(c, "ERROR\r\n")
				}
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

// Every command of memc_pass, and what is refused.
func TestMemc(t *testing.T) {
	addr := keepingMemcached(t)
	vars := `set $memc_cmd $arg_cmd; set $memc_key $arg_key; set $memc_exptime $arg_exptime; set_unescape_uri $v $arg_val;`
	g := startGateway(t, "upstream m { server "+addr+"; }", vars+`
		location = /val { set $memc_value $v; memc_pass m; }
		location = /rest { add_header X-Flags $memc_flags; memc_pass m; }
		location = /some { memc_cmds_allowed get; memc_pass m; }
		location = /to { set $to m; memc_pass $to; }
		location = /none { set $to nosuch; memc_pass $to; }
		location = /flags { set $memc_flags 1136214245; set $memc_value x; memc_pass m; }
		location = /time { memc_flags_to_last_modified on; memc_pass m; }`)
	for _, c := range []struct {
		method, uri, body string
		status            int
		want              string
	}{
		{"GET", "/val?cmd=set&key=a%20b&val=one&exptime=60", "", 201, "STORED\r\n"},
		{"GET", "/rest?cmd=stats", "", 200, "STAT last set a%2520b 0 60 3\r\nEND\r\n"},
		{"GET", "/rest?key=a%20b", "", 200, "one"},
		{"GET", "/val?cmd=append&key=a%20b&val=two", "", 201, "STORED\r\n"},
		{"GET", "/to?cmd=get&key=a%20b", "", 200, "onetwo"},
		{"POST", "/rest?key=c", "from the body", 201, "STORED\r\n"},
		{"POST", "/rest?key=c", "again", 200, "NOT_STORED\r\n"},
		{"PUT", "/rest?key=n", "40", 201, "STORED\r\n"},
		{"GET", "/val?cmd=incr&key=n&val=2", "", 201, "42\r\n"},
		{"DELETE", "/rest?key=n", "", 200, "DELETED\r\n"},
		{"GET", "/rest?cmd=version", "", 200, "VERSION 1.6\r\n"},
		{"GET", "/rest?cmd=flush_all&exptime=5", "", 200, "OK\r\n"},
		{"GET", "/rest?cmd=replace&key=a", "", 500, ""},
		{"GET", "/val?cmd=replace&key=a&val=x", "", 502, "ERROR\r\n"},
		{"DELETE", "/rest?key=gone", "", 404, ""},
		{"GET", "/rest?key=gone", "", 404, ""},
		{"GET", "/rest", "", 500, ""},
		{"GET", "/rest?cmd=bogus", "", 400, ""},
		{"GET", "/val?cmd=incr&key=n&val=x", "", 400, ""},
		{"GET", "/val?cmd=set&key=n&val=x&exptime=y", "", 400, ""},
		{"OPTIONS", "/rest?key=a", "", 400, ""},
		{"PUT", "/some?key=a", "x", 403, ""},
		{"GET", "/none?key=a", "", 500, ""},
	} {
		req, _ := http.NewRequest(c.method, "http://"+g.addr+c.uri, strings.NewReader(c.body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || c.want != "" && string(b) != c.want {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.uri, resp.StatusCode, b, c.status, c.want)
		}
	}
	g.get("/flags?cmd=set&key=f")
	if resp, _ := g.get("/time?key=f"); resp.Header.Get("Last-Modified") != "Mon, 02 Jan 2006 15:04:05 GMT" {
		t.Errorf("flags as a time: %v", resp.Header)
	}
	if resp, _ := g.get("/rest?key=f"); resp.Header.Get("X-Flags") != "1136214245" {
		t.Errorf("$memc_flags: %v", resp.Header)
	}
	for _, line := range []string{`ngx_memc: unknown $memc_cmd "bogus"`, `the "$memc_key" variable is not set`,
		`memcached command "set" not allowed`, `memc: upstream "nosuch" not found`, `variable "$memc_exptime" takes invalid value: y`} {
		g.waitLog(line)
	}
}
