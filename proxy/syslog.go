package proxy

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"huidu/nginxconf"
)

// syslogWriter sends log lines to a syslog server.
//
// See: https://nginx.org/en/docs/syslog.html
type syslogWriter struct {
	network, addr string
	facility      int
	severity      int
	tag, host     string

	mu   sync.Mutex
	conn net.Conn
	next time.Time // when to try to connect again
}

var syslogFacilities = strings.Fields("kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron " +
	"local0 local1 local2 local3 local4 local5 local6 local7")

var syslogSeverities = strings.Fields("emerg alert crit error warn notice info debug")

// newSyslog reads "syslog:server=…,facility=…,…", which Load has checked.
func newSyslog(text string) (*syslogWriter, error) {
	w := &syslogWriter{facility: 23, severity: 6, tag: "nginx"}
	if h, err := os.Hostname(); err == nil {
		w.host = h + " "
	}
	for p := range strings.SplitSeq(strings.TrimPrefix(text, "syslog:"), ",") {
		key, val, _ := strings.Cut(p, "=")
		switch key {
		case "server":
			if path, unix := strings.CutPrefix(val, "unix:"); unix {
				w.network, w.addr = "unixgram", path
				continue
			}
			w.network, w.addr = "udp", val
			if _, _, err := net.SplitHostPort(val); err != nil {
				w.addr = net.JoinHostPort(strings.Trim(val, "[]"), "514")
			}
		case "facility":
			w.facility = indexOf(syslogFacilities, val)
		case "severity":
			w.severity = indexOf(syslogSeverities, val)
		case "tag":
			w.tag = val
		case "nohostname":
			w.host = ""
		}
	}
	if w.network == "" || w.facility < 0 || w.severity < 0 {
		return nil, fmt.Errorf("invalid syslog parameter \"%s\"", text)
	}
	return w, nil
}

func indexOf(list []string, s string) int {
	for i, v := range list {
		if v == s {
			return i
		}
	}
	return -1
}

// write sends a line of an access log.
func (w *syslogWriter) write(line []byte) { w.send(line, w.severity) }

// writeLevel sends a line of an error log under its own severity.
func (w *syslogWriter) writeLevel(line []byte, level nginxconf.LogLevel) {
	w.send(line, max(int(level)-1, 0))
}

func (w *syslogWriter) send(line []byte, severity int) {
	b := fmt.Appendf(nil, "<%d>%s %s%s: ", w.facility*8+severity, time.Now().Format(time.Stamp), w.host, w.tag)
	b = append(b, bytes.TrimRight(line, "\n")...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		if time.Now().Before(w.next) {
			return
		}
		c, err := net.DialTimeout(w.network, w.addr, time.Second)
		if err != nil {
			w.next = time.Now().Add(time.Second)
			return
		}
		w.conn = c
	}
	if _, err := w.conn.Write(b); err != nil && w.network == "unixgram" {
		w.conn.Close()
		w.conn = nil
	}
}
