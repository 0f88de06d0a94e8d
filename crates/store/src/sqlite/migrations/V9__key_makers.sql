-- Who made a key: one that somebody else made does not agree to anything in its owner's name
-- (INV-32). Of keys from before it is not known.
ALTER TABLE api_keys ADD COLUMN created_by TEXT;

DROP TRIGGER api_keys_rights;
CREATE TRIGGER api_keys_rights
BEFORE UPDATE OF id, hash, scope, owner, role, created_at, created_by ON api_keys
BEGIN SELECT RAISE(ABORT, 'api_key_rights'); END;

-- The entries of one merchant, the newest first.
CREATE INDEX audit_merchant ON audit (merchant, number);
