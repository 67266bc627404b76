package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dictScenarios are shared dicts at size.
var dictScenarios = map[string]func(*bench) (int, error){"shdict": runShdict}

const (
	dictKeys    = 1_000_000
	dictBatch   = 5_000
	dictWorkers = 8
	dictMiB     = 160
	smallMiB    = 32
)

// shdictCode is what the scenario asks of the scripts: fill a range of keys,
// work on random ones, look at the ends of the small dict, expire.
const shdictCode = `
        location /fill { content_by_lua_block {
            local d, from = ngx.shared[ngx.var.arg_dict], tonumber(ngx.var.arg_from)
            local failed = 0
            for i = from, from + %d - 1 do
                local ok = d:set("key:" .. i, "value of the key number " .. i)
                if not ok then failed = failed + 1 end
            end
            ngx.print(failed)
        } }
        location /work { content_by_lua_block {
            local d, bad = ngx.shared.big, 0
            for n = 1, %d / 5 do
                local i = math.random(0, %d - 1)
                local key = "key:" .. i
                local v = d:get(key)
                if v ~= "value of the key number " .. i then bad = bad + 1 end
                d:set(key, v)
                d:incr("counter", 1, 0)
                d:get("counter")
                d:ttl(key)
            end
            ngx.print(bad)
        } }
        location /ends { content_by_lua_block {
            local d, last = ngx.shared.small, tonumber(ngx.var.arg_last)
            ngx.print(d:get("key:0") == nil and d:get("key:" .. last) == "value of the key number " .. last and "ok" or "wrong")
        } }
        location /expire { content_by_lua_block {
            local d = ngx.shared.big
            d:set("short", 1, 0.05) d:set("long", 1, 60)
            local before = d:get("short")
            ngx.sleep(0.1)
            ngx.print(before == 1 and d:get("short") == nil and d:get("long") == 1 and "ok" or "wrong")
        } }
`

// runShdict fills a dict with a million keys from eight workers' VMs and works
// on them; another, too small for them, keeps the latest.
func runShdict(b *bench) (int, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	old := b.workers
	b.workers = dictWorkers
	srv, err := b.startHuidu("shdict", port, fmt.Sprintf("    lua_shared_dict big %dm; lua_shared_dict small %dm;\n    server { listen 127.0.0.1:%d;\n%s}",
		dictMiB, smallMiB, port, fmt.Sprintf(shdictCode, dictBatch, dictBatch, dictKeys)))
	b.workers = old
	if err != nil {
		return 0, err
	}
	defer srv.stop()
	base := srv.memory()
	url := "http://" + addrOf(port)
	fmt.Printf("\n== shdict: %d keys, %d workers\n", dictKeys, dictWorkers)
	missed := 0
	say := func(met bool, format string, args ...any) {
		word := "met"
		if !met {
			word = "MISSED"
			missed++
		}
		fmt.Printf("bar %s: %s\n", word, fmt.Sprintf(format, args...))
	}
	fill := func(dict string) (time.Duration, int, error) {
		began := time.Now()
		bad, err := askAll(dictWorkers*2, dictKeys/dictBatch, func(i int) string {
			return fmt.Sprintf("%s/fill?dict=%s&from=%d", url, dict, i*dictBatch)
		})
		return time.Since(began), bad, err
	}
	took, failed, err := fill("big")
	if err != nil {
		return missed, err
	}
	rate := float64(dictKeys) / took.Seconds()
	say(failed == 0 && rate >= 100_000, "filling: %.0f sets/s, %d failed, limit 100000", rate, failed)

	const batches = 400
	began := time.Now()
	bad, err := askAll(dictWorkers*2, batches, func(int) string { return url + "/work" })
	if err != nil {
		return missed, err
	}
	rate = float64(batches*dictBatch) / time.Since(began).Seconds()
	say(bad == 0 && rate >= 100_000, "get, set, incr, get, ttl: %.0f operations/s, %d wrong, limit 100000", rate, bad)

	if _, _, err = fill("small"); err != nil {
		return missed, err
	}
	for _, check := range []string{"/ends?last=" + strconv.Itoa(dictKeys-1), "/expire"} {
		text, err := ask(url + check)
		if err != nil {
			return missed, err
		}
		say(text == "ok", "%s: %s", strings.Trim(strings.SplitN(check, "?", 2)[0], "/"), text)
	}
	grown := float64(srv.memory()-base) / 1024
	limit := (dictMiB + smallMiB) * 1.2
	say(grown <= limit, "memory: grew by %.0f MiB, limit %.0f (dicts of %d MiB)", grown, limit, dictMiB+smallMiB)
	return missed, nil
}

// askAll asks n times from a number of clients and adds up the numbers
// answered.
func askAll(clients, n int, url func(i int) string) (sum int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range clients {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := i >= n || err != nil
				mu.Unlock()
				if stop {
					return
				}
				text, e := ask(url(i))
				v, e2 := strconv.Atoi(text)
				mu.Lock()
				if e == nil && e2 != nil {
					e = fmt.Errorf("%s: %q", url(i), text)
				}
				if err == nil {
					err = e
				}
				sum += v
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return sum, err
}

// asker has connections of its own for every request at once.
var asker = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}

func ask(url string) (string, error) {
	resp, err := asker.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return string(text), err
}
