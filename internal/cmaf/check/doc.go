// Package check judges CMAF media from outside: header, chunks and segments as a player gets them, against themselves and
// against the playlist that lists them.
//
// It has a box reader of its own, so that a mistake of package cmaf cannot hide in both. The rules and the Report are those
// of internal/hls/check. It opens no socket and keeps only what the next comparison needs.
package check
