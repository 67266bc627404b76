package cache

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func testZone(t *testing.T, change func(*Options)) *Zone {
	t.Helper()
	o := Options{Name: "one", ZoneSize: 1 << 20, Path: filepath.Join(t.TempDir(), "cache"), Levels: []int{1, 2},
		Inactive: time.Minute, MaxSize: -1, ManagerFiles: 100, ManagerSleep: time.Millisecond, ManagerThreshold: time.Second,
		LoaderFiles: 100, LoaderSleep: time.Millisecond, LoaderThreshold: time.Second,
		Log: func(l Level, format string, args ...any) { t.Logf(format, args...) }}
	if change != nil {
		change(&o)
	}
	z, err := New(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func noFields(string, func(string)) {}

// fill stores a response under a key.
func fill(t *testing.T, z *Zone, key string, size int) *Entry {
	t.Helper()
	e := NewEntry(z, key, 4096, noFields)
	if res, err := e.Open(); res != Miss || err != nil {
		t.Fatalf("open %s: %v, %v", key, res, err)
	}
	e.Valid = time.Now().Unix() + 60
	if err := e.Begin([]byte("HTTP/1.1 200 OK\r\n\r\n"), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := e.Write(bytes.Repeat([]byte{'x'}, size)); err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(); err != nil {
		t.Fatal(err)
	}
	return e
}

func lookup(t *testing.T, z *Zone, key string) Result {
	t.Helper()
	e := NewEntry(z, key, 4096, noFields)
	res, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	e.Release()
	e.Close()
	return res
}

func TestFillAndFind(t *testing.T) {
	z := testZone(t, nil)
	fill(t, z, "http://a/x", 10000)
	e := NewEntry(z, "http://a/x", 4096, noFields)
	res, err := e.Open()
	if res != Hit || err != nil {
		t.Fatalf("open: %v, %v", res, err)
	}
	defer e.Close()
	if got := string(e.Head()); got != "HTTP/1.1 200 OK\r\n\r\n" {
		t.Errorf("head %q", got)
	}
	if n := e.Length - int64(e.BodyStart); n != 10000 {
		t.Errorf("body of %d bytes", n)
	}
	key, _ := sumKey("http://a/x")
	name := hex.EncodeToString(key[:])
	if want := filepath.Join(z.Path, name[31:], name[29:31], name); e.File().Name() != want {
		t.Errorf("file %s, want %s", e.File().Name(), want)
	}
	e.Release()
	if size, keys := z.Size(); keys != 1 || size < 10000 || size%z.blockSize != 0 {
		t.Errorf("size %d of %d keys", size, keys)
	}
}

func TestBadFilesAreMisses(t *testing.T) {
	z := testZone(t, nil)
	e := fill(t, z, "k", 100)
	name := z.path(e.key)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func([]byte) []byte{
		"short":     func(b []byte) []byte { return b[:200] },
		"version":   func(b []byte) []byte { b[0] = 4; return b },
		"crc":       func(b []byte) []byte { b[48]++; return b },
		"key":       func(b []byte) []byte { b[headerSize+len(keyIntro)]++; return b },
		"bodystart": func(b []byte) []byte { b[57] = 0xff; return b },
		"vary":      func(b []byte) []byte { b[187] = 200; return b },
	} {
		if err := os.WriteFile(name, change(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		if res := lookup(t, z, "k"); res != Miss {
			t.Errorf("%s: %v", what, res)
		}
	}
	if err := os.WriteFile(name, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if res := lookup(t, z, "k"); res != Hit {
		t.Errorf("mended: %v", res)
	}
}

func TestLoaderAdoptsFilesOfAnotherRun(t *testing.T) {
	z := testZone(t, nil)
	for i := range 5 {
		fill(t, z, fmt.Sprint("k", i), 5000)
	}
	size, _ := z.Size()
	stray := filepath.Join(z.Path, "stray")
	if err := os.WriteFile(stray, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := New(z.Options, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res := lookup(t, again, "k3"); res != Hit {
		t.Errorf("before the loader: %v", res)
	}
	again.load()
	if got, keys := again.Size(); got != size || keys != 5 {
		t.Errorf("loaded %d bytes in %d keys, want %d in 5", got, keys, size)
	}
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Errorf("stray file: %v", err)
	}
	if res := lookup(t, again, "k0"); res != Hit {
		t.Errorf("after the loader: %v", res)
	}
	shared, err := New(z.Options, again)
	if err != nil || shared.state != again.state {
		t.Errorf("reload: %v", err)
	}
	moved := z.Options
	moved.Path += "2"
	if _, err := New(moved, again); err == nil {
		t.Error("another path is accepted")
	}
}

func TestManagerKeepsMaxSize(t *testing.T) {
	z := testZone(t, func(o *Options) { o.MaxSize = 100 << 10 })
	for i := range 20 {
		fill(t, z, fmt.Sprint("k", i), 10000)
		if i >= 5 {
			lookup(t, z, "k0") // used all the time: stays
		}
	}
	for z.tidy() == z.ManagerSleep {
	}
	size, keys := z.Size()
	if size >= 100<<10 || keys < 5 {
		t.Errorf("%d bytes in %d keys", size, keys)
	}
	if res := lookup(t, z, "k0"); res != Hit {
		t.Errorf("most recently used: %v", res)
	}
	if res := lookup(t, z, "k1"); res != Miss {
		t.Errorf("least recently used: %v", res)
	}
	z.Inactive = -time.Second
	for i := range 20 {
		lookup(t, z, fmt.Sprint("k", i))
	}
	for z.tidy() == z.ManagerSleep {
	}
	if _, err := os.Stat(z.path(NewEntry(z, "k0", 4096, noFields).key)); !os.IsNotExist(err) {
		t.Errorf("inactive file: %v", err)
	}
}

func TestZoneIsBounded(t *testing.T) {
	z := testZone(t, func(o *Options) { o.ZoneSize = 16 << 10 })
	for i := range 200 {
		fill(t, z, fmt.Sprint("k", i), 10)
	}
	if _, keys := z.Size(); keys > z.limit {
		t.Errorf("%d keys of %d", keys, z.limit)
	}
	for z.tidy() == z.ManagerSleep {
	}
	if _, keys := z.Size(); keys >= z.limit-z.limit/8+1 {
		t.Errorf("%d keys above the watermark", keys)
	}
}

func TestLockLetsOneThrough(t *testing.T) {
	z := testZone(t, nil)
	var wg sync.WaitGroup
	results := make([]Result, 8)
	for i := range results {
		wg.Go(func() {
			e := NewEntry(z, "k", 4096, noFields)
			e.Lock, e.LockTimeout, e.LockAge = true, 5*time.Second, 5*time.Second
			res, err := e.Open()
			if err != nil {
				t.Error(err)
			}
			if results[i] = res; res == Miss {
				time.Sleep(20 * time.Millisecond)
				e.Valid = time.Now().Unix() + 60
				if err := e.Begin(nil, t.TempDir()); err != nil {
					t.Error(err)
				}
				if err := e.Commit(); err != nil {
					t.Error(err)
				}
			}
			e.Release()
			e.Close()
		})
	}
	wg.Wait()
	misses := 0
	for _, r := range results {
		if r == Miss {
			misses++
		} else if r != Hit {
			t.Errorf("result %v", r)
		}
	}
	if misses != 1 {
		t.Errorf("%d requests went through", misses)
	}
	e := NewEntry(z, "other", 4096, noFields)
	e.Lock, e.LockAge = true, time.Minute
	if res, _ := e.Open(); res != Miss {
		t.Fatal(res)
	}
	f := NewEntry(z, "other", 4096, noFields)
	f.Lock, f.LockTimeout, f.LockAge = true, 10*time.Millisecond, time.Minute
	if res, _ := f.Open(); res != Scarce {
		t.Errorf("after the lock's timeout: %v", res)
	}
}

func FuzzHeader(f *testing.F) {
	h := header{Meta: Meta{Valid: 1, ETag: `"e"`, Vary: "a, b", LastModified: -1}, headerStart: 350, bodyStart: 400}
	f.Add(h.appendTo(nil))
	f.Add([]byte("\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		again, err := parseHeader(h.appendTo(nil))
		if h.Vary == "" {
			h.variant = Key{}
		}
		if err != nil || again != h {
			t.Errorf("%v, %+v, want %+v", err, again, h)
		}
	})
}
