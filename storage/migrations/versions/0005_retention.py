"""What retention needs: confirmed hand-overs, holds, the record of what was purged, tombstones, its own state.

Nothing that is there is touched. Types are spelled out here and not taken from storage.tables: a revision describes the
past.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "hand_overs",
        sa.Column("submission_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("case_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("confirmed_at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_hand_overs_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", name="pk_hand_overs"),
    )
    op.create_table(
        "submission_holds",
        sa.Column("submission_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("held_at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submissions.id"], name="fk_submission_holds_submission_id"),
        sa.PrimaryKeyConstraint("submission_id", name="pk_submission_holds"),
    )
    op.create_table(
        "purge_records",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("purged_at", TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("form_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purge_records"),
    )
    op.create_index("ix_purge_records_purged_at", "purge_records", ["purged_at"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("purged_at", TIME, nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name_key", name="pk_tombstones"),
    )
    op.create_table(
        "retention_state",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("seen_at", TIME, nullable=True),
        sa.Column("boot_id", sa.Text(), nullable=True),
        sa.Column("boot_at", TIME, nullable=True),
        sa.Column("traces_since", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_retention_state"),
    )


def downgrade() -> None:
    """Only while nothing has been held, handed over or purged: the program before would purge it, or bring it back."""
    for table in ("hand_overs", "submission_holds", "purge_records", "tombstones"):
        if op.get_bind().execute(sa.select(sa.text("1")).select_from(sa.table(table)).limit(1)).first() is not None:
            raise CommandError(f"there are {table}, of which revision 0004 knows nothing")
    op.drop_table("retention_state")
    op.drop_table("tombstones")
    op.drop_index("ix_purge_records_purged_at", table_name="purge_records")
    op.drop_table("purge_records")
    op.drop_table("submission_holds")
    op.drop_table("hand_overs")
