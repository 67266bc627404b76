// Package cache stores responses in files: nginx's ngx_http_file_cache, in
// the same layout of directories and the same format of files, so that a
// directory filled by nginx is used further.
//
//	Zone ── keys zone: what is known of each key, in order of use
//	  │        node: uses, valid, size, "being updated"
//	  ├── Entry: one request's dealings with one key
//	  │        Open ─► hit, stale, updating, miss, … ─► Begin ─► Write ─► Commit
//	  │                                                    └────► Release
//	  ├── loader: reads the directory once, a minute after the start
//	  └── manager: removes what is inactive or too much
//
// A request makes an Entry for its key and opens it. A hit holds the file and
// the response header as the upstream sent it. Otherwise the caller asks the
// upstream and either fills a temporary file, which Commit moves to the key's
// place, or gives the key back by Release. A key that several requests want
// at once is marked as being updated, which the others can wait for, or take
// the stale response meanwhile.
//
// A response that varies has its key's file say by which request headers; the
// variants are files of their own, under the hash of those headers.
//
// Memory is bounded by the size of the keys zone, disk space by max_size and
// min_free. Zones of the same name share their state over a reload.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_path
package cache
