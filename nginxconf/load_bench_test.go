package nginxconf

import (
	"fmt"
	"strings"
	"testing"
)

// manyLocations is a configuration of n proxied locations.
func manyLocations(n int) string {
	var sb strings.Builder
	sb.WriteString("events { }\nhttp {\n    server {\n        listen 80;\n")
	for i := range n {
		fmt.Fprintf(&sb, "        location /path/%d/x {\n            proxy_pass http://127.0.0.1:80%02d/;\n"+
			"            proxy_set_header Host $host;\n            proxy_read_timeout 30s;\n        }\n", i, i%90+10)
	}
	return sb.String() + "    }\n}\n"
}

func BenchmarkLoad10000Locations(b *testing.B) {
	files := MapFiles{"/c/nginx.conf": manyLocations(10000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, ds := Load(files, "/c/nginx.conf", Options{Prefix: "/c", LookupHost: lookupTest}); ds.Err() != nil {
			b.Fatal(ds)
		}
	}
}
