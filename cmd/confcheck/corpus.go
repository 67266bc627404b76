package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// mainFile is the name of a configuration's main file.
const mainFile = "nginx.conf"

// config is one configuration to ask about: its files by name, paths with
// the placeholder.
type config struct {
	name  string
	kind  string // the mutation, or the directive probed
	files map[string]string
}

// with is the configuration with another main file.
func (c config) with(kind, text string) config {
	files := make(map[string]string, len(c.files))
	for name, data := range c.files {
		files[name] = data
	}
	files[mainFile] = text
	return config{c.name + ":" + kind, kind, files}
}

// readCorpus reads every folder below dir that holds a main file.
func readCorpus(dir string) ([]config, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*", mainFile))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no configurations in %s", dir)
	}
	sort.Strings(names)
	var out []config
	for _, name := range names {
		top := filepath.Dir(name)
		c := config{name: filepath.Base(top), files: map[string]string{}}
		err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(top, file)
			if d.IsDir() {
				c.files[rel+"/"] = ""
				return nil
			}
			data, err := os.ReadFile(file)
			c.files[rel] = string(data)
			return err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// write puts the configuration into a new folder.
func (c config) write(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return err
	}
	for name, data := range c.files {
		target := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, []byte(strings.ReplaceAll(data, testdir, dir)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
