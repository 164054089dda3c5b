-- Version 7: what many changes of a document say is kept together, in bundles (see bundle.rs).
--
-- A bundle has the changes of a document from one number to another, all of them. A change that is in one has no row, unless some
-- other row names its number: then its own says all but the bytes, which are empty.

CREATE TABLE bundle (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    first INTEGER NOT NULL UNIQUE,
    last INTEGER NOT NULL,
    -- Bytes of the document's changes before the first one.
    weight INTEGER NOT NULL,
    -- Whether some of its changes still have rows with their bytes, which go little by little.
    rows INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE INDEX bundle_rows ON bundle (rows) WHERE rows = 1;

-- Which actors wrote what is in a bundle: number and last counter of the actor's first and last change in it.
CREATE TABLE bundled (
    actor INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_op INTEGER NOT NULL,
    bundle INTEGER NOT NULL REFERENCES bundle,
    PRIMARY KEY (actor, last_seq)
) WITHOUT ROWID;
CREATE INDEX bundled_op ON bundled (actor, last_op);

-- Changes that are in no bundle, as far as that is worth counting.
ALTER TABLE doc ADD COLUMN loose INTEGER NOT NULL DEFAULT 0;
UPDATE doc SET loose = changes WHERE changes >= 1024;
CREATE INDEX doc_loose ON doc (loose) WHERE loose >= 1024;
