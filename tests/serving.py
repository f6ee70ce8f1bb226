"""A server on a free port, a model that needs no training, and a client."""

import http.client
import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from viewfinder.classifier import Classifier
from viewfinder.classifier.files import write_labels
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.serve.service import Service

CLASSES = ("dark", "light")
PREPROCESSING = Preprocessing(height=8, width=8, color="gray")
Files = Sequence[tuple[str, bytes]]


def png(level: int, side: int = 8) -> bytes:
    """A gray picture, which is "light" with a probability of `level / 255`."""
    encoded = io.BytesIO()
    Image.fromarray(np.full((side, side), level, np.uint8)).save(encoded, "PNG")
    return encoded.getvalue()


def write_model(folder: Path) -> Path:
    """Write a run's labels and a `model.onnx` that returns the mean brightness."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "white"], ["light"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 8, 8, 1])],
        [helper.make_tensor_value_info("light", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("white", TensorProto.FLOAT, [1], [255.0])],
    )
    folder.mkdir(parents=True)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")
    write_labels(folder, CLASSES, PREPROCESSING)
    return folder


class Held:
    """A network that answers once it is released."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.release = threading.Event()
        self.is_warm = False

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        if self.is_warm:  # the service runs it once when it starts
            self.began.release()
            assert self.release.wait(60)
        self.is_warm = True
        return images.mean(axis=(1, 2)) / 255


def held_classifier() -> tuple[Classifier, Held]:
    network: Any = Held()
    return Classifier(network, CLASSES, PREPROCESSING), network


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def predictions(self) -> list[Any]:
        assert self.status == 200, self.body
        return self.json["predictions"]

    @property
    def light(self) -> list[float]:
        """The probability of the class "light" of each picture."""
        return [one["probabilities"]["light"] for one in self.predictions]


@dataclass(frozen=True)
class Client:
    """Opens a connection for each request."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, kind: str | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = self.headers | ({"Content-Type": kind} if kind else {})
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def send(self, *files: bytes, path: str = "/predict") -> Answer:
        """Upload files as a form does."""
        named = [(f"{number}.png", data) for number, data in enumerate(files)]
        return self.ask("POST", path, *form(named))

    def send_json(self, document: Any) -> Answer:
        return self.ask("POST", "/predict", json.dumps(document), "application/json")


def form(files: Files) -> tuple[bytes, str]:
    """A body of multipart/form-data, and its content type."""
    edge = "5c1f0e7b2d"  # equal in every process: tests are named by it
    head = 'Content-Disposition: form-data; name="pictures"; filename='
    parts = [
        f'--{edge}\r\n{head}"{name}"\r\n\r\n'.encode() + data + b"\r\n" for name, data in files
    ]
    return b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"


@contextmanager
def serving(service: Service, **headers: str) -> Iterator[Client]:
    """Serve in a thread; the headers are sent with every request."""
    import uvicorn

    from viewfinder.serve.server import bound, settings

    with bound("127.0.0.1", 0) as at:
        server = uvicorn.Server(settings(service, 30))
        at.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]}, daemon=True)
        thread.start()
        try:
            yield Client(at.getsockname()[1], headers)
        finally:
            server.should_exit = True
            thread.join(30)
            service.close()
