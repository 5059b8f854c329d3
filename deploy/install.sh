#!/bin/sh
# Installs the named tools from Debian's or Ubuntu's packages, those that are missing, and asks nothing.
set -eu

packages=""
need() { # command, packages
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}
for tool in "$@"; do
	case "$tool" in
	ffmpeg) need ffmpeg ffmpeg ;;
	chromium) need chromium chromium ;;
	gstreamer) need gst-launch-1.0 "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly" ;;
	rtspclientsink) gst-inspect-1.0 --exists rtspclientsink 2>/dev/null || packages="$packages gstreamer1.0-rtsp" ;;
	redis) need redis-server redis-server ;;
	srt) need srt-live-transmit srt-tools ;;
	fonts) fc-list 2>/dev/null | grep -q . || packages="$packages fontconfig fonts-dejavu-core" ;;
	*) echo "install.sh: no tool called $tool" >&2; exit 2 ;;
	esac
done
for tool in go npm; do
	command -v "$tool" >/dev/null 2>&1 || { echo "$tool is missing: install Go 1.26 and Node 20 first" >&2; exit 1; }
done
[ -n "$packages" ] || exit 0
echo "installing:$packages"
sudo=""
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "run as root, or install by hand:$packages" >&2; exit 1; }
	sudo="sudo -n"
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
$sudo apt-get install -y -qq --no-install-recommends $packages >/dev/null
