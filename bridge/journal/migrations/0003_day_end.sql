-- Each end of day of a terminal. A row without its end was begun, and its end was never learnt.
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
