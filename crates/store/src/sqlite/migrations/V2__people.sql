-- People who sign in, their sessions, the links by which they come in; API keys get an owner.

CREATE TABLE users (
    id            TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    -- The name in small letters: what is unique, and what is looked up.
    name_key      TEXT NOT NULL,
    -- argon2id as PHC text; none before the first link was used.
    password      TEXT,
    role          TEXT NOT NULL,
    scope         TEXT NOT NULL,
    -- The secret of the second factor, sealed (INV-36), and the last time step that was used.
    totp          BLOB,
    totp_used     INTEGER NOT NULL,
    language      TEXT,
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    disabled_at   INTEGER,
    version       INTEGER NOT NULL,
    CONSTRAINT user_name CHECK (name <> '' AND name_key <> ''),
    CONSTRAINT user_role CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    CONSTRAINT user_version CHECK (version >= 1)
) STRICT;

CREATE UNIQUE INDEX users_name ON users (name_key);

CREATE TRIGGER users_identity BEFORE UPDATE OF id, created_at ON users
BEGIN SELECT RAISE(ABORT, 'user_identity'); END;

CREATE TRIGGER users_kept BEFORE DELETE ON users
BEGIN SELECT RAISE(ABORT, 'user_kept'); END;

-- INV-34: whoever manages all people stays, as long as nobody else does.
CREATE TRIGGER users_last_admin BEFORE UPDATE OF role, scope, disabled_at ON users
WHEN OLD.role = 'admin' AND OLD.scope = '*' AND OLD.disabled_at IS NULL
    AND OLD.password IS NOT NULL
    AND (NEW.role <> 'admin' OR NEW.scope <> '*' OR NEW.disabled_at IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM users
        WHERE id <> OLD.id AND role = 'admin' AND scope = '*' AND disabled_at IS NULL
            AND password IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'last_admin'); END;

-- A code of the second factor is good once.
CREATE TRIGGER users_code_once BEFORE UPDATE OF totp_used ON users
WHEN NEW.totp_used < OLD.totp_used
BEGIN SELECT RAISE(ABORT, 'code_once'); END;

-- Only the SHA-256 of a token is kept (INV-36).
CREATE TABLE sessions (
    hash          BLOB NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    second_factor TEXT NOT NULL,
    csrf          TEXT NOT NULL,
    address       TEXT NOT NULL,
    agent         TEXT NOT NULL,
    CONSTRAINT session_second_factor CHECK (
        second_factor IN ('pending', 'not_asked', 'passed'))
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_end ON sessions (expires_at);

CREATE TABLE invitations (
    hash       BLOB NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    user_id    TEXT REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    CONSTRAINT invitation_purpose CHECK (purpose IN ('set_up', 'invite', 'reset', 'demo')),
    CONSTRAINT invitation_user CHECK ((user_id IS NULL) = (purpose = 'set_up'))
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_user ON invitations (user_id);

-- Keys from before have no owner and the rights of an operator.
ALTER TABLE api_keys ADD COLUMN owner TEXT REFERENCES users (id);
ALTER TABLE api_keys ADD COLUMN role TEXT NOT NULL DEFAULT 'operator'
    CONSTRAINT api_key_role CHECK (role IN ('viewer', 'operator', 'approver', 'admin'));
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;

CREATE TRIGGER api_keys_rights BEFORE UPDATE OF id, hash, scope, owner, role, created_at ON api_keys
BEGIN SELECT RAISE(ABORT, 'api_key_rights'); END;
