"""Notices: that something new has come in, until staff have been told of it.

Types are spelled out here and not taken from storage.tables: a revision describes the past.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("tries", NUMBER, nullable=False),
        sa.Column("owed_keys", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """What staff have not been told of yet stands among the submissions all the same."""
    op.drop_table("notices")
