"""A key for each submission, and a proof for each key of the keyring.

No key is needed here. Submissions that are there stay as they are, sealed with the keyring, and open as before;
`storage.rotation` gives each of them a key of its own. Types are spelled out here and not taken from storage.tables:
a revision describes the past.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "submission_keys",
        sa.Column("submission_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submissions.id"],
            name="fk_submission_keys_submission_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("submission_id", name="pk_submission_keys"),
    )
    proofs = _proofs()
    op.drop_table("key_check")
    table = op.create_table(
        "key_check",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("proof_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lookup_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_key_check"),
    )
    rows = [
        {"key_id": proof[2 : 2 + proof[1]].decode("ascii"), "proof_sealed": proof, "lookup_key": lookup_key}
        for proof, lookup_key in proofs
    ]
    if rows:
        op.bulk_insert(table, rows)


def downgrade() -> None:
    """Only while no submission has a key of its own: the program before would not find it."""
    keys = op.get_bind().execute(sa.text("SELECT count(*) FROM submission_keys")).scalar()
    if keys:
        raise CommandError(f"{keys} submissions have keys of their own, which revision 0002 cannot open")
    proofs = _proofs()
    op.drop_table("key_check")
    table = op.create_table(
        "key_check",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("proof_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lookup_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_check"),
    )
    rows = [{"id": 1, "proof_sealed": proof, "lookup_key": lookup_key} for proof, lookup_key in proofs[:1]]
    if rows:
        op.bulk_insert(table, rows)
    op.drop_table("submission_keys")


def _proofs() -> list[tuple[bytes, str]]:
    """What is in key_check: the proof, which begins with 1, the length of its key's id and that id, and the other."""
    found = op.get_bind().execute(sa.text("SELECT proof_sealed, lookup_key FROM key_check"))
    return [(bytes(proof), lookup_key) for proof, lookup_key in found]
