"""Prediction: `viewfinder predict` and its stream against Keras, in CPU seconds and by the clock.

    python benchmarks/predict.py [--pictures 3000] [--rounds 3] [--smoke]

First whole processes, from their start to the answer for one JPEG: `viewfinder predict`, a script
that loads the same `.keras` file with Keras, and the least there is (NumPy, OpenCV, ONNX Runtime, a
session and one picture). Then many photos in one process: the classifier's stream, `model.predict`
on `image_dataset_from_directory`, decoding and the network apart, and `viewfinder serve` with one
photo in each request of four clients (its process less that of a server without requests). CPU
seconds of all threads are less disturbed by other work on the machine than the clock.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import harness
import photos

SIDE, BATCH, CLIENTS = 224, 16, 4
KERAS = """
import sys, keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
picture = keras.utils.load_img(sys.argv[2], target_size=(224, 224))
print(model.predict(np.asarray(picture)[None], verbose=0))
"""
LEAST = """
import sys, cv2, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
picture = cv2.resize(cv2.imread(sys.argv[2]), (224, 224)).astype(np.float32)[None]
print(session.run(None, {session.get_inputs()[0].name: picture}))
"""


class Seconds(NamedTuple):
    cpu: float
    clock: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="tiny input: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as scratch:
        data = photos.folder(Path(scratch), smoke=options.smoke)
        found = sorted(data.rglob("*.jpg"))[: options.pictures]
        folder = Path(scratch) / "run"
        write_run(folder)
        cold = in_turn(cold_processes(folder, found[0]), options.rounds)
        few = Path(scratch) / "photos" / "all"
        few.mkdir(parents=True)
        for number, path in enumerate(found):
            (few / f"{number:05}.jpg").symlink_to(path.resolve())
        many = in_turn(many_photos(folder, few), options.rounds)
    show("one picture, cold", cold)
    show(f"{len(found)} photos", many)
    facts = {"pictures": len(found), "cold": cold, "many": many}
    print(f"saved {harness.save('predict', [], facts)}")


def write_run(folder: Path) -> None:
    """Write what predictions need: MobileNetV2 (alpha 0.35) with two classes, as a run has it."""
    import keras

    from viewfinder.classifier.files import EXPORT, MODEL, fingerprint, write_labels
    from viewfinder.pictures.preprocessing import Preprocessing
    from viewfinder.runtime.export import export_onnx

    inputs = keras.Input((SIDE, SIDE, 3))
    weights = photos.weights()
    base = keras.applications.MobileNetV2(
        input_shape=(SIDE, SIDE, 3),
        alpha=0.35,
        include_top=False,
        pooling="avg",
        weights=None if weights == "none" else weights,
    )
    features = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(features))
    folder.mkdir()
    write_labels(folder, ["a", "b", "c"], Preprocessing(height=SIDE, width=SIDE, color="rgb"))
    model.save(folder / MODEL)
    facts = {"model": fingerprint(folder / MODEL)}
    noise = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    export_onnx(model, folder / EXPORT, samples=noise, tolerance=1e-4, facts=facts, further={})


def cold_processes(folder: Path, picture: Path) -> dict[str, Callable[[], Seconds]]:
    """Return functions that run a whole process, and return its seconds."""

    def seconds(*words: object) -> Seconds:
        began = os.times()
        subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
        return of_children(began)

    return {
        "viewfinder predict": lambda: seconds("-m", "viewfinder", "predict", folder, picture),
        "Keras": lambda: seconds("-c", KERAS, folder / "best.keras", picture),
        "NumPy, OpenCV, ONNX Runtime": lambda: seconds("-c", LEAST, folder / "model.onnx", picture),
    }


def of_children(began: os.times_result) -> Seconds:
    """Return what the processes that this one started, and that ended, have taken since."""
    ended = os.times()
    return Seconds(sum(ended[2:4]) - sum(began[2:4]), ended[4] - began[4])


def many_photos(folder: Path, photos: Path) -> dict[str, Callable[[], Seconds]]:
    """Return functions that predict a folder, and return the seconds taken."""
    import keras

    from viewfinder.classifier import load
    from viewfinder.pictures.prepare import prepare

    classifier = load(folder)
    model = keras.saving.load_model(folder / "best.keras")
    files = sorted(photos.iterdir())

    def by_keras() -> None:
        data = keras.utils.image_dataset_from_directory(
            photos.parent, labels=None, image_size=(SIDE, SIDE), shuffle=False, verbose=False
        )
        model.predict(data, verbose=0)

    def apart() -> None:
        for start in range(0, len(files), BATCH):
            few = files[start : start + BATCH]
            images = [prepare(one.read_bytes(), classifier.preprocessing).pixels for one in few]
            classifier.network(np.stack(images))

    def of(function: Callable[[], object]) -> Callable[[], Seconds]:
        def seconds() -> Seconds:
            began = time.process_time(), time.perf_counter()
            function()
            return Seconds(time.process_time() - began[0], time.perf_counter() - began[1])

        return seconds

    return {
        "viewfinder": of(lambda: [0 for _ in classifier.stream(files)]),
        "model.predict": of(by_keras),
        "decoding and the network": of(apart),
        "viewfinder serve": lambda: less(served(folder, files), served(folder, [])),
    }


def less(whole: Seconds, part: Seconds) -> Seconds:
    return Seconds(whole.cpu - part.cpu, whole.clock - part.clock)


def served(folder: Path, files: Sequence[Path]) -> Seconds:
    """Start a server, send it each photo, end it, and return its seconds."""
    began = os.times()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "viewfinder", "serve", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                ask(HTTPConnection("127.0.0.1", port), "GET", "/health/live")
                break
            except ConnectionError:
                time.sleep(0.1)
        with ThreadPoolExecutor(CLIENTS) as clients:
            shares = [files[number::CLIENTS] for number in range(CLIENTS)]
            list(clients.map(post, repeat(port), shares))
    finally:
        server.terminate()
        server.wait()
    return of_children(began)


def post(port: int, files: Sequence[Path]) -> None:
    """Send each file to the server in a request of its own, over one connection."""
    connection = HTTPConnection("127.0.0.1", port)
    for path in files:
        ask(connection, "POST", "/predict", path.read_bytes(), {"Content-Type": "image/jpeg"})


def ask(connection: HTTPConnection, *request: Any) -> None:
    """Send a request, and require the status 200."""
    connection.request(*request)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content


def in_turn(contestants: dict[str, Callable[[], Seconds]], rounds: int) -> dict[str, list[Seconds]]:
    """Run each in turn; a first round, to warm up, is not counted."""
    found: dict[str, list[Seconds]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, seconds in contestants.items():
            taken = seconds()
            if number:
                found[name].append(taken)
    return found


def show(title: str, found: dict[str, list[Seconds]]) -> None:
    print(f"\n{title:32}{'CPU s':>9}{'× ours':>9}{'clock s':>9}{'× ours':>9}")
    ours = next(iter(found.values()))
    for name, theirs in found.items():
        print(f"  {name:30}", end="")
        for own, taken in zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True):
            ratio = statistics.median(b / a for a, b in zip(own, taken, strict=True))
            print(f"{statistics.median(taken):9.2f}{ratio:9.2f}", end="")
        print()


if __name__ == "__main__":
    main()
