"""The memory that building and reading a store takes.

    python benchmarks/store.py [--smoke]

20,000 pictures of 150 × 150 (1.35 GB of pixels) are stored from a folder of links to 2,000 photos,
and then read twice in random order. Private memory is what no file stands behind: the pages of the
mapped store are the system's cache, which it takes back when others need them.
"""

import os
import tempfile
import threading
import time
from pathlib import Path

import harness
import photos
from viewfinder.augment import policy
from viewfinder.augment.batches import Batches
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.pictures.preprocessing import Preprocessing


def main() -> None:
    options = harness.arguments("The memory that a store takes.")
    count = 200 if options.smoke else 20_000
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["VIEWFINDER_CACHE"] = str(Path(scratch) / "cache")
        dataset = open_dataset(copies(Path(scratch), count, smoke=options.smoke))
        with Watch() as watch:
            start = time.perf_counter()
            store = open_store(dataset, Preprocessing(height=150, width=150))
            built = time.perf_counter() - start
            batches = Batches(
                store.pictures(dataset),
                dataset.labels,
                dataset.ids,
                batch_size=32,
                plan=policy("course"),
                shuffle=True,
            )
            for epoch in range(2):
                for _ in batches.epoch(epoch):
                    pass
    facts = {
        "pictures": count,
        "built_s": built,
        "private_mb_before": watch.before / 1e6,
        "private_mb_added": (watch.most - watch.before) / 1e6,
    }
    print("\n".join(f"{name}: {value:,.1f}" for name, value in facts.items()))
    print(f"saved {harness.save('store', [], facts)}")


class Watch:
    """The most private memory of this process while a block runs, looked at every 20 ms."""

    def __enter__(self) -> "Watch":
        self.before = self.most = private_bytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.most = max(self.most, private_bytes())


def private_bytes() -> int:
    """Memory of this process that no file stands behind (Linux)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def copies(scratch: Path, count: int, *, smoke: bool) -> Path:
    files = sorted((photos.folder(scratch, smoke=smoke) / "train").glob("*/*.jpg"))
    for number in range(count):
        file = files[number % len(files)]
        target = scratch / "many" / file.parent.name
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{number:06}.jpg").symlink_to(file)
    return scratch / "many"


if __name__ == "__main__":
    main()
