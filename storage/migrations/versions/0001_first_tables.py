"""The first tables.

Types are spelled out here and not taken from storage.tables: a revision describes the past.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_anchor",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_anchor"),
    )
    op.create_table(
        "audit_events",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_subject", "audit_events", ["subject"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("state_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.UniqueConstraint("channel", "sender_key", name="uq_conversations_channel_sender_key"),
    )
    op.create_table(
        "form_snapshots",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_form_snapshots"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_key", sa.Text(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("handled_at", TIME, nullable=True),
        sa.Column("payload_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("channel", "message_key", name="uq_inbox_channel_message_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_channel_handled_at", "inbox", ["channel", "handled_at"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("token_key", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("token_key", name="pk_invitations"),
    )
    op.create_table(
        "key_check",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("proof_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lookup_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_check"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("not_before", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_channel_not_before", "outbox", ["channel", "not_before"], unique=False)
    op.create_index("ix_outbox_recipient_key", "outbox", ["recipient_key"], unique=False)
    op.create_table(
        "reviewers",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reviewers"),
        sa.UniqueConstraint("username", name="uq_reviewers_username"),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("username_key", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_failures"),
    )
    op.create_index(
        "ix_sign_in_failures_address_key_at", "sign_in_failures", ["address_key", "at"], unique=False
    )
    op.create_index(
        "ix_sign_in_failures_username_key_at", "sign_in_failures", ["username_key", "at"], unique=False
    )
    op.create_table(
        "drafts",
        sa.Column("conversation_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("form_id", sa.Text(), nullable=False),
        sa.Column("form_version", NUMBER, nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_drafts_conversation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_drafts"),
        sa.UniqueConstraint("token", name="uq_drafts_token"),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("token_key", sa.Text(), nullable=False),
        sa.Column("reviewer_id", NUMBER, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["reviewers.id"], name="fk_staff_sessions_reviewer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_key", name="pk_staff_sessions"),
    )
    op.create_index("ix_staff_sessions_reviewer_id", "staff_sessions", ["reviewer_id"], unique=False)
    op.create_table(
        "stored_responses",
        sa.Column("inbox_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("conversation_id", NUMBER, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_stored_responses_conversation_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["inbox_id"], ["inbox.id"], name="fk_stored_responses_inbox_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("inbox_id", name="pk_stored_responses"),
    )
    op.create_index(
        "ix_stored_responses_conversation_id_version",
        "stored_responses",
        ["conversation_id", "version"],
        unique=False,
    )
    op.create_table(
        "submissions",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("draft_token", sa.Text(), nullable=False),
        sa.Column("form_id", sa.Text(), nullable=False),
        sa.Column("form_version", NUMBER, nullable=False),
        sa.Column("form_snapshot", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["form_snapshot"], ["form_snapshots.digest"], name="fk_submissions_form_snapshot"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("draft_token", name="uq_submissions_draft_token"),
        sa.UniqueConstraint("reference", name="uq_submissions_reference"),
    )
    op.create_index(
        "ix_submissions_municipality_received_at",
        "submissions",
        ["municipality", "received_at"],
        unique=False,
    )
    op.create_index("ix_submissions_received_at", "submissions", ["received_at"], unique=False)
    op.create_index(
        "ix_submissions_status_received_at", "submissions", ["status", "received_at"], unique=False
    )
    op.create_table(
        "status_changes",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("submission_id", NUMBER, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=False),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_status_changes_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_status_changes"),
    )
    op.create_index("ix_status_changes_submission_id", "status_changes", ["submission_id"], unique=False)
    op.create_table(
        "submission_notes",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("submission_id", NUMBER, nullable=False),
        sa.Column("written_at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submissions.id"],
            name="fk_submission_notes_submission_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_submission_notes"),
    )
    op.create_index("ix_submission_notes_submission_id", "submission_notes", ["submission_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_submission_notes_submission_id", table_name="submission_notes")
    op.drop_table("submission_notes")
    op.drop_index("ix_status_changes_submission_id", table_name="status_changes")
    op.drop_table("status_changes")
    op.drop_index("ix_submissions_status_received_at", table_name="submissions")
    op.drop_index("ix_submissions_received_at", table_name="submissions")
    op.drop_index("ix_submissions_municipality_received_at", table_name="submissions")
    op.drop_table("submissions")
    op.drop_index("ix_stored_responses_conversation_id_version", table_name="stored_responses")
    op.drop_table("stored_responses")
    op.drop_index("ix_staff_sessions_reviewer_id", table_name="staff_sessions")
    op.drop_table("staff_sessions")
    op.drop_table("drafts")
    op.drop_index("ix_sign_in_failures_username_key_at", table_name="sign_in_failures")
    op.drop_index("ix_sign_in_failures_address_key_at", table_name="sign_in_failures")
    op.drop_table("sign_in_failures")
    op.drop_table("reviewers")
    op.drop_index("ix_outbox_recipient_key", table_name="outbox")
    op.drop_index("ix_outbox_channel_not_before", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("key_check")
    op.drop_table("invitations")
    op.drop_index("ix_inbox_channel_handled_at", table_name="inbox")
    op.drop_table("inbox")
    op.drop_table("form_snapshots")
    op.drop_table("conversations")
    op.drop_index("ix_audit_events_subject", table_name="audit_events")
    op.drop_table("audit_events")
    op.drop_table("audit_anchor")
