-- Money can go back: what a payment is, the sale that it gives back, and who in the shop ordered it.
ALTER TABLE payment ADD COLUMN kind TEXT NOT NULL DEFAULT 'sale';
ALTER TABLE payment ADD COLUMN sale TEXT NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN ordered_by TEXT NOT NULL DEFAULT '';

CREATE INDEX payment_sale ON payment (sale) WHERE sale <> '';

DROP TRIGGER payment_keeps_its_order;

CREATE TRIGGER payment_keeps_its_order BEFORE UPDATE OF
	id, uuid, reference, customer, terminal, amount, currency, currency_num, digits, received, kind, sale, ordered_by ON payment
BEGIN
	SELECT RAISE(ABORT, 'what was ordered never changes');
END;
