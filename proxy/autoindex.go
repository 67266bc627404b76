package proxy

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"huidu/proxy/http1"
)

// indexEntry is one line of a directory listing.
type indexEntry struct {
	name      string
	dir, file bool
	mtime     time.Time
	size      int64
}

// autoindex lists a directory.
//
// See: ngx_http_autoindex_handler.
func autoindex(r *Request) rc {
	if !r.uriIsDir() || r.methodID != http1.MethodGet && r.methodID != http1.MethodHead {
		return declined
	}
	if c := r.discardBody(); c != ok {
		return c
	}
	dir, _, valid := r.filePath()
	if !valid {
		return 500
	}
	if len(dir) > 1 {
		dir = dir[:len(dir)-1]
	}
	format := r.loc.conf.Index.AutoindexFormat.V
	callback := ""
	if format == "jsonp" {
		if callback, valid = r.jsonpCallback(); !valid {
			return 400
		}
		if callback == "" {
			format = "json"
		}
	}
	entries, c := r.readIndex(dir)
	if c != ok {
		return c
	}
	o := &r.out
	o.status = 200
	switch format {
	case "json":
		o.setType("application/json")
	case "jsonp":
		o.setType("application/javascript")
	case "xml":
		o.setType("text/xml")
		o.charset = "utf-8"
	default:
		o.setType("text/html")
	}
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	var b []byte
	switch format {
	case "json", "jsonp":
		b = indexJSON(entries, callback)
	case "xml":
		b = indexXML(entries)
	default:
		b = r.indexHTML(entries)
	}
	return r.output(b, last)
}

// readIndex reads a directory, directories first, then by name.
func (r *Request) readIndex(dir string) ([]indexEntry, rc) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, r.dirFailed(dir, err)
	}
	var entries []indexEntry
	for _, de := range list {
		name := de.Name()
		if name[0] == '.' {
			continue
		}
		path := dir + "/" + name
		info, err := os.Stat(path)
		if err != nil {
			if !errors.Is(err, enoent) && !errors.Is(err, eloop) {
				r.logf(logCrit, "stat() \"%s\" failed (%s)", path, errnoText(err))
				if errors.Is(err, eacces) {
					continue
				}
				return nil, 500
			}
			if info, err = os.Lstat(path); err != nil {
				r.logf(logCrit, "lstat() \"%s\" failed (%s)", path, errnoText(err))
				return nil, 500
			}
		}
		entries = append(entries, indexEntry{name: name, dir: info.IsDir(), file: info.Mode().IsRegular(), mtime: info.ModTime(), size: info.Size()})
	}
	sort.SliceStable(entries, func(i, j int) bool {
		if entries[i].dir != entries[j].dir {
			return entries[i].dir
		}
		return entries[i].name < entries[j].name
	})
	return entries, ok
}

// jsonpCallback is the argument "callback", if it is a harmless name.
func (r *Request) jsonpCallback() (string, bool) {
	name, found := findArg(r.args, "callback")
	if !found {
		return "", true
	}
	if len(name) > 128 {
		r.logf(logInfo, "client sent too long callback name: \"%s\"", name)
		return "", false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if l := c | 0x20; l >= 'a' && l <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
			continue
		}
		r.logf(logInfo, "client sent invalid callback name: \"%s\"", name)
		return "", false
	}
	return name, true
}

// indexNameLen is how much of a name the listing shows.
const indexNameLen = 50

func (r *Request) indexHTML(entries []indexEntry) []byte {
	conf := r.loc.conf.Index
	uri := http1.AppendEscapeHTML(nil, r.uri)
	b := append([]byte("<html>\r\n<head><title>Index of "), uri...)
	b = append(b, "</title></head>\r\n<body>\r\n<h1>Index of "...)
	b = append(append(b, uri...), "</h1><hr><pre><a href=\"../\">../</a>\r\n"...)
	isUTF8 := http1.EqualFold(r.out.charset, "utf-8")
	for i := range entries {
		e := &entries[i]
		b = append(b, "<a href=\""...)
		b = http1.EscapeURI(b, e.name, http1.EscapeURIComponent)
		if e.dir {
			b = append(b, '/')
		}
		b = append(b, "\">"...)
		b = appendIndexName(b, e, isUTF8)
		t := e.mtime.UTC()
		if conf.AutoindexLocaltime.V {
			t = e.mtime.Local()
		}
		b = t.AppendFormat(append(b, ' '), "02-Jan-2006 15:04 ")
		b = appendIndexSize(b, e, conf.AutoindexExactSize.V)
		b = append(b, "\r\n"...)
	}
	return append(b, "</pre><hr></body>\r\n</html>\r\n"...)
}

// appendIndexName appends a name cut and padded to the column's width.
func appendIndexName(b []byte, e *indexEntry, isUTF8 bool) []byte {
	length := len(e.name)
	if isUTF8 {
		if n := utf8Length(e.name); n >= 0 {
			length = n
		}
	}
	if length > indexNameLen {
		keep := e.name
		if length != len(e.name) {
			keep = utf8Prefix(e.name, indexNameLen-3)
		} else {
			keep = keep[:indexNameLen-3]
		}
		b = http1.AppendEscapeHTML(b, keep)
		return append(b, "..&gt;</a>"...)
	}
	b = http1.AppendEscapeHTML(b, e.name)
	if e.dir && length < indexNameLen {
		b = append(b, '/')
		length++
	}
	b = append(b, "</a>"...)
	return append(b, strings.Repeat(" ", indexNameLen-length)...)
}

// utf8Length counts characters; -1 when s is not UTF-8.
func utf8Length(s string) int {
	if !utf8.ValidString(s) {
		return -1
	}
	return utf8.RuneCountInString(s)
}

func utf8Prefix(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func appendIndexSize(b []byte, e *indexEntry, exact bool) []byte {
	if exact {
		if e.dir {
			return append(b, "                  -"...)
		}
		return fmt.Appendf(b, "%19d", e.size)
	}
	if e.dir {
		return append(b, "      -"...)
	}
	const k, m, g = 1 << 10, 1 << 20, 1 << 30
	round := func(unit int64) int64 {
		n := e.size / unit
		if e.size%unit > unit/2-1 {
			n++
		}
		return n
	}
	switch {
	case e.size > g-1:
		return fmt.Appendf(b, "%6dG", round(g))
	case e.size > m-1:
		return fmt.Appendf(b, "%6dM", round(m))
	case e.size > 9999:
		return fmt.Appendf(b, "%6dK", round(k))
	}
	return fmt.Appendf(b, " %6d", e.size)
}

func (e *indexEntry) kind() string {
	switch {
	case e.dir:
		return "directory"
	case e.file:
		return "file"
	}
	return "other"
}

func indexJSON(entries []indexEntry, callback string) []byte {
	var b []byte
	if callback != "" {
		b = append(append(append(b, "/* callback */\r\n"...), callback...), '(')
	}
	b = append(b, '[')
	for i := range entries {
		e := &entries[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, "\r\n{ \"name\":\""...)
		b = appendJSON(b, e.name)
		b = append(append(append(b, "\", \"type\":\""...), e.kind()...), "\", \"mtime\":\""...)
		b = http1.AppendDate(b, e.mtime)
		b = append(b, '"')
		if e.file {
			b = strconv.AppendInt(append(b, ", \"size\":"...), e.size, 10)
		}
		b = append(b, " }"...)
	}
	b = append(b, "\r\n]"...)
	if callback != "" {
		b = append(b, ");"...)
	}
	return b
}

func indexXML(entries []indexEntry) []byte {
	b := []byte("<?xml version=\"1.0\"?>\r\n<list>\r\n")
	for i := range entries {
		e := &entries[i]
		b = append(append(append(b, '<'), e.kind()...), " mtime=\""...)
		b = e.mtime.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
		if e.file {
			b = strconv.AppendInt(append(b, "\" size=\""...), e.size, 10)
		}
		b = append(b, "\">"...)
		b = http1.AppendEscapeHTML(b, e.name)
		b = append(append(append(b, "</"...), e.kind()...), ">\r\n"...)
	}
	return append(b, "</list>\r\n"...)
}
