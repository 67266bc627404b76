package casetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// Case is a case file.
type Case struct {
	Name      string
	Comment   string
	Files     map[string]string // without the special ones
	Conf      map[string]string // nginx.conf, main, http, server, article
	Story     []step
	HuiduOnly string // reason; "" runs on nginx too
	Differs   string
}

// confFiles are the sections that make the configuration.
var confFiles = map[string]bool{"nginx.conf": true, "main": true, "http": true, "server": true, "article": true}

// ReadCase reads a case file.
func ReadCase(name string) (*Case, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c, err := parseCase(strings.TrimSuffix(filepath.Base(name), ".txtar"), data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func parseCase(name string, data []byte) (*Case, error) {
	ar := txtar.Parse(data)
	c := &Case{Name: name, Comment: string(ar.Comment), Files: map[string]string{}, Conf: map[string]string{}}
	for _, line := range strings.Split(c.Comment, "\n") {
		line = strings.TrimSpace(strings.TrimLeft(line, "# "))
		if rest, ok := strings.CutPrefix(line, "differs:"); ok {
			c.Differs = strings.TrimSpace(rest)
		}
		if rest, ok := strings.CutPrefix(line, "huidu only:"); ok {
			c.HuiduOnly = strings.TrimSpace(rest)
		}
	}
	story := ""
	for _, f := range ar.Files {
		switch {
		case f.Name == "story":
			story = string(f.Data)
		case confFiles[f.Name]:
			c.Conf[f.Name] = string(f.Data)
		default:
			c.Files[f.Name] = string(f.Data)
		}
	}
	if story == "" {
		return nil, fmt.Errorf("no story")
	}
	var err error
	if c.Story, err = parseStory(story); err != nil {
		return nil, err
	}
	for _, s := range c.Story {
		if s.only != "" && c.Differs == "" {
			return nil, fmt.Errorf("story line %d is for %s alone, but no comment line says \"differs: reason\"", s.line, s.only)
		}
	}
	return c, nil
}
