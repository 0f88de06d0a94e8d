-- How often endpoints and rules were changed: every process keeps both in memory, and what it commits
-- says with which versions it was decided. Nodes of the version before count too, by the triggers.
INSERT INTO meta (name, number) VALUES ('endpoints', 0), ('rules', 0);

CREATE FUNCTION tuikuan_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta SET number = number + 1 WHERE name = TG_ARGV[0];
    RETURN NULL;
END $$;

CREATE TRIGGER endpoints_made AFTER INSERT ON endpoints
FOR EACH ROW EXECUTE FUNCTION tuikuan_count('endpoints');

CREATE TRIGGER endpoints_switched AFTER UPDATE OF enabled, deleted_at ON endpoints
FOR EACH ROW EXECUTE FUNCTION tuikuan_count('endpoints');

CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE ON rules
FOR EACH ROW EXECUTE FUNCTION tuikuan_count('rules');
