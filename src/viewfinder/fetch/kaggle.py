"""Files of Kaggle, which need an account: by Kaggle's client, or by hand."""

import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress
from viewfinder.fetch.catalogue import Kaggle

_SIGN_IN = "sign in at https://www.kaggle.com, then"


def download_from_kaggle(kaggle: Kaggle, target: Path, progress: Progress) -> None:
    """Download the zip of a dataset or competition with the user's `kaggle` client.

    Raises:
        DataError: The client is not installed or fails; the error lists the steps.
    """
    client = shutil.which("kaggle")
    if client is None:
        raise DataError(
            f"{target.name} needs a Kaggle account.", remedy=_SIGN_IN, steps=_steps(kaggle, target)
        )
    progress.say(f"Downloading {kaggle.name} with Kaggle's client …")
    # A new folder, so that the remains of a killed client are not mistaken for the file.
    folder = target.with_name(f".kaggle-{uuid4().hex}")
    folder.mkdir(parents=True)
    try:
        flag = "-d" if kaggle.kind == "dataset" else "-c"
        command = [client, f"{kaggle.kind}s", "download", flag, kaggle.name, "-p", str(folder)]
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        fetched = folder / target.name
        if answer.returncode or not fetched.is_file():
            raise DataError(
                f"Kaggle's client did not download {kaggle.name}.",
                received=answer.stdout.strip()[-500:] or f"exit code {answer.returncode}",
                remedy=_SIGN_IN,
                steps=_steps(kaggle, target),
            )
        fetched.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _steps(kaggle: Kaggle, target: Path) -> list[str]:
    rules = [f"accept the competition's rules: {kaggle.page}/rules"]
    return [
        *(rules if kaggle.kind == "competition" else []),
        f"either download it in the browser: {kaggle.page}",
        f"  put the file at {target}",
        "or set up Kaggle's client: pip install kaggle, and a token from",
        "  https://www.kaggle.com/settings (API, Create New Token)",
        "and run the same command again",
    ]
