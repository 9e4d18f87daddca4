"""Questions without an answer.

Types are spelled out here and not taken from storage.tables: a revision describes the past.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "missed_questions",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_missed_questions"),
    )
    op.create_index("ix_missed_questions_asked_on", "missed_questions", ["asked_on"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_missed_questions_asked_on", table_name="missed_questions")
    op.drop_table("missed_questions")
