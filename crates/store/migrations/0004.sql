-- Version 4: in which order changes came to this device, and pages and changes that members flagged.
--
-- A run is what one actor wrote without a long pause, as it came here: consecutive changes, by their numbers. Its own number says
-- when the last of them came, relative to all other runs, and grows with it. Runs of changes that were here before this version
-- came in the order in which their documents last changed.

CREATE TABLE run (
    no INTEGER PRIMARY KEY,
    commons INTEGER NOT NULL REFERENCES commons,
    doc INTEGER NOT NULL REFERENCES doc,
    actor INTEGER NOT NULL,
    -- Unknown while nothing vouches for the actor.
    device INTEGER REFERENCES device,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX run_commons ON run (commons);
CREATE INDEX run_doc ON run (doc);
CREATE INDEX run_actor ON run (actor);
CREATE INDEX run_device ON run (device);

-- The number of its newest run.
ALTER TABLE actor ADD COLUMN run INTEGER;

INSERT INTO run (commons, doc, actor, device, first, last, bytes, began_at, at)
SELECT d.commons, d.no, a.no, w.device, min(c.seq), max(c.seq), sum(length(c.bytes)), d.changed_at, d.changed_at
FROM change c JOIN actor a ON a.no = c.actor JOIN doc d ON d.no = c.no >> 32 LEFT JOIN writer w ON w.no = a.writer
GROUP BY c.actor, (c.seq - 1) / 1000
ORDER BY d.changed_at, d.no, max(c.no);

UPDATE actor SET run = (SELECT max(r.no) FROM run r WHERE r.actor = actor.no);

-- `span` is empty where the page is flagged, and otherwise says which changes of it (see flag.rs).
CREATE TABLE flag (
    commons INTEGER NOT NULL REFERENCES commons,
    page INTEGER NOT NULL REFERENCES doc,
    member INTEGER NOT NULL REFERENCES doc,
    span BLOB NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (commons, page, member, span)
) WITHOUT ROWID;
CREATE INDEX flag_member ON flag (member, page);
