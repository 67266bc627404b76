package netconn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	c, s := pair(t, "tcp")
	client := Wrap(tls.Client(c.NetConn(), &tls.Config{InsecureSkipVerify: true}))
	server := Wrap(tls.Server(s.NetConn(), &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}))
	if server.RemoteText() != "127.0.0.1" || server.Number != s.Number {
		t.Fatal("the connection below does not show")
	}
	want := bytes.Repeat([]byte("0123456789"), 50_000)
	go func() {
		client.Writev([]byte("head"), want[:1000], want[1000:])
	}()
	got := make([]byte, 4+len(want))
	server.SetReadTimeout(10 * time.Second)
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got[4:], want) {
		t.Fatal("bytes differ: ", err)
	}
	server.SetReadTimeout(30 * time.Millisecond)
	if _, err := server.Fill(10); err != ErrTimeout {
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			t.Fatalf("got %v", err)
		}
	}
	server.SetReadTimeout(0)
	go func() {
		time.Sleep(10 * time.Millisecond)
		server.Interrupt()
	}()
	if _, err := server.Fill(10); err != ErrInterrupted {
		t.Fatalf("got %v", err)
	}
	needSocket(t)
	called := make(chan struct{})
	server.OnHangup(func() { close(called) })
	client.Close()
	select {
	case <-called:
	case <-time.After(5 * time.Second):
		t.Fatal("hang-up not seen")
	}
	server.Close()
}

// TestCloseWhileBusy: Close from another goroutine ends reads and writes,
// and the descriptor is not reused under them.
func TestCloseWhileBusy(t *testing.T) {
	needSocket(t)
	for range 50 {
		c, s := pair(t, "tcp")
		nc := s.NetConn()
		var wg sync.WaitGroup
		wg.Add(2)
		go func() {
			defer wg.Done()
			if _, err := nc.Read(make([]byte, 1)); err != net.ErrClosed {
				t.Errorf("read: %v", err)
			}
		}()
		go func() {
			defer wg.Done()
			b := make([]byte, 1<<20)
			for {
				if _, err := nc.Write(b); err != nil {
					if err != net.ErrClosed {
						t.Errorf("write: %v", err)
					}
					return
				}
			}
		}()
		time.Sleep(time.Millisecond)
		if err := nc.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if err := nc.Close(); err != net.ErrClosed {
			t.Fatal(err)
		}
		c.Close()
	}
}
