package main

import (
	"fmt"
	"regexp"
	"strings"
)

var deviceID = regexp.MustCompile(`^(cpu|nvidia[0-9]+|(vaapi|qsv)-renderD[0-9]+)$`)

// parseDevices reads which devices may encode, in the order in which they are used; nil for all of them.
func parseDevices(text string) (ids []string, err error) {
	if text == "auto" {
		return nil, nil
	}
	for _, id := range strings.Split(text, ",") {
		id = strings.TrimSpace(id)
		if !deviceID.MatchString(id) {
			return nil, fmt.Errorf("%q is neither auto nor a device such as cpu, nvidia0, vaapi-renderD128 or qsv-renderD128", id)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
