-- The projection: every payment as its entries have made it.
CREATE TABLE payment (
	id           INTEGER PRIMARY KEY,
	uuid         TEXT    NOT NULL UNIQUE,
	reference    TEXT    NOT NULL UNIQUE,
	customer     TEXT    NOT NULL,
	terminal     TEXT    NOT NULL,
	amount       INTEGER NOT NULL, -- minor units
	currency     TEXT    NOT NULL, -- ISO 4217 code
	currency_num INTEGER NOT NULL, -- ISO 4217 number
	digits       INTEGER NOT NULL, -- decimals of the minor unit
	driver       TEXT    NOT NULL,
	evidence     INTEGER NOT NULL,
	state        TEXT    NOT NULL,
	outcome      TEXT    NOT NULL,
	proof        TEXT    NOT NULL,
	received     INTEGER NOT NULL, -- unix microseconds, as all times here
	armed        INTEGER,
	updated      INTEGER NOT NULL,
	mark         TEXT    NOT NULL,
	reason       TEXT    NOT NULL,
	seen_seq     INTEGER,          -- the entry whose body holds it; NULL for none
	result_seq   INTEGER,
	person_seq   INTEGER,
	entries      INTEGER NOT NULL,
	head         BLOB    NOT NULL  -- digest of the last entry
) STRICT;

CREATE INDEX payment_open ON payment (id)
	WHERE state IN ('received', 'armed', 'sent', 'seen', 'acknowledged', 'uncertain', 'recovering', 'held');

CREATE INDEX payment_received ON payment (received);

-- What happened, one row an event. prev is the digest of the entry before it.
CREATE TABLE entry (
	payment_id INTEGER NOT NULL REFERENCES payment (id),
	seq        INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	body       TEXT    NOT NULL,
	prev       BLOB    NOT NULL,
	PRIMARY KEY (payment_id, seq)
) STRICT, WITHOUT ROWID;

-- Notices that MGR is owed.
CREATE TABLE outbox (
	payment_id INTEGER PRIMARY KEY REFERENCES payment (id),
	attempts   INTEGER NOT NULL,
	next_at    INTEGER NOT NULL, -- 0: at once
	last_error TEXT    NOT NULL
) STRICT;

CREATE INDEX outbox_next ON outbox (next_at);

CREATE TABLE terminal (
	name        TEXT PRIMARY KEY,
	mark        TEXT    NOT NULL, -- empty: not known
	terminal_id TEXT    NOT NULL,
	updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE alarm (
	id         INTEGER PRIMARY KEY,
	at         INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	terminal   TEXT    NOT NULL,
	uuid       TEXT    NOT NULL,
	text       TEXT    NOT NULL,
	cleared_at INTEGER,
	cleared_by TEXT
) STRICT;

CREATE UNIQUE INDEX alarm_standing ON alarm (kind, terminal, uuid, text) WHERE cleared_at IS NULL;
CREATE INDEX alarm_uuid ON alarm (uuid) WHERE uuid <> '';

CREATE TABLE receipt (
	id         INTEGER PRIMARY KEY,
	payment_id INTEGER NOT NULL REFERENCES payment (id),
	n          INTEGER NOT NULL,
	body       TEXT    NOT NULL,
	UNIQUE (payment_id, n)
) STRICT;

-- Payments being pruned; rows live inside one transaction only.
CREATE TABLE pruning (
	payment_id INTEGER PRIMARY KEY
) STRICT;

CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
BEGIN
	SELECT RAISE(ABORT, 'an entry never changes');
END;

CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE payment_id = OLD.payment_id)
BEGIN
	SELECT RAISE(ABORT, 'an entry is removed by pruning only');
END;

CREATE TRIGGER entry_follows_the_last BEFORE INSERT ON entry
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM entry WHERE payment_id = NEW.payment_id)
BEGIN
	SELECT RAISE(ABORT, 'an entry follows the last one');
END;

CREATE TRIGGER payment_keeps_its_order BEFORE UPDATE OF
	id, uuid, reference, customer, terminal, amount, currency, currency_num, digits, received ON payment
BEGIN
	SELECT RAISE(ABORT, 'what was ordered never changes');
END;

CREATE TRIGGER payment_is_kept BEFORE DELETE ON payment
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE payment_id = OLD.id)
BEGIN
	SELECT RAISE(ABORT, 'a payment is removed by pruning only');
END;
