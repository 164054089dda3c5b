-- Version 2: the clocks of changes, for the gate (see clock.rs and trust's clock). They follow from the changes, and those of
-- changes that are here already are worked out once, after this.
--
-- Only a change that took in somebody else's work has a row. `bytes` stand by themselves where `base` is NULL, and are
-- otherwise read with the clock of that change.

CREATE TABLE clock (
    no INTEGER PRIMARY KEY,
    actor INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    base INTEGER,
    bytes BLOB NOT NULL
);
CREATE INDEX clock_seq ON clock (actor, seq);
CREATE INDEX clock_whole ON clock (no) WHERE base IS NULL;
