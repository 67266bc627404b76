package http1

// MethodID is a bit per known method, as nginx has it, so that sets of
// methods (limit_except, proxy_next_upstream) are masks.
type MethodID uint32

// The methods nginx knows; any other is MethodUnknown and is passed on.
const (
	MethodUnknown MethodID = 1 << iota
	MethodGet
	MethodHead
	MethodPost
	MethodPut
	MethodDelete
	MethodMkcol
	MethodCopy
	MethodMove
	MethodOptions
	MethodPropfind
	MethodProppatch
	MethodLock
	MethodUnlock
	MethodPatch
	MethodTrace
	MethodConnect
)

// LookupMethod resolves a method's name; names are case-sensitive.
func LookupMethod(name string) MethodID {
	switch name {
	case "GET":
		return MethodGet
	case "POST":
		return MethodPost
	case "HEAD":
		return MethodHead
	case "PUT":
		return MethodPut
	case "DELETE":
		return MethodDelete
	case "OPTIONS":
		return MethodOptions
	case "PATCH":
		return MethodPatch
	case "MKCOL":
		return MethodMkcol
	case "COPY":
		return MethodCopy
	case "MOVE":
		return MethodMove
	case "PROPFIND":
		return MethodPropfind
	case "PROPPATCH":
		return MethodProppatch
	case "LOCK":
		return MethodLock
	case "UNLOCK":
		return MethodUnlock
	case "TRACE":
		return MethodTrace
	case "CONNECT":
		return MethodConnect
	}
	return MethodUnknown
}

// String is the method's name, "" for MethodUnknown.
func (m MethodID) String() string {
	for i, name := range [...]string{"", "GET", "HEAD", "POST", "PUT", "DELETE", "MKCOL", "COPY", "MOVE",
		"OPTIONS", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "PATCH", "TRACE", "CONNECT"} {
		if m == 1<<i {
			return name
		}
	}
	return ""
}
