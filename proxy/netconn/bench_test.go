package netconn

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// cpuTime is the CPU time of the process in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkPingPong(b *testing.B) {
	c, s := pair(b, "tcp")
	msg := make([]byte, 200)
	go func() {
		for {
			if _, err := s.Fill(4096); err != nil {
				return
			}
			s.Write(s.Buffered())
			s.Consume(len(s.Buffered()))
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		c.Write(msg)
		c.Fill(4096)
		c.Consume(len(c.Buffered()))
	}
}

// BenchmarkCopyN moves a body from one connection to another.
func BenchmarkCopyN(b *testing.B) {
	for _, size := range []int{128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dk", size>>10), func(b *testing.B) {
			from, src := pair(b, "tcp")
			dst, to := pair(b, "tcp")
			go io.Copy(io.Discard, struct{ io.Reader }{to})
			body := make([]byte, size)
			b.SetBytes(int64(size))
			before := cpuTime()
			for b.Loop() {
				go from.Write(body)
				if _, err := dst.CopyN(src, int64(size)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkSendFile writes a cached file, inside the kernel and through a
// buffer.
func BenchmarkSendFile(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10, 1 << 20} {
		path := filepath.Join(b.TempDir(), "f")
		os.WriteFile(path, make([]byte, size), 0o600)
		for _, how := range []string{"sendfile", "buffer"} {
			b.Run(fmt.Sprintf("%s/%dk", how, size>>10), func(b *testing.B) {
				c, s := pair(b, "tcp")
				go io.Copy(io.Discard, struct{ io.Reader }{s})
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				b.SetBytes(int64(size))
				before := cpuTime()
				for b.Loop() {
					if how == "sendfile" {
						_, err = c.SendFile(f, 0, int64(size))
					} else {
						buf := NewBuffer(min(size, 64<<10))
						for off := 0; off < size && err == nil; off += len(buf.b) {
							f.ReadAt(buf.b, int64(off))
							_, err = c.Write(buf.b)
						}
						buf.Release()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
