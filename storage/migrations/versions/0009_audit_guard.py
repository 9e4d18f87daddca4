"""The audit trail's guard: triggers that refuse to change, remove or replace an entry.

They hold for whoever uses the program's own connection. Somebody with the database in his hands can drop them first;
that the trail was changed then shows in `kontakt audit verify`. A later revision that makes the table anew (as batch
operations on SQLite do) must make them anew too. Statements are spelled out here: a revision describes the past.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SQLITE = (
    ("audit_events_refuse_update", "BEFORE UPDATE ON audit_events"),
    ("audit_events_refuse_delete", "BEFORE DELETE ON audit_events"),
    # INSERT OR REPLACE removes the row that is in its way without asking the trigger before it.
    (
        "audit_events_refuse_replace",
        "BEFORE INSERT ON audit_events WHEN EXISTS (SELECT 1 FROM audit_events WHERE number = NEW.number)",
    ),
)
POSTGRESQL = (
    ("audit_events_refuse_change", "BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW"),
    ("audit_events_refuse_truncate", "BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT"),
)
FUNCTION = """
CREATE FUNCTION refuse_to_change_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, when in SQLITE:
            op.execute(
                f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END"
            )
        return
    op.execute(FUNCTION)
    for name, when in POSTGRESQL:
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION refuse_to_change_audit_events()")
        op.execute(f"ALTER TABLE audit_events ENABLE ALWAYS TRIGGER {name}")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, _ in SQLITE:
            op.execute(f"DROP TRIGGER {name}")
        return
    for name, _ in POSTGRESQL:
        op.execute(f"DROP TRIGGER {name} ON audit_events")
    op.execute("DROP FUNCTION refuse_to_change_audit_events()")
