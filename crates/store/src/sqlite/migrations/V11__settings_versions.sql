-- How often endpoints and rules were changed: every process keeps both in memory, and what it commits
-- says with which versions it was decided.
INSERT INTO meta (name, number) VALUES ('endpoints', 0), ('rules', 0);

CREATE TRIGGER endpoints_made AFTER INSERT ON endpoints BEGIN
    UPDATE meta SET number = number + 1 WHERE name = 'endpoints';
END;

CREATE TRIGGER endpoints_switched AFTER UPDATE OF enabled, deleted_at ON endpoints BEGIN
    UPDATE meta SET number = number + 1 WHERE name = 'endpoints';
END;

CREATE TRIGGER rules_made AFTER INSERT ON rules BEGIN
    UPDATE meta SET number = number + 1 WHERE name = 'rules';
END;

CREATE TRIGGER rules_changed AFTER UPDATE ON rules BEGIN
    UPDATE meta SET number = number + 1 WHERE name = 'rules';
END;

CREATE TRIGGER rules_removed AFTER DELETE ON rules BEGIN
    UPDATE meta SET number = number + 1 WHERE name = 'rules';
END;
