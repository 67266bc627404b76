package casetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"huidu/proxy/http1"
)

// wireWords are what the fuzzer puts into messages beside the cases' own.
var wireWords = []string{"\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", "\x00", "\x0b", "\x7f", "\xff", ":", ";", ",", "/", "//", "?", "#", "%", "%2e", "%00",
	"0", "1", "5", "a", "ffffffff", "-1", "+5", "0x5", "9223372036854775807", "18446744073709551616", "00000000000000000005",
	"GET ", "POST ", "HEAD ", "CONNECT ", "OPTIONS * ", "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "Host: a\r\n", "Host: b\r\n",
	"Content-Length: 5\r\n", "Content-Length: 0\r\n", "Content-Length: 6\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
	"Transfer-Encoding: gzip, chunked\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n", "Upgrade: x\r\n",
	"X-A: b\r\n", " folded\r\n", "0\r\n\r\n", "5\r\nhello\r\n", "5;x=y\r\n", "chunked", "http://a", "http://", "\r\nX", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}

// mutate changes a message at up to four places.
func mutate(rng *rand.Rand, b []byte, others [][]byte) []byte {
	b = slices.Clone(b)
	for range 1 + rng.IntN(4) {
		at := rng.IntN(len(b) + 1)
		switch rng.IntN(9) {
		case 0, 1: // a word goes in
			b = slices.Insert(b, at, []byte(wireWords[rng.IntN(len(wireWords))])...)
		case 2: // bytes go
			b = slices.Delete(b, at, min(len(b), at+1+rng.IntN(4)))
		case 3: // a byte changes
			if at < len(b) {
				b[at] = byte(rng.IntN(256))
			}
		case 4: // a bit changes
			if at < len(b) {
				b[at] ^= 1 << rng.IntN(8)
			}
		case 5, 6: // lines are doubled, dropped, exchanged
			lines := bytes.SplitAfter(b, []byte("\n"))
			i, j := rng.IntN(len(lines)), rng.IntN(len(lines))
			switch rng.IntN(3) {
			case 0:
				lines = slices.Insert(lines, j, lines[i])
			case 1:
				lines = slices.Delete(lines, i, i+1)
			default:
				lines[i], lines[j] = lines[j], lines[i]
			}
			b = bytes.Join(lines, nil)
		case 7: // a line of another message
			o := bytes.SplitAfter(others[rng.IntN(len(others))], []byte("\n"))
			lines := bytes.SplitAfter(b, []byte("\n"))
			b = bytes.Join(slices.Insert(lines, rng.IntN(len(lines)+1), o[rng.IntN(len(o))]), nil)
		case 8: // the end is cut off
			if rng.IntN(4) == 0 {
				b = b[:at]
			}
		}
	}
	return b
}

// wireInput is one round of the fuzzer.
type wireInput struct {
	pieces [][]byte
	reply  []byte
	heads  bool
}

// wireSeeds are the messages of testdata/wire.
type wireSeeds struct{ clients, replies [][]byte }

func readWireSeeds(t *testing.T) (s wireSeeds) {
	paths, _ := filepath.Glob("../../testdata/wire/*.txt")
	for _, p := range paths {
		f, err := readWireFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.cases {
			if b, _ := wireBytes(c.client); len(b) > 0 && len(b) < 4096 {
				s.clients = append(s.clients, b)
			}
			if b, _ := wireBytes(c.reply); len(b) > 0 && len(b) < 4096 {
				s.replies = append(s.replies, b)
			}
		}
	}
	return s
}

// input makes a round: one to three requests, sent in one to four pieces.
func (s *wireSeeds) input(rng *rand.Rand) wireInput {
	var in []byte
	for range 1 + rng.IntN(3) {
		b := s.clients[rng.IntN(len(s.clients))]
		if rng.IntN(4) > 0 {
			b = mutate(rng, b, s.clients)
		}
		in = append(in, b...)
	}
	if rng.IntN(3) > 0 {
		in = append(in, wireNext...)
	}
	w := wireInput{heads: bytes.Contains(in, []byte("HEAD "))}
	if rng.IntN(3) == 0 {
		w.reply = s.replies[rng.IntN(len(s.replies))]
		if rng.IntN(4) > 0 {
			w.reply = mutate(rng, w.reply, s.replies)
		}
	}
	cuts := []int{0, len(in)}
	if rng.IntN(3) == 0 {
		for range 1 + rng.IntN(3) {
			cuts = append(cuts, rng.IntN(len(in)+1))
		}
	}
	slices.Sort(cuts)
	for i := 1; i < len(cuts); i++ {
		if cuts[i] > cuts[i-1] {
			w.pieces = append(w.pieces, in[cuts[i-1]:cuts[i]])
		}
	}
	return w
}

// wireRelation says how huidu's verdict stands to nginx's.
type wireRelation int

const (
	wireSame     wireRelation = iota
	wireStricter              // the same up to a message that huidu refuses
	wireOther                 // a disagreement
)

// relate compares verdicts.
func relate(nginx, huidu []string) wireRelation {
	if slices.Equal(nginx, huidu) {
		return wireSame
	}
	n, nseen := splitVerdict(nginx)
	h, hseen := splitVerdict(huidu)
	for i, l := range h {
		if i < len(n) && n[i] == l {
			continue
		}
		if strings.HasPrefix(l, "= 502") || strings.Contains(l, "502 Bad Gateway") {
			// The upstream's fault, which nginx did not see, or over which
			// it gave the client up.
			return wireStricter
		}
		break
	}
	for _, l := range hseen {
		i := slices.Index(nseen, l)
		if i < 0 {
			return wireOther // the upstream sees what it does not see behind nginx
		}
		nseen = slices.Delete(nseen, i, i+1)
	}
	for i, l := range h {
		switch {
		case i < len(n) && n[i] == l:
		case in502(n, i) && len(nseen) == 0:
			return wireStricter // nginx took a kept connection that had ended
		case i < len(n) && strings.HasPrefix(l, "= bytes ") && strings.HasPrefix(n[i], "= bytes "), // HTTP/0.9 is over; nginx may go on
			isRefusal(l) && i == len(h)-1, isRefusal(l) && (i >= len(n) || strings.HasPrefix(l, "= 502")),
			strings.HasSuffix(l, " cut") && (i >= len(n) || n[i][:5] == l[:5]):
			return wireStricter
		default:
			return wireOther
		}
	}
	if len(h) == len(n) && len(nseen) == 0 {
		return wireSame
	}
	return wireStricter // it closed earlier
}

// in502 tells whether nginx answered 502 to a request after it had taken the
// same reply to an earlier one: the reply is not why.
func in502(n []string, i int) bool {
	return i < len(n) && strings.HasPrefix(n[i], "= 502") && slices.ContainsFunc(n[:i], func(l string) bool {
		return !strings.HasPrefix(l, "= 502") && !isRefusal(l)
	})
}

// splitVerdict parts responses, informational ones and "nothing" left out,
// and requests that the upstream saw.
func splitVerdict(v []string) (responses, seen []string) {
	for _, l := range v {
		switch {
		case strings.HasPrefix(l, "^"):
			// $http_upgrade of several lines is a list since nginx 1.23; a
			// streamed body goes out with a length when it is there already.
			l = strings.Replace(l, " | Transfer-Encoding: chunked", "", 1)
			seen = append(seen, wireUpgrade.ReplaceAllString(l, "Upgrade"))
		case l == "= nothing", strings.HasPrefix(l, "= 1") && !strings.HasPrefix(l, "= 101"):
		default:
			responses = append(responses, l)
		}
	}
	return responses, seen
}

var wireUpgrade = regexp.MustCompile(`Upgrade: [^|"]*`)

// isRefusal tells whether a response refuses a message for its form.
func isRefusal(l string) bool {
	for _, s := range []string{"400", "405", "413", "414", "494", "501", "502", "505"} {
		if strings.HasPrefix(l, "= "+s) {
			return true
		}
	}
	return false
}

// TestWireFuzz sends mutated messages to huidu and to nginx with the same
// configuration and compares what is answered and what reaches the upstream.
// HUIDU_WIRE_FUZZ says for how long; HUIDU_WIRE_NGINX is another nginx than
// the installed one.
func TestWireFuzz(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("HUIDU_WIRE_FUZZ"))
	if err != nil {
		t.Skip("HUIDU_WIRE_FUZZ is no duration")
	}
	bin := os.Getenv("HUIDU_WIRE_NGINX")
	if bin == "" {
		needNginx(t)
	}
	seeds := readWireSeeds(t)
	const n = 8
	nginx, huidu := startLanes(t, &nginxEngine{bin: bin}, n), startLanes(t, newHuidu(), n)
	var mu sync.Mutex
	var counts [3]int
	flaky, found := 0, 0
	var wg sync.WaitGroup
	seed := uint64(time.Now().UnixNano())
	end := time.Now().Add(d)
	for i := range n {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for time.Now().Before(end) {
				in := seeds.input(rng)
				rel, text, err := in.play(nginx[i], huidu[i])
				for again := 0; again < 2 && (err != nil || rel == wireOther); again++ {
					// Timing decides some: how much was read before the end.
					if rel, text, err = in.play(nginx[i], huidu[i]); err == nil && rel != wireOther {
						mu.Lock()
						flaky++
						mu.Unlock()
					}
				}
				mu.Lock()
				counts[rel]++
				if err != nil || rel == wireOther {
					if found++; found <= 25 {
						t.Errorf("%v\n%s", err, text)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("seed %d: %d rounds in %v: %d the same, %d stricter, %d disagreements, %d settled by playing again",
		seed, counts[0]+counts[1]+counts[2], d, counts[0], counts[1], found, flaky)
}

// play runs a round on both gateways.
func (in *wireInput) play(nginx, huidu *wireLane) (wireRelation, string, error) {
	var verdicts [2][]string
	for i, l := range []*wireLane{nginx, huidu} {
		out, seen, err := l.exchange(in.pieces, in.reply, false)
		if err != nil {
			return wireOther, fmt.Sprintf("gateway %d: sent %q\nreply %q", i, in.pieces, in.reply), err
		}
		verdicts[i] = wireVerdict(out, seen, in.heads)
	}
	rel := relate(verdicts[0], verdicts[1])
	if in.odd() {
		rel = relate(seenOnly(verdicts[0]), seenOnly(verdicts[1]))
	}
	return rel, fmt.Sprintf("sent %q\nreply %q\nnginx\n  %s\nhuidu\n  %s", in.pieces, in.reply,
		strings.Join(verdicts[0], "\n  "), strings.Join(verdicts[1], "\n  ")), nil
}

// odd tells whether the reply has no status line, which both gateways take for
// HTTP/0.9, or one below 200, which nginx takes for final: what the client gets
// cannot be told apart then, and only what reaches the upstream is compared.
func (in *wireInput) odd() bool {
	if in.reply == nil {
		return false
	}
	var p http1.ResponseParser
	_, _, err := p.Parse(in.reply)
	return p.Head.HTTP09 || err == nil && p.Head.Status < 200
}

// seenOnly leaves the requests that the upstream saw.
func seenOnly(verdict []string) []string {
	_, seen := splitVerdict(verdict)
	return seen
}

// TestWireRelation shows what counts as a disagreement.
func TestWireRelation(t *testing.T) {
	for _, tc := range []struct {
		nginx, huidu string
		want         wireRelation
	}{
		{"= 200 keep-alive;^ GET / HTTP/1.1", "= 200 keep-alive;^ GET / HTTP/1.1", wireSame},
		{"= 200 keep-alive;= 200 keep-alive;^ GET / HTTP/1.1", "= 200 keep-alive;= 400 close", wireStricter},
		{"= 200 keep-alive", "= 200 keep-alive;= 200 keep-alive", wireOther},
		{"= 400 close", "= 200 keep-alive", wireOther},
		{"= 400 close", "= 400 close;^ GET /smuggled HTTP/1.1", wireOther},
		{"= 200 keep-alive \"x\" cut", "= 200 keep-alive \"xy\" cut", wireStricter},
	} {
		if got := relate(strings.Split(tc.nginx, ";"), strings.Split(tc.huidu, ";")); got != tc.want {
			t.Errorf("%s and %s: %d, want %d", tc.nginx, tc.huidu, got, tc.want)
		}
	}
}
