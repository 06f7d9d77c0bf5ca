PRAGMA application_id = 1413630513;
PRAGMA user_version = 3;
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
, kind TEXT NOT NULL DEFAULT 'sale', sale TEXT NOT NULL DEFAULT '', ordered_by TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX payment_open ON payment (id)
	WHERE state IN ('received', 'armed', 'sent', 'seen', 'acknowledged', 'uncertain', 'recovering', 'held');
CREATE INDEX payment_received ON payment (received);
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
CREATE TRIGGER payment_is_kept BEFORE DELETE ON payment
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE payment_id = OLD.id)
BEGIN
	SELECT RAISE(ABORT, 'a payment is removed by pruning only');
END;
CREATE INDEX payment_sale ON payment (sale) WHERE sale <> '';
CREATE TRIGGER payment_keeps_its_order BEFORE UPDATE OF
	id, uuid, reference, customer, terminal, amount, currency, currency_num, digits, received, kind, sale, ordered_by ON payment
BEGIN
	SELECT RAISE(ABORT, 'what was ordered never changes');
END;
CREATE TABLE day_end (
	id         INTEGER PRIMARY KEY,
	terminal   TEXT    NOT NULL,
	ordered_by TEXT    NOT NULL, -- empty: the clock
	since      INTEGER NOT NULL, -- the beginning of the one before, 0 for none
	began      INTEGER NOT NULL,
	ended      INTEGER,
	closed     INTEGER NOT NULL, -- 1: the terminal said that it is done
	why        TEXT    NOT NULL,
	body       TEXT    NOT NULL  -- currency, totals and receipts, as JSON
) STRICT;
CREATE INDEX day_end_terminal ON day_end (terminal, id);
INSERT INTO payment VALUES (1, '9e3779b1-0001-4000-9e3779b97f4a7c15', 'D3A0000001', '4f3779b1-0001-4000-57b6c435944a7c15', 'counter', 1251, 'EUR', 978, 2, 'zvt', 20, 'reported', 'approved', 'dialogue', 1772366461358023, 1772366462592590, 1772366468765425, '0', '', 4, 6, NULL, 7, x'8d3288485832e36a54e0fa003d1e46b6b0115653fc9e317ab482cc8a7358be11', 'sale', '', '');
INSERT INTO payment VALUES (2, '3c6ef362-0002-4000-3c6ef372fe94f82a', 'D3A0000002', 'ed6ef362-0002-4000-f5ee3def1394f82a', 'counter', 1252, 'EUR', 978, 2, 'zvt', 20, 'approved', 'approved', 'dialogue', 1772366521358023, 1772366522592590, 1772366527530858, '1', '', 4, 6, NULL, 6, x'ddf2e9cd359fda84c84541b6fde9c82500fc9d68dae02c7cba144f34bcd5f647', 'sale', '', '');
INSERT INTO payment VALUES (3, 'daa66d13-0003-4000-daa66d2c7ddf743f', 'D3A0000003', '8ba66d13-0003-4000-9425b7a892df743f', 'counter', 1253, 'EUR', 978, 2, 'zvt', 20, 'seen', 'unknown', 'none', 1772366581358023, 1772366582592590, 1772366585061724, '2', '', 4, NULL, NULL, 4, x'7b03e2dbd27a4167d50a6c3f22eae5f015743cf72af2a48f2dcc5ea016b5f116', 'sale', '', '');
INSERT INTO payment VALUES (4, '78dde6c4-0004-4000-78dde6e5fd29f054', 'D3A0000004', '29dde6c4-0004-4000-325d31621229f054', 'counter', 1254, 'EUR', 978, 2, 'zvt', 20, 'reported', 'declined', 'person', 1772366641358023, 1772366642592590, 1772366400123456, '3', 'looked at the terminal''s journal', NULL, 6, 7, 9, x'062ceba1ff89f169bbc603046dc0e8943c707d505e380fae0f53e3f95caa48dc', 'sale', '', '');
INSERT INTO payment VALUES (5, '17156075-0005-4000-1715609f7c746c69', 'D3A0000005', 'c8156075-0005-4000-d094ab1b91746c69', 'counter', 1255, 'EUR', 978, 2, '', 0, 'expired', 'declined', 'nothing-sent', 1772366701358023, NULL, 1772366400123456, '', 'The bridge was not running in time.', NULL, NULL, NULL, 2, x'eec6b49cc5e0ec1719680dec988c6a77263790ebfe2d5076055662472b627683', 'sale', '', '');
INSERT INTO entry VALUES (1, 1, 1772366461358023, 'accept', 'received', '{"order":{"UUID":"9e3779b1-0001-4000-9e3779b97f4a7c15","Customer":"4f3779b1-0001-4000-57b6c435944a7c15","Terminal":"counter","Amount":{"Minor":1251,"Currency":{"Code":"EUR","Numeric":978,"Digits":2}}},"reference":"D3A0000001"}', x'4f136ff5fa5805377d93a8c083a9d71403556f542c4da9b2ffed1c29439d806d');
INSERT INTO entry VALUES (1, 2, 1772366462592590, 'arm', 'armed', '{"driver":"zvt","evidence":20,"mark":"0"}', x'b61bd8bd3278d5f921cd086383c9654201b890b85a0dc388f517d793863c3978');
INSERT INTO entry VALUES (1, 3, 1772366463827157, 'send', 'sent', '{}', x'3945f63eee990440d1856b85fd14a2a9758cac82a257faab8531919b49155c85');
INSERT INTO entry VALUES (1, 4, 1772366465061724, 'see', 'seen', '{"result":{"outcome":"approved","captured":1251,"currency":978,"auth_code":"000001","txn_ref":"1","terminal_id":"60000001","card":"girocard","last4":"7423","code":"00 (0)","mark":"1","terminal_time":"2026-03-01T12:01:00Z","raw":"040f2e2700290006000001040000000012504909781250490978125049097812504909781250490978125049097812504909781250490978"}}', x'ac246181bf145d13fb3f6ffcaeb59a15be873f48bdcbbeecef3299838805f937');
INSERT INTO entry VALUES (1, 5, 1772366466296291, 'acknowledge', 'acknowledged', '{}', x'0fa105abfadf561e43a488727a998eb5916a692bef8884378e1f5e5a05a17258');
INSERT INTO entry VALUES (1, 6, 1772366467530858, 'conclude', 'approved', '{"result":{"outcome":"approved","proof":"dialogue","captured":1251,"currency":978,"auth_code":"000001","txn_ref":"1","terminal_id":"60000001","card":"girocard","last4":"7423","code":"00 (0)","mark":"1","terminal_time":"2026-03-01T12:01:00Z","raw":"040f2e2700290006000001040000000012504909781250490978125049097812504909781250490978125049097812504909781250490978"}}', x'f4c47b2abec2494e200b505e9e63b52fd0557f34970f8d0a4579d348511c394d');
INSERT INTO entry VALUES (1, 7, 1772366468765425, 'report', 'reported', '{}', x'db9cdf6300c6e285a5e06bb5325c30c7769b08dd31f794770db3d79d27c25821');
INSERT INTO entry VALUES (2, 1, 1772366521358023, 'accept', 'received', '{"order":{"UUID":"3c6ef362-0002-4000-3c6ef372fe94f82a","Customer":"ed6ef362-0002-4000-f5ee3def1394f82a","Terminal":"counter","Amount":{"Minor":1252,"Currency":{"Code":"EUR","Numeric":978,"Digits":2}}},"reference":"D3A0000002"}', x'57036492974872b5f81caf18dda8882a4c025b8884b72a33d707c2b15c05156c');
INSERT INTO entry VALUES (2, 2, 1772366522592590, 'arm', 'armed', '{"driver":"zvt","evidence":20,"mark":"1"}', x'66457fa1bf53d7b7c0fc68409dc3abac54c7ca41c0044599569425b5f483804c');
INSERT INTO entry VALUES (2, 3, 1772366523827157, 'send', 'sent', '{}', x'd003d151834f6262f99518c423a2388964f1fd996fabfe521bc5651abcff7a4a');
INSERT INTO entry VALUES (2, 4, 1772366525061724, 'see', 'seen', '{"result":{"outcome":"approved","captured":1252,"currency":978,"auth_code":"000002","txn_ref":"2","terminal_id":"60000001","card":"girocard","last4":"7423","code":"00 (0)","mark":"2","terminal_time":"2026-03-01T12:02:00Z","raw":"040f2e2700290006000001040000000012504909781250490978125049097812504909781250490978125049097812504909781250490978"}}', x'b240cb3a0a035585391c587e012f4bad9daee847a0ea0675bd74e428268b81d9');
INSERT INTO entry VALUES (2, 5, 1772366526296291, 'acknowledge', 'acknowledged', '{}', x'6ada205004db6c3ac166edb80e0b4841003161a6cc5b3fd556fc9a5cab7d959e');
INSERT INTO entry VALUES (2, 6, 1772366527530858, 'conclude', 'approved', '{"result":{"outcome":"approved","proof":"dialogue","captured":1252,"currency":978,"auth_code":"000002","txn_ref":"2","terminal_id":"60000001","card":"girocard","last4":"7423","code":"00 (0)","mark":"2","terminal_time":"2026-03-01T12:02:00Z","raw":"040f2e2700290006000001040000000012504909781250490978125049097812504909781250490978125049097812504909781250490978"}}', x'7ed61dd488dae9c6e7682edb4fa296ae007788bdb2bb9342ed2c66a0519ad9f8');
INSERT INTO entry VALUES (3, 1, 1772366581358023, 'accept', 'received', '{"order":{"UUID":"daa66d13-0003-4000-daa66d2c7ddf743f","Customer":"8ba66d13-0003-4000-9425b7a892df743f","Terminal":"counter","Amount":{"Minor":1253,"Currency":{"Code":"EUR","Numeric":978,"Digits":2}}},"reference":"D3A0000003"}', x'fcf348507a6e375ea8e2b2bdd581c91bfcf7c40e320ba408b253316383da2ec6');
INSERT INTO entry VALUES (3, 2, 1772366582592590, 'arm', 'armed', '{"driver":"zvt","evidence":20,"mark":"2"}', x'5b70fbdc5feb1752b1758200390ca2e8dd8ccfa518f1ee7e75503fe0e7973ab5');
INSERT INTO entry VALUES (3, 3, 1772366583827157, 'send', 'sent', '{}', x'a186d3caba47f665e95b2e17e56f39e53ed608c4a5729927a15091589002e171');
INSERT INTO entry VALUES (3, 4, 1772366585061724, 'see', 'seen', '{"result":{"outcome":"approved","captured":1253,"currency":978,"auth_code":"000003","txn_ref":"3","terminal_id":"60000001","card":"girocard","last4":"7423","code":"00 (0)","mark":"3","terminal_time":"2026-03-01T12:03:00Z","raw":"040f2e2700290006000001040000000012504909781250490978125049097812504909781250490978125049097812504909781250490978"}}', x'9517d965f9a8f6236eb3d933e0f5d41eac65abf96a2ac1c816de82abdb50b2d9');
INSERT INTO entry VALUES (4, 1, 1772366641358023, 'accept', 'received', '{"order":{"UUID":"78dde6c4-0004-4000-78dde6e5fd29f054","Customer":"29dde6c4-0004-4000-325d31621229f054","Terminal":"counter","Amount":{"Minor":1254,"Currency":{"Code":"EUR","Numeric":978,"Digits":2}}},"reference":"D3A0000004"}', x'9f7179bf661da968be165e3654079ac308d9a5ed930f1597b32160814246ec9b');
INSERT INTO entry VALUES (4, 2, 1772366642592590, 'arm', 'armed', '{"driver":"zvt","evidence":20,"mark":"3"}', x'3351b5e222136982741d90f4a1329ebaada9b7682f935ebfb9acb6726fa38296');
INSERT INTO entry VALUES (4, 3, 1772366643827157, 'send', 'sent', '{}', x'e1996b2007c35848dd333286d28f102dfe068d38d688fb3b0b0b6d14d3358369');
INSERT INTO entry VALUES (4, 4, 1772366400123456, 'lose', 'uncertain', '{"reason":"the line was lost"}', x'5d0fa802edf3d4b33e6cb5e45e8b6fe17668bcf2bbf4005cdd6bdafa9c239a8c');
INSERT INTO entry VALUES (4, 5, 1772366400123456, 'ask', 'recovering', '{}', x'bc0c33c008052fc7457a81611118267aa2ae2534e1369d169811bb08cba99d3b');
INSERT INTO entry VALUES (4, 6, 1772366400123456, 'find', 'held', '{"result":{"outcome":"unknown","text":"no record"}}', x'b6d891829ac17c34034b9cd6fbe3fc3326df45c395d183b7821566ff0b196f26');
INSERT INTO entry VALUES (4, 7, 1772366400123456, 'resolve', 'declined', '{"outcome":"declined","person":{"name":"Anna","evidence":"looked at the terminal''s journal"}}', x'234823aa3e3e47e6ac24c252c4ff74eb3c61312bcaca95f0e04578d4ff2ade96');
INSERT INTO entry VALUES (4, 8, 1772366400123456, 'report', 'reported', '{}', x'189f9650f3fadf5f7c8a1d183b9f699df3ad3191e3095f4a9e920e21ea32e896');
INSERT INTO entry VALUES (4, 9, 1772366400123456, 'late', 'reported', '{"result":{"outcome":"approved","proof":"last-record","captured":1254,"currency":978,"auth_code":"000004","txn_ref":"4","terminal_id":"60000001","card":"girocard","last4":"7423","code":"00 (0)","mark":"4","terminal_time":"2026-03-01T12:04:00Z","raw":"040f2e2700290006000001040000000012504909781250490978125049097812504909781250490978125049097812504909781250490978"}}', x'af950ac30d540de36ab0533a12ad2341fce94157fdd109929c86e14d251d2509');
INSERT INTO entry VALUES (5, 1, 1772366701358023, 'accept', 'received', '{"order":{"UUID":"17156075-0005-4000-1715609f7c746c69","Customer":"c8156075-0005-4000-d094ab1b91746c69","Terminal":"counter","Amount":{"Minor":1255,"Currency":{"Code":"EUR","Numeric":978,"Digits":2}}},"reference":"D3A0000005"}', x'b655782a6dca4e433c5bfab5fcc07868e3d11de51a383e726a1d1cb00cf9edca');
INSERT INTO entry VALUES (5, 2, 1772366400123456, 'expire', 'expired', '{"reason":"The bridge was not running in time."}', x'412923176f499554c0189b32f9755dd6bb22751cb3667bac86a099a014a18bb5');
INSERT INTO outbox VALUES (2, 0, 0, '');
INSERT INTO outbox VALUES (5, 0, 0, '');
INSERT INTO terminal VALUES ('bar', '77', '60000002', 1795531561590247);
INSERT INTO terminal VALUES ('counter', '', '', 1772366400123456);
INSERT INTO alarm VALUES (1, 1772366400123456, 'contrary', 'counter', '78dde6c4-0004-4000-78dde6e5fd29f054', 'The payment of 12.54 EUR is recorded as declined (looked at the terminal''s journal). Now the terminal says approved, by last-record, reference 4, authorisation 000004. Compare the terminal''s own records and put it right by hand.', NULL, NULL);
INSERT INTO receipt VALUES (1, 1, 1, '{"kind":"customer","lines":[{"t":"TOTAL 12.51 EUR","w":true}]}');
