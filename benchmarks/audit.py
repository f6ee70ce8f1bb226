"""An audit of a folder of photos: `viewfinder audit` against CleanVision, each in its own process.

    python benchmarks/audit.py [--smoke] [--rounds N]

Both look for unreadable, exactly and nearly duplicate, dark, bright, flat, blurred, gray, oddly
sized and shaped pictures; ours also for all that docs/data.md lists, and it writes its page. Ours
is timed cold (an empty cache) and again. CleanVision is taken from the interpreter that
`CLEANVISION_PYTHON` names (its pins may not suit this one's), by default from this one; it runs as
it is, which is a process for each core that it takes for physical, and with one for every core.
Where it is not installed it is left out, aloud.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import photos
from viewfinder.core.parallel import cores

THEIRS = """
import sys
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues(n_jobs=int(sys.argv[2]) or None, verbose=False)
print(lab.issue_summary.to_string())
"""


def ours(data: Path, cache: Path, *, cold: bool) -> None:
    if cold:
        shutil.rmtree(cache, ignore_errors=True)
    page = cache.parent / "audit.html"
    words = ["-m", "viewfinder", "audit", str(data), "--html", str(page), "--quiet"]
    call([sys.executable, *words], VIEWFINDER_CACHE=str(cache))


def theirs(python: str, data: Path, processes: int) -> None:
    call([python, "-c", THEIRS, str(data), str(processes)])


def call(words: list[str], **environment: str) -> None:
    subprocess.run(words, check=True, capture_output=True, env=os.environ | environment)


def peer() -> str | None:
    """The interpreter that has CleanVision, or None."""
    python = os.environ.get("CLEANVISION_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import cleanvision"], capture_output=True, check=False)
    if found.returncode:
        print(
            f"left out: CleanVision is not installed for {python}; CLEANVISION_PYTHON names another"
        )
        return None
    return python


def most_memory() -> float:
    """The most memory that any ended child process held, in MB (Linux)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def main() -> None:
    options = harness.arguments(__doc__.splitlines()[0], rounds=3)
    with tempfile.TemporaryDirectory() as scratch:
        data = photos.folder(Path(scratch), smoke=options.smoke)
        count = sum(1 for path in data.rglob("*") if path.is_file())
        cache = Path(scratch) / "cache"
        ours(data, cache, cold=True)
        memory = most_memory()
        contestants = {
            "viewfinder audit, cold": lambda: ours(data, cache, cold=True),
            "viewfinder audit, again": lambda: ours(data, cache, cold=False),
        }
        python = peer()
        if python:
            contestants["CleanVision"] = lambda: theirs(python, data, 0)
            every = f"CleanVision, {cores()} processes"
            contestants[every] = lambda: theirs(python, data, cores())
        case = harness.Case(f"{count:,} photos", contestants, count, "viewfinder audit, cold")
        result = harness.measure(case, options.rounds)
    harness.show(result)
    facts: dict[str, object] = {"pictures": count, "our_memory_mb": memory}
    facts |= {f"{row.contestant}, s": row.seconds * count for row in result.rows}
    print("\n".join(f"  {name}: {value:,.1f}" for name, value in facts.items()))
    print(f"saved to {harness.save('audit', [result], facts)}")


if __name__ == "__main__":
    main()
