package soak

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// TestShort is a short run, with clients that stay and with some that vanish.
func TestShort(t *testing.T) {
	for name, vanish := range map[string]int{"stay": 0, "vanish": 3} {
		t.Run(name, func(t *testing.T) {
			m := miniredis.RunT(t)
			rep, err := Run(Options{Dir: t.TempDir(), Redis: m.Addr(), Clients: 40, Warm: 400, Requests: 400, Vanish: vanish, Workers: 2, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", rep)
			if rep.Wrong > 0 {
				t.Errorf("%d wrong answers, the first: %s", rep.Wrong, rep.FirstWrong)
			}
			if vanish > 0 && rep.Vanished == 0 {
				t.Error("no client vanished")
			}
			if b, a := rep.Before, rep.After; a.Goroutines > b.Goroutines+5 || a.Files > b.Files+5 || a.Heap > b.Heap+8<<20 {
				t.Errorf("before %+v, after %+v", b, a)
			}
		})
	}
}
