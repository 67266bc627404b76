// Command confcheck measures how far huidu -t agrees with nginx -t: on
// accepting or refusing a configuration, and on the text and line of the
// first complaint.
//
//	confcheck capture -suite DIR OUT     the configurations that nginx-tests writes
//	confcheck run OUT                    each of them
//	confcheck mutate -n 60 OUT           each broken in every way of mutations.go
//	confcheck probe                      every directive of the table with odd arguments
//
// No text of the suite is kept in this repository: capture runs the test
// files with confcheck itself in nginx's place (it keeps the directory it is
// given and fails), and OUT is a folder outside. A configuration is a folder
// with nginx.conf and what lies beside it; its own path is written as
// %%TESTDIR%%.
//
// Both programs run in a folder made for one configuration, with the same
// arguments. nginx's answers are remembered in -cache, so that a second run
// only asks huidu. The commands need root, and a network namespace without
// names (unshare -n, with lo up) where lookups of unknown hosts would take
// their time.
package main
