// Package check holds the rules of Low-Latency HLS and decides them from outside: from playlists, headers and times.
//
// It owns the table of rules and the Report that every judge of them writes to: the Checker here, the checks of media in
// internal/cmaf/check, and the client in internal/hls/check/live that puts a running server to the test. It opens no
// socket and reads no clock: whoever feeds it says when what arrived.
package check
