-- Version 5: what takes changes back is a run by itself. And flags in the order in which they came, under the key of their statement, and how many each member put: so that the
-- newest of each are read alone, and one's own is found at once.

ALTER TABLE run ADD COLUMN apart INTEGER NOT NULL DEFAULT 0;

DROP INDEX flag_member;
ALTER TABLE flag RENAME TO flag_before;

CREATE TABLE flag (
    no INTEGER PRIMARY KEY,
    commons INTEGER NOT NULL REFERENCES commons,
    page INTEGER NOT NULL REFERENCES doc,
    member INTEGER NOT NULL REFERENCES doc,
    -- Of the statement, see the model's `Statement::key`.
    key TEXT NOT NULL,
    -- Empty where the page is flagged, and otherwise says which changes of it (see flag.rs).
    span BLOB NOT NULL,
    reason TEXT NOT NULL
);
CREATE UNIQUE INDEX flag_key ON flag (member, key);
-- With the number that every index ends with: the newest last.
CREATE INDEX flag_member ON flag (member);
CREATE INDEX flag_page ON flag (page, member);
CREATE INDEX flag_span ON flag (page, span);

-- How many flags a member has on a page, and in all of the commons, where `page` is 0.
CREATE TABLE flagger (
    commons INTEGER NOT NULL,
    page INTEGER NOT NULL,
    member INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (commons, page, member)
) WITHOUT ROWID;

CREATE TRIGGER flag_put AFTER INSERT ON flag BEGIN
    INSERT INTO flagger (commons, page, member, count)
    VALUES (new.commons, 0, new.member, 1), (new.commons, new.page, new.member, 1)
    ON CONFLICT (commons, page, member) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER flag_taken AFTER DELETE ON flag BEGIN
    UPDATE flagger SET count = count - 1
    WHERE commons = old.commons AND page IN (0, old.page) AND member = old.member;
    DELETE FROM flagger
    WHERE commons = old.commons AND page IN (0, old.page) AND member = old.member AND count = 0;
END;
