package proxy

// Replaced by proxy_vars.go.

func upstreamHTTPGetter(string) getter    { return func(*Request) (string, bool) { return "", false } }
func upstreamTrailerGetter(string) getter { return func(*Request) (string, bool) { return "", false } }
func upstreamCookieGetter(string) getter  { return func(*Request) (string, bool) { return "", false } }
