package cache

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// Begin makes the temporary file of a response and writes what comes before
// its body: head is the response's header as the upstream sent it, and Meta
// says the rest. dir is where temporary files go when the cache uses a path
// of their own.
//
// See: ngx_http_file_cache_set_header.
func (e *Entry) Begin(head []byte, dir string) error {
	e.BodyStart = e.HeaderStart() + len(head)
	if e.BodyStart > 1<<16-1 {
		return errors.New("response header is too long for a cache file")
	}
	if e.Vary != "" {
		e.variant = variantOf(e.main, e.Vary, e.fields)
	}
	if err := e.settleVariant(); err != nil {
		return err
	}
	f, err := e.temp(dir)
	if err != nil {
		return err
	}
	e.fill = f
	h := header{Meta: e.Meta, crc: e.crc, headerStart: e.HeaderStart(), bodyStart: e.BodyStart, variant: e.variant}
	b := h.appendTo(make([]byte, 0, e.BodyStart))
	b = append(b, keyIntro...)
	b = append(b, e.text...)
	b = append(b, '\n')
	b = append(b, head...)
	return e.Write(b)
}

// temp makes a temporary file: in dir, or beside the place of the file.
func (e *Entry) temp(dir string) (*os.File, error) {
	if e.zone.UseTempPath {
		f, err := os.CreateTemp(dir, "0*")
		if os.IsNotExist(err) {
			if err = os.MkdirAll(dir, 0o700); err == nil {
				f, err = os.CreateTemp(dir, "0*")
			}
		}
		if err == nil {
			return f, nil
		}
		// The cache's own directory may do where that one does not.
	}
	name := e.zone.path(e.key)
	for {
		tmp := fmt.Sprintf("%s.%010d", name, rand.Uint32())
		f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, syscall.ENOENT):
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return nil, err
			}
		case !errors.Is(err, syscall.EEXIST):
			return nil, err
		}
	}
}

// settleVariant goes back to the key itself when the response varies
// otherwise than the one that led to this variant.
//
// See: ngx_http_file_cache_update_variant.
func (e *Entry) settleVariant() error {
	if !e.secondary || e.Vary != "" && e.variant == e.key {
		return nil
	}
	z := e.zone
	z.mu.Lock()
	e.node.count--
	e.node.updated()
	e.node = nil
	z.mu.Unlock()
	e.toMain, e.key = true, e.main
	_, _, err := e.find()
	return err
}

// Write adds to the body.
func (e *Entry) Write(p []byte) error {
	if e.fill == nil {
		return nil
	}
	_, err := e.fill.Write(p)
	return err
}

// Filling tells whether a response is being written.
func (e *Entry) Filling() bool { return e.fill != nil }

// Fill is the temporary file, nil without one. The body is from BodyStart on.
func (e *Entry) Fill() *os.File { return e.fill }

// Commit makes the temporary file the key's response.
//
// See: ngx_http_file_cache_update.
func (e *Entry) Commit() error {
	if e.ended || e.fill == nil {
		return nil
	}
	e.ended, e.updating = true, false
	z, n, f := e.zone, e.node, e.fill
	e.fill = nil
	var st syscall.Stat_t
	err := syscall.Fstat(int(f.Fd()), &st)
	f.Close()
	tmp := f.Name()
	if err == nil {
		err = Move(tmp, z.path(e.key), 0o700, 0)
	}
	if err != nil {
		os.Remove(tmp)
		st = syscall.Stat_t{}
	}
	z.mu.Lock()
	n.count--
	n.err, n.uniq, n.bodyStart = 0, st.Ino, e.BodyStart
	blocks := z.inBlocks(&st)
	z.blocks += blocks - n.blocks
	n.blocks = blocks
	if err == nil {
		n.exists = true
	}
	n.updated()
	z.mu.Unlock()
	return err
}

// Move renames a file, or copies it where its new place is on another file
// system, making the directories that are missing. fileMode 0 leaves the mode.
//
// See: ngx_ext_rename_file.
func Move(from, to string, dirMode, fileMode os.FileMode) error {
	if fileMode != 0 {
		if err := os.Chmod(from, fileMode); err != nil {
			return err
		}
	}
	err := os.Rename(from, to)
	if errors.Is(err, syscall.ENOENT) {
		if err := os.MkdirAll(filepath.Dir(to), dirMode); err != nil {
			return err
		}
		err = os.Rename(from, to)
	}
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	if err := copyBeside(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

// copyBeside copies a file to a new one beside to and renames that.
func copyBeside(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%010d", to, rand.Uint32())
	dst, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, st.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		os.Chtimes(tmp, st.ModTime(), st.ModTime())
		err = os.Rename(tmp, to)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// Renew writes a new Meta over the one in the file, unless the file has been
// replaced since it was opened.
//
// See: ngx_http_file_cache_update_header.
func (e *Entry) Renew() error {
	f, err := os.OpenFile(e.zone.path(e.key), os.O_RDWR, 0)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) {
			return nil
		}
		return err
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Ino != e.uniq || st.Size != e.Length {
		return nil
	}
	buf := make([]byte, headerSize)
	if _, err := f.ReadAt(buf, 0); err != nil {
		return err
	}
	old, err := parseHeader(buf)
	if err != nil || old.LastModified != e.LastModified || old.crc != e.crc ||
		old.headerStart != e.HeaderStart() || old.bodyStart != e.BodyStart {
		return nil
	}
	h := header{Meta: e.Meta, crc: e.crc, headerStart: old.headerStart, bodyStart: old.bodyStart}
	if e.Vary != "" {
		e.variant = variantOf(e.main, e.Vary, e.fields)
		h.variant = e.variant
	}
	_, err = f.WriteAt(h.appendTo(buf[:0]), 0)
	return err
}
