package proxy

// rc is what a phase handler answers to the phase engine: one of the
// constants below, or an HTTP status (>= 100) with which to finish.
type rc int

const (
	// ok: this handler agrees; in the content phase the response is complete.
	ok rc = 0
	// failed: the request is lost; close the connection without a response.
	failed rc = -1
	// declined: not mine, ask the next handler of the phase.
	declined rc = -5
	// done: the response has been taken care of; run the log phase only.
	done rc = -4
	// restart: an internal redirect or a jump to a named location was set up;
	// run the phases again from Request.next.
	restart rc = -100
	// relocate: the URI changed; find the location for it.
	relocate rc = -102
	// statusClose is nginx's 444: close without a response.
	statusClose rc = 444
	// statusClientClosed is nginx's 499.
	statusClientClosed rc = 499
	// statusCertError, statusNoCert, statusToHTTPS are nginx's 495, 496, 497.
	statusCertError rc = 495
	statusNoCert    rc = 496
	statusToHTTPS   rc = 497
)
