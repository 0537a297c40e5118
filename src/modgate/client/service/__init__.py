"""Running the gate as a service: the text of a systemd unit or a launchd agent, and who loads it."""
