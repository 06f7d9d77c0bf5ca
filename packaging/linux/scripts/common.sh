# What the scripts of both packages share. POSIX sh; each works in a chroot and without systemd.

# booted tells whether systemd runs this system.
booted() { [ -d /run/systemd/system ]; }

# make_user makes the service's own user, as a member of the group of the serial ports.
make_user() {
	getent group dialout >/dev/null || groupadd --system dialout
	getent group tillbridge >/dev/null || groupadd --system tillbridge
	getent passwd tillbridge >/dev/null ||
		useradd --system --gid tillbridge --groups dialout --home-dir /var/lib/tillbridge --no-create-home \
			--shell /usr/sbin/nologin --comment 'tillbridge service' tillbridge
}

# make_passcode makes what MGR has to send with each payment: 32 characters of 32, 160 bits. One that is there stays.
make_passcode() {
	if [ -e /etc/tillbridge/passcode ] || [ -h /etc/tillbridge/passcode ]; then
		return 0
	fi
	code=$(head -c 4096 /dev/urandom | LC_ALL=C tr -dc 'abcdefghijkmnpqrstuvwxyz23456789' | cut -c 1-32)
	if [ "${#code}" -ne 32 ]; then
		echo "tillbridge: no passcode could be made from /dev/urandom" >&2
		return 1
	fi
	new=$(mktemp /etc/tillbridge/.passcode.XXXXXX)
	printf '%s\n' "$code" >"$new"
	chgrp tillbridge "$new"
	chmod 0640 "$new"
	sync "$new" 2>/dev/null || sync
	mv "$new" /etc/tillbridge/passcode
}

# make_state makes the journal's folder as the unit would at the first start.
make_state() {
	[ -d /var/lib/tillbridge ] || install -d -m 0700 -o tillbridge -g tillbridge /var/lib/tillbridge
}

# settled tells whether the settings are right, which they are not before a terminal is named in them.
settled() { /usr/bin/tillbridge check --config /etc/tillbridge/config.yaml >/dev/null 2>&1; }

# running tells whether the service runs or is about to.
running() {
	case $(systemctl is-active tillbridge.service 2>/dev/null || true) in
	active | reloading | activating) return 0 ;;
	esac
	return 1
}

# next_steps are said while the settings are not right.
next_steps() {
	settled || cat <<-'TEXT'
		tillbridge is installed and starts with this computer; it takes no payment before a terminal is set up:
		  sudo tillbridge setup                    asks for all that is needed, and does it; or by hand:
		  sudo tillbridge detect --probe           finds the terminal and prints the lines for the settings
		  sudoedit /etc/tillbridge/config.yaml     the settings
		  sudo tillbridge start                    starts it
		  sudo cat /etc/tillbridge/passcode        the passcode to enter in MGR
	TEXT
	if [ -f /etc/systemd/system/tillbridge.service ] && [ ! -h /etc/systemd/system/tillbridge.service ]; then
		cat <<-'TEXT'
			tillbridge: /etc/systemd/system/tillbridge.service, of a tillbridge that was installed by hand, goes before
			the one of this package. Remove it, then: sudo systemctl daemon-reload; sudo systemctl restart tillbridge
		TEXT
	fi
}

# failed is said where the service was told to start and did not.
failed() { echo "tillbridge: the service did not start; see: sudo journalctl -u tillbridge -n 50" >&2; }

