"""Finds a Chromium for the browser tests, or installs one. Run before the tests: `python tests/chromium.py`.

Tried in order: one that is installed, Playwright's own, Debian's package (as root). When none works the run ends with
one line that names the fix; browser tests are never left out.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FIX = "no Chromium for the browser tests: install the package chromium, or set KONTAKT_CHROMIUM to a browser's path"


def find() -> str | None:
    """The path of a Chromium that is here, or None."""
    named = os.environ.get("KONTAKT_CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    installed = next((path for name in NAMES if (path := shutil.which(name))), None)
    return installed or _playwrights_own()


def _playwrights_own() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next((str(path) for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"))), None)


def install() -> None:
    """Try Playwright's download, then Debian's package when we may."""
    attempts = [[sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempts += [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    for command in attempts:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if find():
            return


def main() -> None:
    """Exit code 0 when there is a Chromium to use."""
    if find() is None:
        sys.stderr.write("no Chromium here: installing one\n")
        install()
    if find() is None:
        sys.stderr.write(f"kontakt: {FIX}\n")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
