// Package e2e tests the server from outside: the real binary, real encoders, real players. Its tests are behind the build
// tag e2e, and its benchmarks of a running server behind e2e and bench.
//
// Every test starts a server of its own on free ports of the loopback address, and ends it by SIGTERM. What a server
// logged is kept in out/.
package e2e
