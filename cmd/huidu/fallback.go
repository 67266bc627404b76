package main

import (
	"errors"
	"fmt"
	"strings"

	"huidu/proxy"
)

// fallbackFlags are --fallback and what belongs to it: the old gateway, which
// goes on serving what huidu does not.
type fallbackFlags struct {
	url    string
	client string // --fallback-client
	only   string // --only
	parsed *proxy.Fallback
}

// set takes one long option; known is false for those of others.
func (f *fallbackFlags) set(name, value string) (known bool, err error) {
	to := map[string]*string{"fallback": &f.url, "fallback-client": &f.client, "only": &f.only}[name]
	if to == nil {
		return false, nil
	}
	if value == "" {
		return true, fmt.Errorf("option \"--%s\" requires a value", name)
	}
	*to = value
	return true, nil
}

// check reads the values once all are known.
func (f *fallbackFlags) check() error {
	if f.url == "" {
		if f.only != "" || f.client != "" {
			return errors.New("options \"--only\" and \"--fallback-client\" need --fallback")
		}
		return nil
	}
	var err error
	if f.parsed, err = proxy.ParseFallback(f.url); err != nil {
		return fmt.Errorf("option \"--fallback\": %w", err)
	}
	if f.only != "" {
		if f.parsed.Only, err = proxy.ParseOnly(f.only); err != nil {
			return fmt.Errorf("option \"--only\": %w", err)
		}
	}
	kind, header, _ := strings.Cut(f.client, "=")
	switch {
	case f.client == "", f.client == "header":
	case kind == "header" && header != "" && !strings.ContainsAny(header, " :\r\n"):
		f.parsed.Header = header
	case f.client == "proxy_protocol":
		f.parsed.Client = proxy.FallbackProxy
	case f.client == "none":
		f.parsed.Client = proxy.FallbackNone
	default:
		return fmt.Errorf("option \"--fallback-client\" is header, header=NAME, proxy_protocol or none, not %q", f.client)
	}
	return nil
}

// gateway is the fallback, nil when there is none.
func (f *fallbackFlags) gateway() *proxy.Fallback { return f.parsed }
