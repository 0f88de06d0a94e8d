-- When an abnormal refund was sent elsewhere last, and whether WeChat has not said since then how it
-- stands: until then nobody settles it otherwise.
ALTER TABLE refunds ADD COLUMN elsewhere_at INTEGER;
ALTER TABLE refunds ADD COLUMN elsewhere_open INTEGER NOT NULL DEFAULT 0
    CONSTRAINT refund_elsewhere CHECK (elsewhere_open = 0 OR elsewhere_at IS NOT NULL);
