"""What staff find submissions by: keyed fingerprints of names and numbers, and which submissions still lack theirs.

Nothing that is there is touched, and nothing of it can be read here, where the keys are not: each submission is only
noted as owed, and `storage.lookups_owed` makes up for it. Types are spelled out here and not taken from storage.tables:
a revision describes the past.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "submission_lookups",
        sa.Column("submission_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("value_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_submission_lookups_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", "value_key", name="pk_submission_lookups"),
    )
    op.create_index("ix_submission_lookups_value_key", "submission_lookups", ["value_key"], unique=False)
    op.create_table(
        "lookups_owed",
        sa.Column("submission_id", NUMBER, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_lookups_owed_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", name="pk_lookups_owed"),
    )
    op.execute("INSERT INTO lookups_owed (submission_id) SELECT id FROM submissions")


def downgrade() -> None:
    """Nothing is lost: all of it is made again of what is sealed, when the revision comes back."""
    op.drop_table("lookups_owed")
    op.drop_index("ix_submission_lookups_value_key", table_name="submission_lookups")
    op.drop_table("submission_lookups")
