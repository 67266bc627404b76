package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes of huidu gray.
const (
	exitNotListed = 1 // check: the address is not on the list
	exitUsage     = 2 // a wrong command line or address
	exitRedis     = 3 // Redis could not be asked
)

// newGrayCommand is huidu gray: the list of addresses that see the staging
// system, kept in Redis as the article does by hand (SET ip ip).
func newGrayCommand(p process) *cobra.Command {
	var where graySource
	cmd := &cobra.Command{
		Use:   "gray",
		Short: "add, remove, list and check the addresses that see staging",
		Long: `Manages the gray list in Redis as the article's script reads it: an address is
on the list when the key of its name holds its name (SET ip ip).

Where Redis is, and its password, is read from the script itself: --script, or
the scripts of the configuration (-p, -c), or those of a running "huidu demo".
--redis, --password and HUIDU_REDIS_PASSWORD override what the script says.
The password is never printed.

Exit codes: 0 done, 1 not on the list (check), 2 wrong usage, 3 Redis failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&where.redis, "redis", "", "address of Redis, HOST:PORT or unix:PATH, instead of the script's")
	f.StringVar(&where.password, "password", "", "password, instead of the script's; seen by ps: prefer HUIDU_REDIS_PASSWORD")
	f.StringVar(&where.script, "script", "", "the Lua script to read address and password from")
	f.StringVarP(&where.prefix, "prefix", "p", "", "nginx prefix, to find the script through the configuration")
	f.StringVarP(&where.conf, "conf", "c", "", "nginx configuration, to find the script through")
	f.StringArrayVar(&where.mapPath, "map-path", nil, "FROM=TO: as for the server")
	f.StringArrayVar(&where.mapAddr, "map-addr", nil, "FROM=TO: as for the server")

	sub := func(use, short string, args cobra.PositionalArgs, run func(context.Context, *grayList, []string) error) {
		cmd.AddCommand(&cobra.Command{Use: use, Short: short, Args: args, RunE: func(_ *cobra.Command, words []string) error {
			keys, err := parseAddresses(words)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			target, err := where.resolve(p)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			list, err := openGrayList(ctx, target)
			if err != nil {
				return &exitError{exitRedis, err}
			}
			defer list.Close()
			err = run(ctx, list, keys)
			var exit *exitError
			if err != nil && !errors.As(err, &exit) {
				err = &exitError{exitRedis, list.explain(err)}
			}
			return err
		}})
	}
	say := func(format string, args ...any) { fmt.Fprintf(p.stdout, format, args...) }

	sub("add IP...", "send these addresses to staging", cobra.MinimumNArgs(1),
		func(ctx context.Context, l *grayList, keys []string) error {
			for _, k := range keys {
				old, err := l.Add(ctx, k)
				switch {
				case err != nil:
					return err
				case old == k:
					say("%s was on the list already\n", k)
				case old != "":
					say("%s added (its key held another value, which is gone)\n", k)
				default:
					say("%s added: it sees staging now\n", k)
				}
			}
			say("(list in Redis at %s)\n", l.where)
			return nil
		})
	sub("rm IP...", "send these addresses back to production", cobra.MinimumNArgs(1),
		func(ctx context.Context, l *grayList, keys []string) error {
			for _, k := range keys {
				listed, err := l.Remove(ctx, k)
				if err != nil {
					return err
				}
				if listed {
					say("%s removed: it sees production now\n", k)
				} else {
					say("%s was not on the list\n", k)
				}
			}
			say("(list in Redis at %s)\n", l.where)
			return nil
		})
	sub("list", "print the addresses on the list, one a line", cobra.NoArgs,
		func(ctx context.Context, l *grayList, _ []string) error {
			keys, err := l.All(ctx)
			for _, k := range keys {
				say("%s\n", k)
			}
			if err == nil && len(keys) == 0 {
				fmt.Fprintf(p.stderr, "the list in Redis at %s is empty\n", l.where)
			}
			return err
		})
	sub("check IP", "say where an address is sent", cobra.ExactArgs(1),
		func(ctx context.Context, l *grayList, keys []string) error {
			listed, err := l.Has(ctx, keys[0])
			if err != nil {
				return err
			}
			if !listed {
				say("%s: production\n", keys[0])
				return &exitError{code: exitNotListed}
			}
			say("%s: staging\n", keys[0])
			return nil
		})
	return cmd
}

// parseAddresses checks addresses and writes them as $remote_addr does,
// because the script compares text.
func parseAddresses(words []string) ([]string, error) {
	var keys []string
	for _, w := range words {
		a, err := netip.ParseAddr(strings.TrimSpace(w))
		if err != nil || a.Zone() != "" {
			if _, perr := netip.ParsePrefix(w); perr == nil {
				return nil, fmt.Errorf("%s is a network: the list holds single addresses, because the script compares whole ones", w)
			}
			return nil, fmt.Errorf("%q is not an IP address", w)
		}
		keys = append(keys, a.String())
	}
	return keys, nil
}
