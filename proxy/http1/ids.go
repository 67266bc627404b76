package http1

// HeaderID names a header field that the gateway knows. Fields are resolved
// once, while they are parsed, so that later look-ups compare integers.
type HeaderID uint8

// The known header fields. HeaderOther is any field without an identity.
const (
	HeaderOther HeaderID = iota
	HeaderHost
	HeaderConnection
	HeaderContentLength
	HeaderTransferEncoding
	HeaderContentType
	HeaderCookie
	HeaderUserAgent
	HeaderReferer
	HeaderAccept
	HeaderAcceptEncoding
	HeaderAcceptLanguage
	HeaderAuthorization
	HeaderProxyAuthorization
	HeaderProxyConnection
	HeaderRange
	HeaderIfModifiedSince
	HeaderIfUnmodifiedSince
	HeaderIfMatch
	HeaderIfNoneMatch
	HeaderIfRange
	HeaderExpect
	HeaderUpgrade
	HeaderTE
	HeaderTrailer
	HeaderKeepAlive
	HeaderVia
	HeaderForwarded
	HeaderXForwardedFor
	HeaderXForwardedProto
	HeaderXForwardedHost
	HeaderXRealIP
	HeaderOrigin
	HeaderDepth
	HeaderDestination
	HeaderOverwrite
	HeaderDate
	HeaderServer
	HeaderLocation
	HeaderRefresh
	HeaderSetCookie
	HeaderCacheControl
	HeaderPragma
	HeaderExpires
	HeaderETag
	HeaderLastModified
	HeaderVary
	HeaderAge
	HeaderAcceptRanges
	HeaderContentEncoding
	HeaderContentRange
	HeaderContentLanguage
	HeaderContentDisposition
	HeaderLink
	HeaderWWWAuthenticate
	HeaderProxyAuthenticate
	HeaderStatus
	HeaderXAccelRedirect
	HeaderXAccelExpires
	HeaderXAccelLimitRate
	HeaderXAccelBuffering
	HeaderXAccelCharset
	HeaderXPad
	HeaderAllow
	HeaderRetryAfter
	HeaderUpgradeInsecureRequests
	HeaderAccessControlAllowOrigin
	HeaderStrictTransportSecurity
	headerCount
)

// headerNames holds the usual spelling of every known field.
var headerNames = [headerCount]string{
	HeaderOther:                    "",
	HeaderHost:                     "Host",
	HeaderConnection:               "Connection",
	HeaderContentLength:            "Content-Length",
	HeaderTransferEncoding:         "Transfer-Encoding",
	HeaderContentType:              "Content-Type",
	HeaderCookie:                   "Cookie",
	HeaderUserAgent:                "User-Agent",
	HeaderReferer:                  "Referer",
	HeaderAccept:                   "Accept",
	HeaderAcceptEncoding:           "Accept-Encoding",
	HeaderAcceptLanguage:           "Accept-Language",
	HeaderAuthorization:            "Authorization",
	HeaderProxyAuthorization:       "Proxy-Authorization",
	HeaderProxyConnection:          "Proxy-Connection",
	HeaderRange:                    "Range",
	HeaderIfModifiedSince:          "If-Modified-Since",
	HeaderIfUnmodifiedSince:        "If-Unmodified-Since",
	HeaderIfMatch:                  "If-Match",
	HeaderIfNoneMatch:              "If-None-Match",
	HeaderIfRange:                  "If-Range",
	HeaderExpect:                   "Expect",
	HeaderUpgrade:                  "Upgrade",
	HeaderTE:                       "TE",
	HeaderTrailer:                  "Trailer",
	HeaderKeepAlive:                "Keep-Alive",
	HeaderVia:                      "Via",
	HeaderForwarded:                "Forwarded",
	HeaderXForwardedFor:            "X-Forwarded-For",
	HeaderXForwardedProto:          "X-Forwarded-Proto",
	HeaderXForwardedHost:           "X-Forwarded-Host",
	HeaderXRealIP:                  "X-Real-IP",
	HeaderOrigin:                   "Origin",
	HeaderDepth:                    "Depth",
	HeaderDestination:              "Destination",
	HeaderOverwrite:                "Overwrite",
	HeaderDate:                     "Date",
	HeaderServer:                   "Server",
	HeaderLocation:                 "Location",
	HeaderRefresh:                  "Refresh",
	HeaderSetCookie:                "Set-Cookie",
	HeaderCacheControl:             "Cache-Control",
	HeaderPragma:                   "Pragma",
	HeaderExpires:                  "Expires",
	HeaderETag:                     "ETag",
	HeaderLastModified:             "Last-Modified",
	HeaderVary:                     "Vary",
	HeaderAge:                      "Age",
	HeaderAcceptRanges:             "Accept-Ranges",
	HeaderContentEncoding:          "Content-Encoding",
	HeaderContentRange:             "Content-Range",
	HeaderContentLanguage:          "Content-Language",
	HeaderContentDisposition:       "Content-Disposition",
	HeaderLink:                     "Link",
	HeaderWWWAuthenticate:          "WWW-Authenticate",
	HeaderProxyAuthenticate:        "Proxy-Authenticate",
	HeaderStatus:                   "Status",
	HeaderXAccelRedirect:           "X-Accel-Redirect",
	HeaderXAccelExpires:            "X-Accel-Expires",
	HeaderXAccelLimitRate:          "X-Accel-Limit-Rate",
	HeaderXAccelBuffering:          "X-Accel-Buffering",
	HeaderXAccelCharset:            "X-Accel-Charset",
	HeaderXPad:                     "X-Pad",
	HeaderAllow:                    "Allow",
	HeaderRetryAfter:               "Retry-After",
	HeaderUpgradeInsecureRequests:  "Upgrade-Insecure-Requests",
	HeaderAccessControlAllowOrigin: "Access-Control-Allow-Origin",
	HeaderStrictTransportSecurity:  "Strict-Transport-Security",
}

// String is the usual spelling of the field's name, "" for HeaderOther.
func (id HeaderID) String() string { return headerNames[id] }

// headerTable is an open-addressed hash table from field names to
// identities; headerTableBits is chosen so that it stays sparse: an unknown
// name mostly meets an empty slot and is not compared with anything.
const (
	headerTableBits = 9
	headerTableMask = 1<<headerTableBits - 1
)

var headerTable = buildHeaderTable()

func buildHeaderTable() (t [1 << headerTableBits]HeaderID) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		i := headerSlot(headerNames[id])
		for t[i] != HeaderOther {
			i = (i + 1) & headerTableMask
		}
		t[i] = id
	}
	return t
}

func headerSlot(name string) uint32 {
	n := len(name)
	first, mid, last := uint32(name[0]|0x20), uint32(name[n/2]|0x20), uint32(name[n-1]|0x20)
	h := uint32(n)*0x9E3779B1 ^ first*0x85EBCA6B ^ mid*0xC2B2AE35 ^ last*0x27D4EB2F
	return h >> (32 - headerTableBits)
}

// LookupHeader resolves a field name, without regard to case. It returns
// HeaderOther for a name that has no identity.
func LookupHeader(name string) HeaderID {
	if name == "" {
		return HeaderOther
	}
	for i := headerSlot(name); ; i = (i + 1) & headerTableMask {
		id := headerTable[i]
		if id == HeaderOther {
			return HeaderOther
		}
		if EqualFold(headerNames[id], name) {
			return id
		}
	}
}

// EqualFold compares two ASCII strings without regard to case.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower[a[i]] != lower[b[i]] {
			return false
		}
	}
	return true
}

var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) | 0x20
		}
	}
	return t
}()
