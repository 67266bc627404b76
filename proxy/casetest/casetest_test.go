package casetest

import "testing"

// TestHTTP runs the cases of testdata/http on huidu and on nginx.
func TestHTTP(t *testing.T) { Run(t, "../../testdata/http") }
