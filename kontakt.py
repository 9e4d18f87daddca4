"""The `kontakt` command line. The commands are in `commands`, what they need is put together in `assembly`."""

import os
import resource
import sys
from typing import Annotated

import typer

import assembly
import logs
from commands import backups, forms, keeping, log_review, notices, residents, retention, reviewers, staff, upkeep
from commands.options import fail
from settings import load_settings

app = typer.Typer(
    help="Kontakt: chat and intake for Swedish municipalities' social services.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def serve(
    stop_with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when the starting process is gone.")
    ] = False,
) -> None:
    """Start the web chat, the review pages, the NLU process and Telegram (when KONTAKT_TELEGRAM_TOKEN is set)."""
    import serving

    settings = load_settings()
    logs.configure(settings.log_level)
    if stop_with_parent:
        serving.stop_with_parent()
    assembly.run_service(settings)


for command in (
    *(residents.ask, residents.chat),
    *(upkeep.train, upkeep.evaluate, upkeep.migrate, upkeep.doctor),
    *(backups.backup, backups.restore),
):
    app.command()(command)
app.add_typer(staff.submissions_app, name="submissions")
app.add_typer(reviewers.reviewers_app, name="reviewers")
app.add_typer(forms.forms_app, name="forms")
app.add_typer(keeping.keys_app, name="keys")
keeping.audit_app.command("review")(log_review.audit_review)
app.add_typer(keeping.audit_app, name="audit")
app.add_typer(retention.retention_app, name="retention")
app.add_typer(notices.notices_app, name="notices")


def main() -> None:
    """Run the command line; every error is one line on standard error and exit code 1."""
    os.umask(0o077)  # what is written is for this user alone
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no copy of what was in memory
    logs.configure()
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    except Exception as error:
        if isinstance(error, _expected()):
            fail(str(error))
        logs.uncaught(error)
        raise SystemExit(1) from None


def _expected() -> tuple[type[Exception], ...]:
    """What is told in one line. Imported only when something is wrong, which keeps every start quick."""
    from bot.wording import WordingError
    from installation import EXPECTED
    from nlu.client import NluUnavailableError
    from nlu.process import NluProcessError
    from nlu.sentences import EvaluationError

    return (*EXPECTED, WordingError, NluProcessError, NluUnavailableError, EvaluationError)


if __name__ == "__main__":
    main()
