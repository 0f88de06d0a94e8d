-- A foreign key looks its row up once more for each row that is written, and locks it: a seventh of what
-- a refund cost the database. These four are promised already. Payments and refunds are never deleted and
-- their ids never change (triggers payments_kept, payments_identity, refunds_kept, refunds_identity); an
-- event comes only with its refund, written by the same transaction; and whatever else refers to a
-- payment or a refund is written after that row was found and locked in its transaction. Programs of
-- the version before go on beside this: nothing of theirs asks for the keys.
-- Dropping takes a moment, but nobody may read meanwhile: who is at work is waited for only so long that
-- those who queue up behind do not give up, in the order in which they lock. The start tries again.
SET LOCAL lock_timeout = '2s';
LOCK TABLE payments, refunds, attempts, deliveries, events IN ACCESS EXCLUSIVE MODE;
ALTER TABLE refunds DROP CONSTRAINT refunds_payment_id_fkey;
ALTER TABLE events DROP CONSTRAINT events_refund_id_fkey;
ALTER TABLE attempts DROP CONSTRAINT attempts_refund_id_fkey;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_refund_id_fkey;
