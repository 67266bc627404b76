package gatewaytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// logs are the log files of one gateway, all of them in a directory of its own.
type logs struct {
	dir string

	mu    sync.Mutex
	files []*logFile
}

// logFile is one log: where it would be, and where it is.
type logFile struct {
	name, path string
	isError    bool
}

// mapName is proxy.Options.MapLog.
func (l *logs) mapName(name string, isError bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f.name == name && f.isError == isError || f.path == name {
			return f.path
		}
	}
	f := &logFile{name: name, isError: isError, path: filepath.Join(l.dir, fmt.Sprintf("%d.log", len(l.files)))}
	l.files = append(l.files, f)
	return f.path
}

// mark is how far the logs have been written.
type mark map[string]int

// mark notes the present ends.
func (l *logs) mark() mark {
	m := mark{}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if st, err := os.Stat(f.path); err == nil {
			m[f.path] = int(st.Size())
		}
	}
	return m
}

// since returns the entries of the error or access logs after a mark.
func (l *logs) since(m mark, isError bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []string{}
	for _, f := range l.files {
		data, err := os.ReadFile(f.path)
		if err != nil || f.isError != isError {
			continue
		}
		text := string(data[min(m[f.path], len(data)):])
		if isError {
			out = append(out, errorEntries(text)...)
		} else {
			out = append(out, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
		}
	}
	return out
}

// entryStart is how an entry of an error log begins: time, level, process.
var entryStart = regexp.MustCompile(`(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (\[\w+\] )\d+#\d+: (\*\d+ )?`)

// errorEntries splits an error log into entries, "[level] message" each; a
// message may have several lines.
func errorEntries(text string) []string {
	starts := entryStart.FindAllStringSubmatchIndex(text, -1)
	var out []string
	for i, s := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		out = append(out, text[s[2]:s[3]]+strings.TrimRight(text[s[1]:end], "\n"))
	}
	return out
}
