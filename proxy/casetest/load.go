package casetest

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// loadTest is a number of clients that ask again and again, each request on
// a connection of its own.
type loadTest struct {
	mu     sync.Mutex
	counts map[string]int
	ending atomic.Bool
	wg     sync.WaitGroup
}

// loadStep starts or stops the load.
func (w *world) loadStep(text string) error {
	words := strings.Fields(text)
	if len(words) < 2 {
		return fmt.Errorf("unknown: load %s", text)
	}
	if words[0] == "stop" {
		return w.load.expect(strings.Split(words[1], ","))
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || len(words) < 3 {
		return fmt.Errorf("unknown: load %s", text)
	}
	lines := []string{" GET " + words[2]}
	if len(words) > 3 {
		lines = append(lines, " "+strings.Join(words[3:], " "))
	}
	w.load = startLoad(n, w.client.addr, buildRequest(lines, w.port(""), false))
	return nil
}

func startLoad(n int, addr string, req request) *loadTest {
	l := &loadTest{counts: map[string]int{}}
	for i := 0; i < n; i++ {
		l.wg.Add(1)
		go func() {
			defer l.wg.Done()
			c := &client{addr: addr}
			for !l.ending.Load() {
				r, err := c.do(req)
				what := "closed"
				switch {
				case err != nil:
					what = "error " + err.Error()
				case !r.closed:
					what = strconv.Itoa(r.status)
				}
				l.mu.Lock()
				l.counts[what]++
				l.mu.Unlock()
			}
		}()
	}
	return l
}

// stop ends the load and waits for its last responses.
func (l *loadTest) stop() {
	l.ending.Store(true)
	l.wg.Wait()
}

// expect stops the load and checks that nothing but the allowed came.
func (l *loadTest) expect(allowed []string) error {
	l.stop()
	ok := map[string]bool{}
	for _, a := range allowed {
		ok[a] = true
	}
	var got []string
	bad := len(l.counts) == 0
	for what, n := range l.counts {
		got = append(got, fmt.Sprintf("%s ×%d", what, n))
		bad = bad || !ok[what]
	}
	sort.Strings(got)
	if bad {
		return fmt.Errorf("load got %s; allowed are %s", strings.Join(got, ", "), strings.Join(allowed, ", "))
	}
	return nil
}
