package acme

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	c, err := Parse("live.example.org, cdn.example.org,email=ops@example.org,ca=https://ca.example.org/directory")
	require.NoError(t, err)
	require.Equal(t, Config{
		Names: []string{"live.example.org", "cdn.example.org"}, Email: "ops@example.org", CA: "https://ca.example.org/directory",
	}, c)
	for _, bad := range []string{"", "email=ops@example.org", "https://live.example.org", "a,ca=http://ca.example.org", "a,email=ops", "a,b=c", "a,,b", "a:443"} {
		_, err := Parse(bad)
		require.ErrorIs(t, err, ErrConfig, bad)
	}
}
