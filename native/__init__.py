"""C extensions: native.sip (messages, UDP batches) and native.relay (RTP)."""
