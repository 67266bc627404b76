package fastcgi

import (
	"bytes"
	"testing"
)

// collect feeds a stream in pieces of that size.
func collect(t testing.TB, stream []byte, size int) (stdout, stderr []byte, d Demux, err error) {
	t.Helper()
	for len(stream) > 0 {
		p := stream[:min(size, len(stream))]
		stream = stream[len(p):]
		for len(p) > 0 && !d.Done() {
			out, kind, n, err := d.Next(p)
			if err != nil {
				return stdout, stderr, d, err
			}
			switch kind {
			case Stdout:
				stdout = append(stdout, out...)
			case Stderr:
				stderr = append(stderr, out...)
			}
			p = p[n:]
		}
	}
	return stdout, stderr, d, nil
}

func record(kind byte, content string) []byte {
	b, padding := AppendHeader(nil, kind, len(content))
	b = append(b, content...)
	return append(b, make([]byte, padding)...)
}

func TestDemux(t *testing.T) {
	stream := bytes.Join([][]byte{record(Stdout, "ab"), record(Stderr, "oops"), record(Stdout, "cdefgh"),
		record(Stdout, ""), record(EndRequest, "\x00\x00\x00\x00\x00\x00\x00\x00"), []byte("next")}, nil)
	for size := 1; size <= len(stream); size++ {
		stdout, stderr, d, err := collect(t, stream, size)
		if string(stdout) != "abcdefgh" || string(stderr) != "oops" || !d.Done() || !d.Closed() || err != nil {
			t.Errorf("pieces of %d: %q, %q, %+v, %v", size, stdout, stderr, d, err)
		}
	}
	for _, bad := range []string{"\x02\x06\x00\x01\x00\x00\x00\x00", "\x01\x09\x00\x01\x00\x00\x00\x00", "\x01\x06\x01\x01\x00\x00\x00\x00"} {
		if _, _, _, err := collect(t, []byte(bad), 3); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestAppend(t *testing.T) {
	b := AppendBegin(nil, true)
	if want := "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00"; string(b) != want {
		t.Errorf("begin %q", b)
	}
	if got := AppendLengths(nil, 5, 300); string(got) != "\x05\x80\x00\x01\x2c" {
		t.Errorf("lengths %q", got)
	}
	body := AppendStdin(nil, make([]byte, 40000))
	if len(body) != 40000+2*headerSize {
		t.Errorf("body of %d bytes", len(body))
	}
}

func FuzzDemux(f *testing.F) {
	f.Add(append(record(Stdout, "ab"), record(EndRequest, "12345678")...), 3)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 {
			return
		}
		a, ae, d1, err1 := collect(t, stream, size)
		b, be, d2, err2 := collect(t, stream, len(stream)+1)
		if !bytes.Equal(a, b) || !bytes.Equal(ae, be) || d1.Done() != d2.Done() || (err1 == nil) != (err2 == nil) {
			t.Errorf("pieces matter: %q %q, %v %v", a, b, err1, err2)
		}
	})
}
