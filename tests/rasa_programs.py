"""Small programs run by the NLU's own interpreter, beside its components."""

import json
import subprocess
from typing import Any

from installation import RASA
from nlu.process import minimal_environment


def run(program: str, given: Any) -> Any:
    """What a program prints as JSON; `given` is its standard input, as JSON."""
    done = subprocess.run(
        [str(RASA / ".venv" / "bin" / "python"), "-c", program],
        cwd=RASA,
        env=minimal_environment(),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
