// Package fastcgi is the FastCGI wire as a web server speaks it: records and
// parameters are appended to buffers, and Demux takes the output of an
// application out of the records that it comes in. No policy, no connections.
//
// See: https://fastcgi-archives.github.io/FastCGI_Specification.html
package fastcgi
