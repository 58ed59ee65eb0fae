"""Notices wait for two persons before everyone may read them; what is decided of them is kept."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        -- publishable: may become public, once two persons have decided so
        -- published: became public by itself when it was issued, as all did before; they stay public
        ALTER TABLE notice ADD COLUMN publishable boolean NOT NULL DEFAULT false;
        CREATE INDEX notice_to_publish ON notice (served_at DESC, id DESC) WHERE published OR publishable;

        -- A notice stands where the last decision led. The reason of a withdrawal is read by everyone.
        CREATE TABLE notice_decision (
            notice text NOT NULL REFERENCES notice (id),
            n integer NOT NULL,
            move text NOT NULL,
            state text NOT NULL,
            decided_by text NOT NULL,
            reason text,
            at timestamptz NOT NULL,
            PRIMARY KEY (notice, n),
            CHECK ((move, state) IN (
                ('propose', 'proposed'), ('publish', 'published'), ('refuse', 'refused'),
                ('ask_withdrawal', 'withdrawing'), ('withdraw', 'withdrawn'), ('keep', 'published')
            )),
            CHECK (reason IS NOT NULL OR move IN ('propose', 'publish'))
        );
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON notice_decision
            FOR EACH ROW EXECUTE FUNCTION refuse_change();

        -- The second wall: no notice of an accusation becomes public (信访工作条例 Art. 30),
        CREATE FUNCTION refuse_accusation() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            IF (NEW.published OR NEW.publishable) AND NOT EXISTS (
                SELECT FROM watched WHERE number = NEW.number AND kind <> 'accusation'
            ) THEN RAISE EXCEPTION 'notice % is of an accusation: never published', NEW.id; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER never_of_an_accusation BEFORE INSERT ON notice
            FOR EACH ROW EXECUTE FUNCTION refuse_accusation();

        -- and none becomes public, or is withdrawn, by one person.
        CREATE FUNCTION require_two_persons() RETURNS trigger LANGUAGE plpgsql AS
        $$ DECLARE asked_move text; asked_by text; BEGIN
            IF NOT EXISTS (
                SELECT FROM notice JOIN watched USING (number)
                WHERE id = NEW.notice AND (publishable OR published) AND kind <> 'accusation'
            ) THEN RAISE EXCEPTION 'notice % is never published', NEW.notice; END IF;
            IF NEW.move NOT IN ('publish', 'withdraw') THEN RETURN NEW; END IF;
            SELECT move, decided_by INTO asked_move, asked_by
            FROM notice_decision WHERE notice = NEW.notice ORDER BY n DESC LIMIT 1;
            IF asked_by = NEW.decided_by OR NOT coalesce(
                (asked_move, NEW.move) IN (('propose', 'publish'), ('ask_withdrawal', 'withdraw')), false
            ) THEN
                RAISE EXCEPTION 'notice %: one person asks and another one confirms', NEW.notice;
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER two_persons BEFORE INSERT ON notice_decision
            FOR EACH ROW EXECUTE FUNCTION require_two_persons();
        """
    )
