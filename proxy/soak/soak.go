package soak

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"huidu/nginxconf"
	"huidu/proxy"
)

// Options says how much to do.
type Options struct {
	Dir      string // for the logs
	Redis    string // address
	Password string // of Redis; "" for none
	Clients  int    // at once
	Warm     int    // requests before the first look at what the process holds
	Requests int    // and after it
	Vanish   int    // every so many requests, on average, the client goes away; 0: never
	Workers  int
	Seed     uint64
}

// Usage is what the process holds.
type Usage struct {
	Goroutines, Files int
	Heap              uint64 // live bytes
}

// Report is what happened.
type Report struct {
	Answered, Vanished, Wrong int64
	FirstWrong                string
	Took                      time.Duration
	Before, After             Usage // after the first round, and after the second
}

// conf is the gateway: what every request does, and the subrequest's location.
const conf = `worker_processes %d;
error_log %s/error.log error;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000;
    lua_socket_log_errors off;
    server {
        listen %s;
        location /sub { internal; content_by_lua_block { ngx.sleep(0.001) ngx.print(ngx.var.arg_n) } }
        location / {
            lua_check_client_abort on;
            content_by_lua_block {
                local n = ngx.var.arg_n
                local spawn, wait = ngx.thread.spawn, ngx.thread.wait
                local sub = spawn(function() return ngx.location.capture("/sub?n=" .. n).body end)
                local red = spawn(function()
                    local r = require("resty.redis"):new()
                    r:set_timeout(20000)
                    assert(r:connect("%s", %s))
                    if %q ~= "" then assert(r:auth(%q)) end
                    r:init_pipeline()
                    r:set("soak:" .. n, n)
                    r:get("soak:" .. n)
                    r:del("soak:" .. n)
                    local res = assert(r:commit_pipeline())
                    r:set_keepalive(60000, 100)
                    return res[2]
                end)
                local nap = spawn(function() ngx.sleep(0.005) return "slept" end)
                local _, a = wait(sub)
                local _, b = wait(red)
                local _, c = wait(nap)
                ngx.say(a, " ", tostring(b), " ", c)
            }
        }
    }
}
`

// Run runs both rounds. An error is for what keeps them from running.
func Run(o Options) (Report, error) {
	var rep Report
	srv, addr, err := o.start()
	if err != nil {
		return rep, err
	}
	defer srv.Stop()
	r := &round{o: o, addr: addr, rep: &rep}
	began := time.Now()
	r.run(0, o.Warm)
	rep.Before = settled(0)
	r.run(1, o.Requests)
	rep.After = settled(rep.Before.Goroutines)
	rep.Took = time.Since(began)
	return rep, nil
}

// start serves the gateway on a free port.
func (o *Options) start() (*proxy.Server, string, error) {
	host, port, err := net.SplitHostPort(o.Redis)
	if err != nil {
		return nil, "", err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	addr := free.Addr().String()
	free.Close()
	file := o.Dir + "/soak.conf"
	text := fmt.Sprintf(conf, o.Workers, o.Dir, addr, host, port, o.Password, o.Password)
	cfg, diags := nginxconf.Load(nginxconf.Overlay{Files: nginxconf.OSFiles{}, Texts: map[string]string{file: text}}, file,
		nginxconf.Options{Prefix: o.Dir + "/"})
	if cfg == nil {
		return nil, "", diags.Err()
	}
	srv, err := proxy.New(cfg, proxy.Options{})
	if err != nil {
		return nil, "", err
	}
	if err := srv.Listen(); err != nil {
		return nil, "", err
	}
	srv.Start()
	return srv, addr, nil
}

// round is one round of requests.
type round struct {
	o    Options
	addr string
	rep  *Report
	next atomic.Int64
	last int64
	mu   sync.Mutex
}

func (r *round) run(number, requests int) {
	r.last = int64(requests)
	r.next.Store(0)
	var wg sync.WaitGroup
	for i := range r.o.Clients {
		rnd := rand.New(rand.NewPCG(r.o.Seed+uint64(number), uint64(i)))
		wg.Go(func() { r.client(number, rnd) })
	}
	wg.Wait()
}

// client asks again and again, over one connection as long as it stays.
func (r *round) client(number int, rnd *rand.Rand) {
	var c net.Conn
	var in *bufio.Reader
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for {
		n := r.next.Add(1)
		if n > r.last {
			return
		}
		if c == nil {
			var err error
			if c, err = net.Dial("tcp", r.addr); err != nil {
				r.wrong(err.Error())
				continue
			}
			in = bufio.NewReader(c)
		}
		id := fmt.Sprintf("%d-%d", number, n)
		fmt.Fprintf(c, "GET /?n=%s HTTP/1.1\r\nHost: soak\r\n\r\n", id)
		if r.o.Vanish > 0 && rnd.IntN(r.o.Vanish) == 0 {
			time.Sleep(time.Duration(rnd.IntN(8)) * time.Millisecond)
			c.Close()
			c = nil
			atomic.AddInt64(&r.rep.Vanished, 1)
			continue
		}
		if err := r.answer(c, in, id); err != nil {
			r.wrong(err.Error())
			c.Close()
			c = nil
			continue
		}
		atomic.AddInt64(&r.rep.Answered, 1)
	}
}

// answer reads a response and compares it with what it must be.
func (r *round) answer(c net.Conn, in *bufio.Reader, id string) error {
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	body, err := io.ReadAll(resp.Body)
	if want := id + " " + id + " slept\n"; err != nil || resp.StatusCode != http.StatusOK || string(body) != want {
		return fmt.Errorf("%s: status %d, body %q, %v", id, resp.StatusCode, body, err)
	}
	return nil
}

func (r *round) wrong(text string) {
	r.mu.Lock()
	if r.rep.Wrong == 0 {
		r.rep.FirstWrong = text
	}
	r.rep.Wrong++
	r.mu.Unlock()
}

// settled is what the process holds once it has calmed down: when the
// goroutines are no more than want, or no longer get fewer.
func settled(want int) Usage {
	last, same := 0, 0
	for range 200 {
		n := runtime.NumGoroutine()
		if want > 0 && n <= want {
			break
		}
		if same++; n != last {
			last, same = n, 0
		}
		if same == 20 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := Usage{Goroutines: runtime.NumGoroutine(), Heap: m.HeapAlloc}
	if names, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.Files = len(names)
	}
	return u
}
