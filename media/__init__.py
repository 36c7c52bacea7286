"""The media relay daemon: ng in, SDP in and out, RTP through native.relay."""
