-- Version 6: what changes have in common is kept once, in two copies (see dictionary.rs).
--
-- And runs of an actor are found by its document, of which there is an index already.

CREATE TABLE dictionary (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE dictionary_again (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, bytes BLOB NOT NULL);

DROP INDEX run_actor;
