package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// OBS refuses a configuration that lacks any of these fields.
func TestConfigurationsForOBS(t *testing.T) {
	for name, config := range multitrack("rtmp://host:1935/live") {
		text, err := json.Marshal(config)
		require.NoError(t, err)
		var c struct {
			Meta      map[string]string
			Endpoints []map[string]string `json:"ingest_endpoints"`
			Video     []struct {
				Type          string
				Width, Height int
				Settings      map[string]any
			} `json:"encoder_configurations"`
			Audio struct {
				Live []struct {
					Codec    string
					TrackID  int `json:"track_id"`
					Channels int
					Settings map[string]any
				}
			} `json:"audio_configurations"`
		}
		require.NoError(t, json.Unmarshal(text, &c), name)
		require.Subset(t, fieldsOf(c.Meta), []string{"service", "schema_version", "config_id"})
		require.Equal(t, []map[string]string{{"protocol": "RTMP", "url_template": "rtmp://host:1935/live/{stream_key}"}}, c.Endpoints)
		require.Len(t, c.Video, 4)
		require.Equal(t, []int{1920, 1080}, []int{c.Video[0].Width, c.Video[0].Height})
		for _, v := range c.Video {
			require.NotEmpty(t, v.Type)
			require.EqualValues(t, 2, v.Settings["keyint_sec"], "all sizes have their key frames together")
			require.Positive(t, v.Settings["bitrate"])
		}
		require.Equal(t, "aac", c.Audio.Live[0].Codec)
		require.Equal(t, 2, c.Audio.Live[0].Channels)
		require.NotEmpty(t, c.Audio.Live[0].Settings)
	}
}

func fieldsOf(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}
