-- Ways in for the search over refunds, and for the story of one refund. Columns that change with every
-- step of a refund (status, attempts, times) stand in no index here.

CREATE INDEX refunds_amount ON refunds (merchant, amount, created_at, id);
-- Most refunds come through the interface: those need no way of their own.
CREATE INDEX refunds_origin ON refunds (merchant, origin, created_at, id) WHERE origin <> 'api';
CREATE INDEX refunds_error ON refunds (merchant, error_code, created_at, id)
    WHERE error_code IS NOT NULL;
CREATE INDEX refunds_transaction_unknown ON refunds (transaction_id)
    WHERE payment_id IS NULL AND transaction_id IS NOT NULL;

CREATE INDEX deliveries_refund ON deliveries (refund_id, id);
CREATE INDEX inbox_refund ON inbox (refund_id, number) WHERE refund_id IS NOT NULL;
