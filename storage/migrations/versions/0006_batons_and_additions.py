"""Batons, transfers, what is asked for and added after sending, codes, and the form that a draft was begun on.

Nothing that is there is touched: a draft from before has no form of its own, a submission no code. Types are spelled
out here and not taken from storage.tables: a revision describes the past.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "batons",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("form_id", sa.Text(), nullable=False),
        sa.Column("form_version", NUMBER, nullable=False),
        sa.Column("form_snapshot", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["form_snapshot"], ["form_snapshots.digest"], name="fk_batons_form_snapshot"),
        sa.PrimaryKeyConstraint("id", name="pk_batons"),
        sa.UniqueConstraint("token", name="uq_batons_token"),
    )
    op.create_index("ix_batons_form_snapshot", "batons", ["form_snapshot"], unique=False)
    op.create_index("ix_batons_expires_at", "batons", ["expires_at"], unique=False)
    op.create_table(
        "baton_links",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("baton_id", NUMBER, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("link_key", sa.Text(), nullable=False),
        sa.Column("code_key", sa.Text(), nullable=False),
        sa.Column("wrong_codes", NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", TIME, nullable=True),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("reminded_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["baton_id"], ["batons.id"], name="fk_baton_links_baton_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_baton_links"),
        sa.UniqueConstraint("baton_id", "number", name="uq_baton_links_baton_id_number"),
        sa.UniqueConstraint("link_key", name="uq_baton_links_link_key"),
    )
    op.create_index("ix_baton_links_state_baton_id", "baton_links", ["state", "baton_id"], unique=False)
    op.create_table(
        "transfers",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("token_key", sa.Text(), nullable=False),
        sa.Column("form_snapshot", sa.Text(), nullable=True),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["form_snapshot"], ["form_snapshots.digest"], name="fk_transfers_form_snapshot"),
        sa.PrimaryKeyConstraint("id", name="pk_transfers"),
        sa.UniqueConstraint("token_key", name="uq_transfers_token_key"),
    )
    op.create_index("ix_transfers_form_snapshot", "transfers", ["form_snapshot"], unique=False)
    op.create_index("ix_transfers_expires_at", "transfers", ["expires_at"], unique=False)
    _create_of_submissions()
    op.add_column("submissions", sa.Column("code_key", sa.Text(), nullable=True))
    op.create_index("ix_submissions_form_snapshot", "submissions", ["form_snapshot"], unique=False)
    with op.batch_alter_table("drafts", recreate="always" if _is_sqlite() else "never") as drafts:
        drafts.add_column(sa.Column("form_snapshot", sa.Text(), nullable=True))
        drafts.create_foreign_key("fk_drafts_form_snapshot", "form_snapshots", ["form_snapshot"], ["digest"])
    op.create_index("ix_drafts_form_snapshot", "drafts", ["form_snapshot"], unique=False)


def _create_of_submissions() -> None:
    op.create_table(
        "submission_requests",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("submission_id", NUMBER, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_submission_requests_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_submission_requests"),
    )
    op.create_index("ix_submission_requests_submission_id", "submission_requests", ["submission_id"], unique=False)
    op.create_table(
        "submission_additions",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("submission_id", NUMBER, nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_submission_additions_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_submission_additions"),
    )
    op.create_index("ix_submission_additions_submission_id", "submission_additions", ["submission_id"], unique=False)
    op.create_table(
        "code_failures",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("reference_key", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_code_failures"),
    )
    op.create_index("ix_code_failures_reference_key_at", "code_failures", ["reference_key", "at"], unique=False)
    op.create_index("ix_code_failures_at", "code_failures", ["at"], unique=False)


def downgrade() -> None:
    """Only while nothing is there that the program before would lose. Codes go, and the forms of open drafts."""
    for table in ("batons", "transfers", "submission_requests", "submission_additions"):
        if op.get_bind().execute(sa.select(sa.text("1")).select_from(sa.table(table)).limit(1)).first() is not None:
            raise CommandError(f"there are {table}, of which revision 0005 knows nothing")
    op.drop_index("ix_drafts_form_snapshot", table_name="drafts")
    with op.batch_alter_table("drafts", recreate="always" if _is_sqlite() else "never") as drafts:
        drafts.drop_constraint("fk_drafts_form_snapshot", type_="foreignkey")
        drafts.drop_column("form_snapshot")
    op.drop_index("ix_submissions_form_snapshot", table_name="submissions")
    op.drop_column("submissions", "code_key")
    for table, indexes in {
        "code_failures": ("reference_key_at", "at"),
        "submission_additions": ("submission_id",),
        "submission_requests": ("submission_id",),
        "transfers": ("expires_at", "form_snapshot"),
        "baton_links": ("state_baton_id",),
        "batons": ("expires_at", "form_snapshot"),
    }.items():
        for index in indexes:
            op.drop_index(f"ix_{table}_{index}", table_name=table)
        op.drop_table(table)


def _is_sqlite() -> bool:
    """SQLite can neither add a foreign key to a table nor take one away: the table is made anew."""
    return op.get_bind().dialect.name == "sqlite"
