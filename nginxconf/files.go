package nginxconf

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"syscall"
)

// Files is how configuration files, and the few other files that nginx opens
// while it reads a configuration, are read.
type Files interface {
	// ReadFile returns a file's bytes; its error should wrap a syscall.Errno.
	ReadFile(name string) ([]byte, error)
	// ReadDir returns the names in a directory, in any order.
	ReadDir(name string) ([]string, error)
}

// OSFiles reads the file system.
type OSFiles struct{}

// ReadFile implements Files.
func (OSFiles) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// ReadDir implements Files.
func (OSFiles) ReadDir(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Overlay is other files with some texts in memory before them.
type Overlay struct {
	Files
	Texts map[string]string // by full path
}

// ReadFile implements Files.
func (o Overlay) ReadFile(name string) ([]byte, error) {
	if text, ok := o.Texts[path.Clean(name)]; ok {
		return []byte(text), nil
	}
	return o.Files.ReadFile(name)
}

// MapFiles is a set of files in memory, by full path. It is what tests and
// archives use.
type MapFiles map[string]string

// ReadFile implements Files.
func (m MapFiles) ReadFile(name string) ([]byte, error) {
	if data, ok := m[path.Clean(name)]; ok {
		return []byte(data), nil
	}
	if _, err := m.ReadDir(name); err == nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
}

// ReadDir implements Files.
func (m MapFiles) ReadDir(name string) ([]string, error) {
	dir := strings.TrimSuffix(path.Clean(name), "/") + "/"
	seen := map[string]bool{}
	for f := range m {
		if rest, ok := strings.CutPrefix(f, dir); ok {
			first, _, _ := strings.Cut(rest, "/")
			seen[first] = true
		}
	}
	if len(seen) == 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}

// errno is the error in nginx's form, "(2: No such file or directory)".
func errno(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		if !errors.Is(err, fs.ErrNotExist) {
			return "(" + err.Error() + ")"
		}
		no = syscall.ENOENT
	}
	text := no.Error()
	if text != "" { // Go's texts are glibc's with a small first letter
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return "(" + itoa(int(no)) + ": " + text + ")"
}

// glob expands a pattern as glob(3) does for nginx: whole paths sorted,
// hidden names only for patterns that start with a dot, no match is no error.
func glob(files Files, pattern string) []string {
	dirs := []string{""}
	rest := pattern
	if strings.HasPrefix(rest, "/") {
		dirs = []string{"/"}
		rest = strings.TrimLeft(rest, "/")
	}
	for rest != "" {
		elem, tail, more := strings.Cut(rest, "/")
		rest = strings.TrimLeft(tail, "/")
		var next []string
		for _, dir := range dirs {
			next = append(next, globElem(files, dir, elem, more)...)
		}
		dirs = next
	}
	sort.Strings(dirs)
	return dirs
}

// globElem expands one path element below dir.
func globElem(files Files, dir, elem string, more bool) []string {
	join := func(name string) string {
		if dir == "" || strings.HasSuffix(dir, "/") {
			return dir + name
		}
		return dir + "/" + name
	}
	if !strings.ContainsAny(elem, `*?[`) {
		p := join(elem)
		if !more { // the last element must exist
			if names, err := files.ReadDir(dirOf(dir)); err == nil {
				for _, n := range names {
					if n == elem {
						return []string{p}
					}
				}
			}
			return nil
		}
		return []string{p}
	}
	names, err := files.ReadDir(dirOf(dir))
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range names {
		if strings.HasPrefix(n, ".") && !strings.HasPrefix(elem, ".") {
			continue
		}
		if fnmatch(elem, n) {
			out = append(out, join(n))
		}
	}
	return out
}

func dirOf(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// fnmatch matches a name without slashes against a pattern of *, ?, [set],
// [!set] and backslash escapes.
func fnmatch(pat, name string) bool {
	for len(pat) > 0 {
		switch pat[0] {
		case '*':
			for pat != "" && pat[0] == '*' {
				pat = pat[1:]
			}
			if pat == "" {
				return true
			}
			for i := 0; i <= len(name); i++ {
				if fnmatch(pat, name[i:]) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
			pat, name = pat[1:], name[1:]
		case '[':
			if name == "" {
				return false
			}
			ok, rest, closed := matchSet(pat[1:], name[0])
			if !closed { // a lone "[" is itself
				if name[0] != '[' {
					return false
				}
				pat, name = pat[1:], name[1:]
				continue
			}
			if !ok {
				return false
			}
			pat, name = rest, name[1:]
		default:
			if pat[0] == '\\' && len(pat) > 1 {
				pat = pat[1:]
			}
			if name == "" || name[0] != pat[0] {
				return false
			}
			pat, name = pat[1:], name[1:]
		}
	}
	return name == ""
}

// matchSet matches c against the bracket expression that pat continues.
func matchSet(pat string, c byte) (ok bool, rest string, closed bool) {
	not := false
	if pat != "" && (pat[0] == '!' || pat[0] == '^') {
		not, pat = true, pat[1:]
	}
	for first := true; pat != ""; first = false {
		if pat[0] == ']' && !first {
			return ok != not, pat[1:], true
		}
		lo := pat[0]
		if lo == '\\' && len(pat) > 1 {
			pat = pat[1:]
			lo = pat[0]
		}
		hi := lo
		if len(pat) > 2 && pat[1] == '-' && pat[2] != ']' {
			hi = pat[2]
			pat = pat[2:]
		}
		pat = pat[1:]
		if lo <= c && c <= hi {
			ok = true
		}
	}
	return false, "", false
}
