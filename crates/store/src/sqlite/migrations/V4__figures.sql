-- Figures of the overview, kept by the writer in the transaction of each change: a page costs the
-- same with a hundred refunds and with ten million. Each refund adds to a few cells what its row
-- says; kinds and parts are those of figures.rs. Money in fen.
CREATE TABLE figures (
    kind     TEXT NOT NULL,
    merchant TEXT NOT NULL,
    -- Hours or days of Beijing since 1970; 0 where the kind has none.
    period   INTEGER NOT NULL,
    part     TEXT NOT NULL,
    refunds  INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (kind, merchant, period, part),
    CONSTRAINT figure_count CHECK (refunds >= 0 AND amount >= 0)
) STRICT, WITHOUT ROWID;

-- Refunds and amounts by the hour they were made in, and by result.
INSERT INTO figures (kind, merchant, period, part, refunds, amount)
SELECT 'hour', merchant, (created_at + 28800000000) / 3600000000,
    CASE
        WHEN status = 'succeeded' THEN 'arrived'
        WHEN status IN ('closed', 'rejected', 'cancelled') THEN 'refused'
        WHEN status IN ('abnormal', 'settled_offline') THEN 'other'
        ELSE 'under_way'
    END AS class,
    count(*), sum(amount)
FROM refunds GROUP BY 2, 3, 4;

-- By where they stand now, and what queued ones wait for.
INSERT INTO figures (kind, merchant, period, part, refunds, amount)
SELECT 'held', merchant, 0,
    CASE WHEN status = 'queued' THEN coalesce(pending_reason, status) ELSE status END AS part,
    count(*), sum(amount)
FROM refunds GROUP BY 2, 4;

-- By why they need a person.
INSERT INTO figures (kind, merchant, period, part, refunds, amount)
SELECT 'need', merchant, 0, attention, count(*), sum(amount)
FROM refunds WHERE attention IS NOT NULL GROUP BY 2, 4;

-- By the day the money arrived and how long it took, in quarters of an octave from 250 ms. The steps
-- are a table with an index: as a common table they would be made anew for each refund.
CREATE TEMP TABLE steps (bucket INTEGER NOT NULL, lower_ms INTEGER NOT NULL);
CREATE INDEX temp.steps_lower ON steps (lower_ms, bucket);

WITH RECURSIVE made(bucket, lower_ms) AS (
    SELECT 0, -9223372036854775807
    UNION ALL
    SELECT bucket + 1,
        (250 << (bucket / 4)) * CASE bucket % 4
            WHEN 0 THEN 10000 WHEN 1 THEN 11892 WHEN 2 THEN 14142 ELSE 16818 END / 10000
    FROM made WHERE bucket < 96)
INSERT INTO temp.steps (bucket, lower_ms) SELECT bucket, lower_ms FROM made;

INSERT INTO figures (kind, merchant, period, part, refunds, amount)
WITH arrived(merchant, day, took_ms, amount) AS (
    SELECT merchant, (succeeded_at + 28800000000) / 86400000000,
        (succeeded_at - max(created_at, coalesce(not_before, created_at))) / 1000, amount
    FROM refunds
    WHERE status = 'succeeded' AND succeeded_at IS NOT NULL
        AND origin IN ('api', 'console', 'cli', 'batch'))
SELECT 'arrival', merchant, day,
    printf('%02d', (SELECT bucket FROM temp.steps WHERE lower_ms <= took_ms
                    ORDER BY lower_ms DESC LIMIT 1)) AS part,
    count(*), sum(amount)
FROM arrived GROUP BY 2, 3, 4;

DROP TABLE temp.steps;

-- What a notification says of its own time, and the line of history it caused.
ALTER TABLE inbox ADD COLUMN told_at INTEGER;
ALTER TABLE inbox ADD COLUMN seq INTEGER;

CREATE INDEX inbox_merchant ON inbox (merchant, received_at, number);
CREATE INDEX inbox_odd ON inbox (merchant, received_at, number)
    WHERE outcome NOT IN ('applied', 'hint', 'payment');

CREATE INDEX refunds_needed ON refunds (merchant, attention, attention_since, id)
    WHERE attention IS NOT NULL;

-- Who cares for what needs a person: a refund, a notification, an endpoint. What it was about is
-- kept with it: when that changes, a snooze is over.
CREATE TABLE care (
    subject       TEXT NOT NULL PRIMARY KEY,
    merchant      TEXT NOT NULL,
    reason        TEXT NOT NULL,
    assignee      TEXT,
    snoozed_until INTEGER,
    settled_at    INTEGER,
    note          TEXT,
    version       INTEGER NOT NULL,
    CONSTRAINT care_version CHECK (version >= 1)
) STRICT, WITHOUT ROWID;

CREATE INDEX care_snoozed ON care (merchant, snoozed_until) WHERE snoozed_until IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (endpoint_id, id) WHERE status = 'dead';
