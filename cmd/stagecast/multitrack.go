package main

import "github.com/stagecast/stagecast/transcode"

// multitrack are the configurations by which OBS makes the ladder itself (Multitrack Video, Config Override), for each kind of
// encoder. Their frame rate is OBS's own, and their key frames stand where segments are to end.
func multitrack(server string) map[string]any {
	type object = map[string]any
	settings := map[string]struct {
		kind string
		more object
	}{
		"x264":  {"obs_x264", object{"preset": "veryfast", "tune": "zerolatency"}},
		"NVENC": {"obs_nvenc_h264_tex", object{"preset": "p4", "tune": "ll", "multipass": "disabled", "lookahead": false, "bf": 0}},
	}
	configurations := make(map[string]any)
	for name, e := range settings {
		var sizes []object
		for _, r := range transcode.Steps(1920, 1080) {
			of := object{"rate_control": "CBR", "bitrate": r.Bitrate / 1000, "keyint_sec": 2, "profile": "high"}
			for k, v := range e.more {
				of[k] = v
			}
			sizes = append(sizes, object{
				"type": e.kind, "width": r.Width, "height": r.Height, "gpu_scale_type": "OBS_SCALE_BICUBIC", "settings": of,
			})
		}
		configurations[name] = object{
			"meta":                   object{"service": "Stagecast", "schema_version": "2025-01-25", "config_id": ""},
			"ingest_endpoints":       []object{{"protocol": "RTMP", "url_template": server + "/{stream_key}"}},
			"encoder_configurations": sizes,
			"audio_configurations": object{"live": []object{
				{"codec": "aac", "track_id": 1, "channels": 2, "settings": object{"bitrate": 160}},
			}},
		}
	}
	return configurations
}
