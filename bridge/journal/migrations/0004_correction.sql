-- The entry in which a person's settlement was put right; NULL for none.
ALTER TABLE payment ADD COLUMN correct_seq INTEGER;
