-- Version 1 of the profile's database.
--
-- `no` is a row's number in this database and means nothing elsewhere. Changes and actors of one document lie side by side:
-- their number is the document's times 2^32, plus a number from 1 within the document.

CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- The counts are kept by the triggers below.
CREATE TABLE commons (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    leaving INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    tags INTEGER NOT NULL DEFAULT 0,
    unindexed INTEGER NOT NULL DEFAULT 0,
    only_here INTEGER NOT NULL DEFAULT 0
);

-- The roll, in order of arrival.
CREATE TABLE record (
    no INTEGER PRIMARY KEY,
    commons INTEGER NOT NULL REFERENCES commons,
    id BLOB NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (commons, id)
);

CREATE TABLE device (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);

-- Where a device was last reached: socket addresses, a line each.
CREATE TABLE peer (
    device INTEGER PRIMARY KEY REFERENCES device,
    addresses TEXT NOT NULL,
    last_seen INTEGER
);

-- A device in one start of its app: what most actors of that time have in common.
CREATE TABLE writer (
    no INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device,
    nonce BLOB NOT NULL,
    UNIQUE (device, nonce)
);

CREATE TABLE doc (
    no INTEGER PRIMARY KEY,
    commons INTEGER NOT NULL REFERENCES commons,
    id BLOB NOT NULL,
    -- Number of its newest change, and bytes in all of them.
    changes INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL DEFAULT 0,
    -- Number of the newest change made on this device.
    wrote INTEGER,
    -- Whether no other device has said that it keeps that one.
    only_here INTEGER NOT NULL DEFAULT 0,
    -- Whether it waits to be indexed.
    waits INTEGER NOT NULL DEFAULT 0,
    digest BLOB,
    UNIQUE (commons, id)
);
CREATE INDEX doc_waits ON doc (waits) WHERE waits = 1;

-- An actor, its newest change, and its newest attestation.
CREATE TABLE actor (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    writer INTEGER REFERENCES writer,
    local INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    tip INTEGER NOT NULL,
    attested_seq INTEGER,
    attested INTEGER,
    signature BLOB
);
CREATE INDEX actor_id ON actor (id);

-- `key` is the beginning of the hash; `weight` the bytes of the document's changes up to and with this one.
CREATE TABLE change (
    no INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    max_op INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL
);
CREATE INDEX change_key ON change (key);
CREATE INDEX change_seq ON change (actor, seq);

-- Older attestations: where a long history may be cut when it is sent in pieces.
CREATE TABLE cut (
    actor INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    change INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (actor, seq)
) WITHOUT ROWID;

-- Compact forms of documents: a cache.
CREATE TABLE snapshot (
    doc INTEGER PRIMARY KEY REFERENCES doc,
    upto INTEGER NOT NULL,
    bytes BLOB NOT NULL
);

-- The newest change of this device that another one has said it keeps, in documents that this device wrote in.
CREATE TABLE held (
    doc INTEGER NOT NULL REFERENCES doc,
    device INTEGER NOT NULL REFERENCES device,
    change INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (doc, device)
) WITHOUT ROWID;

-- From here on: projections, which can be made again from the changes.

CREATE TABLE folder (
    no INTEGER PRIMARY KEY,
    commons INTEGER NOT NULL REFERENCES commons,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    UNIQUE (commons, name)
);

CREATE TABLE page (
    doc INTEGER PRIMARY KEY REFERENCES doc,
    commons INTEGER NOT NULL REFERENCES commons,
    folder INTEGER NOT NULL REFERENCES folder,
    deleted INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    title TEXT NOT NULL,
    folded TEXT NOT NULL
);
CREATE INDEX page_name ON page (commons, deleted, folded, folder);
CREATE INDEX page_lately ON page (commons, deleted, changed_at);
CREATE INDEX page_folder ON page (folder, deleted);

-- Compressed, mostly on the page's first change (see packed.rs).
CREATE TABLE text (doc INTEGER PRIMARY KEY REFERENCES doc, body BLOB NOT NULL);

-- The text comes here as tokens with spaces between (see words.rs); only ASCII is left to the tokenizer.
CREATE VIRTUAL TABLE words USING fts5 (title, folder, body, content = '', contentless_delete = 1, tokenize = 'ascii');
INSERT INTO words (words, rank) VALUES ('rank', 'bm25(10.0, 4.0, 1.0)');

-- `pages` counts pages that are there and not deleted.
CREATE TABLE tag (
    no INTEGER PRIMARY KEY,
    commons INTEGER NOT NULL REFERENCES commons,
    word TEXT NOT NULL,
    pages INTEGER NOT NULL DEFAULT 0,
    members INTEGER NOT NULL DEFAULT 0,
    UNIQUE (commons, word)
);

-- Who says which tag of which page. Members are the documents that are their ledgers.
CREATE TABLE tagged (
    tag INTEGER NOT NULL REFERENCES tag,
    page INTEGER NOT NULL REFERENCES doc,
    member INTEGER NOT NULL REFERENCES doc,
    PRIMARY KEY (tag, page, member)
) WITHOUT ROWID;
CREATE INDEX tagged_page ON tagged (page, tag, member);
CREATE INDEX tagged_member ON tagged (member, tag, page);

CREATE TABLE profile (member INTEGER PRIMARY KEY REFERENCES doc, name TEXT NOT NULL, ink INTEGER NOT NULL);

CREATE TRIGGER doc_counts AFTER UPDATE OF waits, only_here ON doc
WHEN old.waits <> new.waits OR old.only_here <> new.only_here
BEGIN
    UPDATE commons SET
        unindexed = unindexed + new.waits - old.waits,
        only_here = only_here + new.only_here - old.only_here
    WHERE no = new.commons;
END;

CREATE TRIGGER page_comes AFTER INSERT ON page WHEN new.deleted = 0
BEGIN
    UPDATE commons SET pages = pages + 1 WHERE no = new.commons;
    UPDATE tag SET pages = pages + 1 WHERE no IN (SELECT tag FROM tagged WHERE page = new.doc);
END;

CREATE TRIGGER page_goes AFTER DELETE ON page WHEN old.deleted = 0
BEGIN
    UPDATE commons SET pages = pages - 1 WHERE no = old.commons;
    UPDATE tag SET pages = pages - 1 WHERE no IN (SELECT tag FROM tagged WHERE page = old.doc);
END;

CREATE TRIGGER page_turns AFTER UPDATE OF deleted ON page WHEN old.deleted <> new.deleted
BEGIN
    UPDATE commons SET pages = pages + old.deleted - new.deleted WHERE no = new.commons;
    UPDATE tag SET pages = pages + old.deleted - new.deleted WHERE no IN (SELECT tag FROM tagged WHERE page = new.doc);
END;

CREATE TRIGGER tag_comes AFTER UPDATE OF pages ON tag WHEN (old.pages > 0) <> (new.pages > 0)
BEGIN
    UPDATE commons SET tags = tags + (new.pages > 0) - (old.pages > 0) WHERE no = new.commons;
END;

CREATE TRIGGER tag_goes AFTER DELETE ON tag WHEN old.pages > 0
BEGIN
    UPDATE commons SET tags = tags - 1 WHERE no = old.commons;
END;

CREATE TRIGGER tagged_comes AFTER INSERT ON tagged
BEGIN
    UPDATE tag SET
        pages = pages + (
            EXISTS (SELECT 1 FROM page WHERE doc = new.page AND deleted = 0)
            AND NOT EXISTS (SELECT 1 FROM tagged WHERE tag = new.tag AND page = new.page AND member <> new.member)),
        members = members + (NOT EXISTS (SELECT 1 FROM tagged WHERE member = new.member AND tag = new.tag AND page <> new.page))
    WHERE no = new.tag;
END;

CREATE TRIGGER tagged_goes AFTER DELETE ON tagged
BEGIN
    UPDATE tag SET
        pages = pages - (
            EXISTS (SELECT 1 FROM page WHERE doc = old.page AND deleted = 0)
            AND NOT EXISTS (SELECT 1 FROM tagged WHERE tag = old.tag AND page = old.page)),
        members = members - (NOT EXISTS (SELECT 1 FROM tagged WHERE member = old.member AND tag = old.tag))
    WHERE no = old.tag;
END;
