-- Version 3: of each actor the newest attestation of a change that somebody else built on. When the standing of the actor's
-- device ends, and what it wrote after that is taken out again, this one vouches for what stays.

ALTER TABLE actor ADD COLUMN built_seq INTEGER;
ALTER TABLE actor ADD COLUMN built INTEGER;
ALTER TABLE actor ADD COLUMN built_signature BLOB;
