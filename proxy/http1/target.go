package http1

// SetTarget makes target the head's request target, for protocols that send
// it apart from a request line. It is to begin with "/"; false means that it
// is not what a URI may be.
func (h *RequestHead) SetTarget(target string) bool {
	if target == "" || target[0] != '/' {
		return false
	}
	plain, ok := classify(target)
	if !ok {
		return false
	}
	h.UnparsedURI, h.RawPath, h.Args, h.HasArgs = target, target[:plain.pathEnd], "", plain.pathEnd < len(target)
	if h.HasArgs {
		h.Args = target[plain.pathEnd+1:]
	}
	// A path that needs resolving is looked at as a whole by URI.
	h.ComplexURI, h.QuotedURI, h.PlusInURI, h.EmptyPath = !plain.simple, false, plain.plus, false
	h.extStart = plain.ext
	return true
}

// SetKeepAlive says what KeepAlive answers, for protocols where no field
// decides it.
func (h *RequestHead) SetKeepAlive(on bool) { h.connClose, h.connKeepAlive = !on, on }

// AddField appends a field that came apart from a text head. A second one of
// a kind that may stand once is an error.
func (h *RequestHead) AddField(name, value string, flags HeaderFlags) error {
	id := LookupHeader(name)
	if id < 64 && uniqueFields&(uint64(1)<<id) != 0 {
		if i := h.Headers.IndexID(id); i >= 0 {
			what := "header line"
			if id == HeaderHost {
				what = "host header"
			}
			return clientErrorf(400, "client sent duplicate %s: \"%s: %s\", previous value: \"%s: %s\"", what,
				name, value, h.Headers[i].Key, h.Headers[i].Value)
		}
	}
	h.Headers = append(h.Headers, Header{Key: name, Value: value, ID: id, Flags: flags})
	return nil
}
