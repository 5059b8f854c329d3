package main

import (
	"errors"
	"fmt"
	"strings"
)

// Address is where one protocol is served: ":1935,tls://:1936", each part of it at most once. What is left out is not opened.
type Address struct {
	Plain string // TCP, or UDP where that is what the protocol runs on
	TLS   string // opened where there is a certificate
	UDP   string // beside TCP
}

var errAddress = errors.New("an address is HOST:PORT or :PORT, tls://HOST:PORT for TLS, and udp://HOST:PORT for RTSP's media, separated by commas, each once")

// UnmarshalText reads the addresses of one key.
func (a *Address) UnmarshalText(text []byte) error {
	*a = Address{}
	for _, entry := range strings.Split(string(text), ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		to, at := &a.Plain, entry
		if scheme, rest, found := strings.Cut(entry, "://"); found {
			switch at = rest; scheme {
			case "tls":
				to = &a.TLS
			case "udp":
				to = &a.UDP
			default:
				return fmt.Errorf("%q: %w", text, errAddress)
			}
		}
		if *to != "" || at == "" {
			return fmt.Errorf("%q: %w", text, errAddress)
		}
		*to = at
	}
	return nil
}
