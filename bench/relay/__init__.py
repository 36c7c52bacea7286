"""Our media daemon beside rtpengine, same load and same calls: CPU a packet, latency, loss, memory, ng time."""
