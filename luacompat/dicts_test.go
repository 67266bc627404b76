package luacompat

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func testDict(t *testing.T, size int64) (*Dict, *time.Time) {
	t.Helper()
	now := time.Unix(1000, 0)
	d, err := NewSharedDicts(func() time.Time { return now }).Declare("d", size)
	if err != nil {
		t.Fatal(err)
	}
	return d, &now
}

func str(s string) dictValue { return dictValue{kind: kindString, str: s} }

// TestDictEviction: a full zone drops its least recently used items, but not
// for safe_set, and refuses what can never fit.
func TestDictEviction(t *testing.T) {
	d, _ := testDict(t, 32<<10)
	big := strings.Repeat("x", 900)
	n := 0
	for forcible := false; !forcible; n++ {
		var err error
		if forcible, err = d.store(0, fmt.Sprint(n), str(big), 0, 0); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		d.lookup("0", false) // stays the most recently used
		if n > 100 {
			t.Fatal("never full")
		}
	}
	if v, _, _, _ := d.lookup("0", false); v.str != big {
		t.Error("the item in use was evicted")
	}
	if v, _, _, _ := d.lookup("1", false); v.kind != kindNil {
		t.Error("the oldest item is still there")
	}
	if _, err := d.store(opSafe, "safe", str(big), 0, 0); err != errDictNoMemory {
		t.Errorf("safe_set: %v", err)
	}
	if _, err := d.store(0, "huge", str(strings.Repeat("x", 20<<10)), 0, 0); err != errDictNoMemory {
		t.Errorf("huge: %v", err)
	}
	d.flushAll()
	d.flushExpired(0)
	if d.count != 0 || d.front != 0 || d.back != 0 {
		t.Errorf("%d items after flush", d.count)
	}
}

// TestDictMemory: what is freed can be used again, lists included.
func TestDictMemory(t *testing.T) {
	d, _ := testDict(t, 1<<20)
	free := d.freeSpace()
	if free <= 0 || free > 1<<20 {
		t.Fatalf("free space %d", free)
	}
	for round := range 3 {
		for i := range 500 {
			d.store(0, fmt.Sprint("k", i), str(strings.Repeat("v", i*3)), 0, 0)
			d.push("list", str(strings.Repeat("v", i)), i%2 == 0)
		}
		for i := range 500 {
			d.store(0, fmt.Sprint("k", i), dictValue{}, 0, 0)
			if _, ok, err := d.pop("list", i%3 == 0); !ok || err != nil {
				t.Fatalf("pop %d: %v %v", i, ok, err)
			}
		}
		if got := d.freeSpace(); got != free {
			t.Errorf("round %d: %d bytes free, %d at first", round, got, free)
		}
	}
}

// TestDictExpiry: expired items are gone, stale ones can be had, lifetimes
// can be asked and changed.
func TestDictExpiry(t *testing.T) {
	d, now := testDict(t, 1<<16)
	d.store(0, "a", str("1"), 1000, 7)
	d.store(0, "b", dictValue{kind: kindNumber, num: 1}, 0, 0)
	if ms, err := d.ttl("a"); ms != 1000 || err != nil {
		t.Errorf("ttl %d %v", ms, err)
	}
	*now = now.Add(2 * time.Second)
	if v, flags, stale, _ := d.lookup("a", true); v.str != "1" || flags != 7 || !stale {
		t.Errorf("stale %v %d %v", v, flags, stale)
	}
	if got := d.keys(0); len(got) != 1 || got[0] != "b" {
		t.Errorf("keys %v", got)
	}
	if err := d.setExpire("a", 1000); err != errDictNotFound {
		t.Errorf("expire of a stale key: %v", err)
	}
	if _, err := d.store(opReplace, "a", str("2"), 0, 0); err != errDictNotFound {
		t.Errorf("replace of a stale key: %v", err)
	}
	if _, err := d.store(opAdd, "a", str("2"), 0, 0); err != nil {
		t.Errorf("add over a stale key: %v", err)
	}
	if n, _, err := d.incr("a", 1, true, 0, 0); err != errDictNotNumber {
		t.Errorf("incr of a string: %v %v", n, err)
	}
	if n, _, err := d.incr("c", 2, true, 40, 500); n != 42 || err != nil {
		t.Errorf("incr with init: %v %v", n, err)
	}
	*now = now.Add(time.Second)
	if n := d.flushExpired(0); n != 1 {
		t.Errorf("flushed %d", n)
	}
	if _, err := d.push("b", str("x"), true); err != errDictNotList {
		t.Errorf("push to a number: %v", err)
	}
}

// TestDictsReload: zones keep their contents while their size stays.
func TestDictsReload(t *testing.T) {
	s := NewSharedDicts(nil)
	a, _ := s.Declare("a", 1<<16)
	a.store(0, "k", str("v"), 0, 0)
	if again, _ := s.Declare("a", 1<<16); again != a {
		t.Error("the zone was made anew")
	}
	if other, _ := s.Declare("a", 1<<17); other == a {
		t.Error("the zone kept its old size")
	}
	s.Retain(map[string]bool{})
	if len(s.Zones()) != 0 {
		t.Error("a dropped zone is still there")
	}
	if _, err := s.Declare("tiny", 100); err == nil {
		t.Error("a zone too small was made")
	}
}

// TestDictModel compares a dict that is large enough with a map, over values of
// all kinds and sizes, and then finds its memory whole again.
func TestDictModel(t *testing.T) {
	d, _ := testDict(t, 4<<20)
	free := d.freeSpace()
	rnd := rand.New(rand.NewPCG(1, 2))
	model, lists := map[string]dictValue{}, map[string][]dictValue{}
	value := func() dictValue {
		switch rnd.IntN(4) {
		case 0:
			return dictValue{kind: kindNumber, num: rnd.Float64()}
		case 1:
			return dictValue{kind: kindBoolean, num: float64(rnd.IntN(2))}
		}
		n := rnd.IntN(1 << rnd.IntN(16))
		return str(strings.Repeat(string(rune('a'+rnd.IntN(26))), n))
	}
	key := func() string {
		i := rnd.IntN(150)
		return fmt.Sprint("k", i, strings.Repeat("x", i*i/4)) // some need pages of their own
	}
	for step := range 20000 {
		k := key()
		switch op := rnd.IntN(10); {
		case op < 4:
			v := value()
			if forcible, err := d.store(0, k, v, 0, 0); forcible || err != nil {
				t.Fatalf("step %d: %v %v", step, forcible, err)
			}
			delete(lists, k)
			model[k] = v
		case op < 6:
			v, _, _, err := d.lookup(k, false)
			if _, is := lists[k]; is != (err == errDictIsList) {
				t.Fatalf("step %d: list %v, %v", step, is, err)
			}
			if v != model[k] {
				t.Fatalf("step %d: %v, want %v", step, v, model[k])
			}
		case op < 7:
			d.store(0, k, dictValue{}, 0, 0)
			delete(model, k)
			delete(lists, k)
		case op < 9:
			v, left := value(), rnd.IntN(2) == 0
			n, err := d.push(k, v, left)
			if _, is := model[k]; is {
				if err != errDictNotList {
					t.Fatalf("step %d: push to a value: %v", step, err)
				}
				continue
			}
			if left {
				lists[k] = append([]dictValue{v}, lists[k]...)
			} else {
				lists[k] = append(lists[k], v)
			}
			if n != len(lists[k]) || err != nil {
				t.Fatalf("step %d: %d values of %d, %v", step, n, len(lists[k]), err)
			}
		default:
			left := rnd.IntN(2) == 0
			v, ok, _ := d.pop(k, left)
			l := lists[k]
			if ok != (len(l) > 0) {
				t.Fatalf("step %d: pop %v of %d", step, ok, len(l))
			}
			if !ok {
				continue
			}
			want := l[len(l)-1]
			if left {
				want, lists[k] = l[0], l[1:]
			} else {
				lists[k] = l[:len(l)-1]
			}
			if len(lists[k]) == 0 {
				delete(lists, k)
			}
			if v != want {
				t.Fatalf("step %d: popped %v, want %v", step, v, want)
			}
		}
	}
	if got, want := len(d.keys(0)), len(model)+len(lists); got != want || d.count != want {
		t.Errorf("%d keys, count %d, want %d", got, d.count, want)
	}
	d.flushAll()
	d.flushExpired(0)
	if got := d.freeSpace(); got != free || d.count != 0 {
		t.Errorf("%d bytes free, %d at first, %d items left", got, free, d.count)
	}
}
