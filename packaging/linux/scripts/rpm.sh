# What the scripts of the .rpm share.

# link makes or removes the link by which the service starts with the computer, as rpm's scripts have to: enable or disable.
link() {
	if booted; then
		systemctl --no-reload "$1" tillbridge.service >/dev/null 2>&1 || true
	elif command -v systemctl >/dev/null; then
		SYSTEMD_OFFLINE=1 systemctl "$1" tillbridge.service >/dev/null 2>&1 || true
	fi
}

