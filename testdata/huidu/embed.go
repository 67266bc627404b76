// Package huidu holds the gateway of the article that huidu is named after,
// byte for byte: nginx.conf and huidu.lua. The demo serves them and the cases
// in testdata/http tell its story.
package huidu

import _ "embed" // for the files

// NginxConf is the article's nginx.conf, its missing semicolon included.
//
//go:embed nginx.conf
var NginxConf []byte

// Script is the article's huidu.lua.
//
//go:embed huidu.lua
var Script []byte

// What the two files name: where they expect the script, the listener, the
// upstreams and Redis, and its password.
const (
	Prefix     = "/app/ngx_openresty/nginx"
	ListenPort = "80"
	Production = "127.0.0.1:8080"
	Staging    = "127.0.0.1:8090"
	Redis      = "127.0.0.1:6379"
	Password   = "foobared"
)
