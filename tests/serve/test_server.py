"""The server over HTTP: answers, refusals, overload."""

import base64
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

from serving import Client, form, held_classifier, png, serving, write_model
from shared_data import SHARED
from viewfinder.classifier import load
from viewfinder.classifier.prediction import PredictOptions
from viewfinder.core.errors import UsageError
from viewfinder.run import Run
from viewfinder.serve.limits import ServeLimits
from viewfinder.serve.server import bound
from viewfinder.serve.service import ServeOptions, Service

SMALL = ServeLimits(max_megabytes=0.1, max_pixels=5000, max_pictures=4, queue=8, timeout=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "brightness")


@pytest.fixture(scope="module")
def client(model: Path) -> Iterator[Client]:
    with serving(Service("brightness", load(model), ServeOptions(limits=SMALL))) as client:
        yield client


def error_of(answer) -> str:
    """The fault of an answer, all of whose parts are there."""
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"fact", "expected", "received", "remedy"}
    return " ".join(filter(None, answer.json["error"].values()))


def test_predictions_are_those_of_predict(client: Client, model: Path) -> None:
    pictures = [png(40), png(200), b"no picture"]
    answer = client.send(*pictures)
    assert answer.json["schema"] == 1
    expected = [one.to_json() for one in load(model).predict(pictures)]
    for one, other, number in zip(answer.predictions, expected, range(3), strict=True):
        assert one == other | {"picture": f"{number}.png"}
    encoded = [base64.b64encode(one).decode() for one in pictures]
    by_json = client.send_json({"pictures": encoded})
    assert by_json.predictions == [
        one | {"picture": f"#{number}"} for number, one in enumerate(expected)
    ]
    wrapped = [base64.encodebytes(one).decode() for one in pictures]  # as `base64` prints it
    assert client.send_json({"pictures": wrapped}).predictions == by_json.predictions
    raw = client.ask("POST", "/predict?top=1", pictures[0], "image/png")
    assert raw.predictions[0]["probabilities"] == {"dark": pytest.approx(215 / 255)}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "empty"),
        (b"words", 415, "not a picture"),
        (b"\0\0\1\0\1\0\x10\x10\0\0", 415, "unsupported"),
        (png(7)[:-30], 422, "corrupt|truncated"),
        (png(7, side=100), 413, "10,000 pixels; the limit is 5,000"),
    ],
)
def test_a_file_that_is_no_usable_picture(client: Client, body, status, words) -> None:
    answer = client.send(body)
    assert answer.status == status
    assert re.search(words, error_of(answer))
    beside = client.send(body, png(51))
    assert beside.predictions[0]["rejection"]
    assert beside.predictions[1]["label"] == "dark"


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"x", None, 415, "multipart/form-data"),
        (b"x", "text/plain", 415, "text/plain"),
        (b"{", "application/json", 400, '{"pictures": '),
        (b"[" * 90_000, "application/json", 400, "JSON"),
        (b"{}", "application/json", 400, "pictures: Field required"),
        (b'{"pictures": ["a", 3]}', "application/json", 400, "pictures.1"),
        (b'{"pictures": ["%%%%"]}', "application/json", 400, "#0 is not base64"),
        (
            b'{"pictures": ["data:image/png;base64,AA=="]}',
            "application/json",
            400,
            "without `data:",
        ),
        (b'{"pictures": []}', "application/json", 422, "no picture"),
        (b'{"pictures": ["", "", "", "", ""]}', "application/json", 413, "at most 4"),
        (b"x" * 99, "multipart/form-data; boundary=a", 400, "form"),
        (b"x", "multipart/form-data", 400, "form"),
        (*form([]), 422, "no picture"),
        (*form([("a.png", png(1))] * 5), 413, "at most 4"),
        (*form([("a.png", png(1))] * 99), 413, "at most 4"),
        (b"\0" * 100_001, "image/png", 413, "100,000 bytes"),
        (iter([b"\0" * 60_000] * 9), "image/png", 413, "100,000 bytes"),
        (
            b'--a\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nb\r\n--a--\r\n',
            "multipart/form-data; charset=punycode; boundary=a",
            400,
            "form",
        ),
    ],
)
def test_a_request_that_is_refused(client: Client, body, kind, status, words) -> None:
    answer = client.ask("POST", "/predict", body, kind)
    assert answer.status == status
    assert words in error_of(answer)
    assert client.send(png(9)).status == 200


def test_other_paths_methods_and_parameters(client: Client) -> None:
    assert client.get("/none").status == 404
    other = client.get("/predict")
    assert (other.status, "POST" in error_of(other)) == (405, True)
    wrong = client.send(png(1), path="/predict?top=0")
    assert (wrong.status, "top" in error_of(wrong)) == (422, True)


def test_a_request_that_comes_too_slowly_ends(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            b"Content-Length: 1000\r\n\r\nsome"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"", b"POST /pre", b"GET /health/live HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.parametrize("before", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_header_that_comes_too_slowly_ends(client: Client, begun: bytes, before: bytes) -> None:
    """Also one that comes in drops, so that the connection is never idle."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(before)
        answered = connection.recv(1000) if before else b""
        assert b"408" not in answered
        for start in range(0, len(begun), 9):
            connection.sendall(begun[start : start + 9])
            time.sleep(0.1)
        started = time.monotonic()
        ended = b"".join(iter(lambda: connection.recv(1000), b""))
        assert time.monotonic() - started < 8
    assert ended.startswith(b"HTTP/1.1 408 ") or not begun


def test_a_request_that_takes_time_to_answer_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from viewfinder.serve import connection

    at_once = connection.connection(0.1)
    monkeypatch.setattr(connection, "connection", lambda _: at_once)
    classifier, network = held_classifier()
    service = Service("held", classifier, ServeOptions())
    with serving(service) as client, ThreadPoolExecutor() as pool:
        sent = pool.submit(client.send, png(102))
        assert network.began.acquire(timeout=30)
        time.sleep(0.3)
        network.release.set()
        assert sent.result().light == [pytest.approx(0.4)]


def test_a_token_is_needed_where_there_is_one(model: Path) -> None:
    options = ServeOptions(token="a secret")
    with serving(Service("brightness", load(model), options)) as client:
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic YTpi"}):
            one = Client(client.port, headers)
            for answer in (
                one.send(png(1)),
                one.send(png(1), path="/explain"),
                one.get("/metrics"),
            ):
                assert answer.status == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                error_of(answer)
            assert one.get("/health/live").status == one.get("/health/ready").status == 200
            assert b'id="token"' in one.get("/").body
        right = Client(client.port, {"Authorization": "Bearer a secret"})
        assert right.send(png(1)).status == 200
    for token in ("", " ", "ä", "a\nb"):
        with pytest.raises(UsageError, match="`token`"):
            ServeOptions(token=token)


def test_the_threshold_is_the_servers(model: Path) -> None:
    options = ServeOptions(PredictOptions(threshold=0.7))
    with serving(Service("brightness", load(model), options)) as client:
        labels = [one["label"] for one in client.send(png(10), png(120)).predictions]
    assert labels == ["dark", "unknown"]


def test_the_page_needs_no_other_file(client: Client) -> None:
    answer = client.get("/")
    page = answer.body.decode()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    (nonce,) = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
    assert page.count("<script") == page.count(f'<script nonce="{nonce}"') == 1
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    document = client.get("/openapi.json").json
    for path, methods in document["paths"].items():
        assert f"{next(iter(methods)).upper()} {path}" in page
    assert {"200", "413", "415", "422", "503"} <= set(
        document["paths"]["/predict"]["post"]["responses"]
    )


def test_metrics_count_requests_pictures_and_batches(model: Path) -> None:
    with serving(Service("brightness", load(model), ServeOptions())) as client:
        client.send(png(1), png(2), b"none")
        client.send(b"none")
        client.get("/nothing/here")
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.body.decode().splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples['viewfinder_requests_total{path="/predict",status="200"}'] == "1"
    assert samples['viewfinder_requests_total{path="/predict",status="415"}'] == "1"
    assert samples['viewfinder_requests_total{path="other",status="404"}'] == "1"
    assert samples['viewfinder_pictures_total{outcome="predicted"}'] == "2"
    assert samples['viewfinder_pictures_total{outcome="rejected"}'] == "2"
    assert samples['viewfinder_predict_seconds_bucket{le="+Inf"}'] == "1"
    assert float(samples["viewfinder_batch_pictures_sum"]) == 4
    assert samples["viewfinder_waiting_pictures"] == samples["viewfinder_request_bytes"] == "0"
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert all(any(name.startswith(kind) for kind in types) for name in samples)


def test_a_full_queue_refuses_until_there_is_room() -> None:
    classifier, network = held_classifier()
    options = ServeOptions(limits=ServeLimits(queue=3))
    with (
        serving(Service("held", classifier, options)) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        first = pool.submit(client.send, png(10))
        assert network.began.acquire(timeout=30)
        waiting = [pool.submit(client.send, png(level)) for level in (20, 30, 40)]
        until(lambda: client.get("/health/ready").status == 503)
        refused = client.send(png(50))
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "waiting" in error_of(refused)
        assert client.get("/health/live").status == 200
        network.release.set()
        answers = [first, *waiting]
        assert [one.result().light for one in answers] == [
            [pytest.approx(level / 255)] for level in (10, 20, 30, 40)
        ]
        until(lambda: client.get("/health/ready").status == 200)
        assert client.send(png(50)).status == 200


def test_what_waits_too_long_is_refused_and_not_predicted() -> None:
    classifier, network = held_classifier()
    options = ServeOptions(limits=ServeLimits(timeout=0.5))
    with serving(Service("held", classifier, options)) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.send, png(10))
        assert network.began.acquire(timeout=30)
        assert client.send(png(20)).status == 503
        assert first.result().status == 503
        network.release.set()
        assert client.send(png(30)).light == [pytest.approx(30 / 255)]
        assert network.began.acquire(timeout=30)
        assert not network.began.acquire(blocking=False)


def until(is_so) -> None:
    """Wait for a condition, half a minute at most."""
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it has not happened")


def test_an_explanation_is_a_map_over_the_picture(trained: Run, digits: Path) -> None:
    picture = next(digits.glob("test/1/*")).read_bytes()
    service = Service("digits", load(trained.folder), ServeOptions(explains=True))
    with serving(service) as client:
        assert "Where does it look?" in client.get("/").body.decode()
        found = client.send(picture, path="/explain?class=2").json
        assert (found["class"], found["method"]) == ("2", "grad-cam")
        overlay = np.frombuffer(base64.b64decode(found["overlay"]), np.uint8)
        assert cv2.imdecode(overlay, cv2.IMREAD_COLOR).shape == (8, 8, 3)
        (predicted,) = client.send(picture).predictions
        assert found["answer"] == predicted["label"]
        for path, words in (("class=9", "known: 0, 1, 2"), ("method=none", "grad-cam")):
            wrong = client.send(picture, path=f"/explain?{path}")
            assert wrong.status == 422
            assert words in error_of(wrong)
        assert client.send(b"words", path="/explain").status == 415
        assert client.send(picture, picture, path="/explain").status == 422


def test_without_keras_nothing_is_explained(client: Client) -> None:
    answer = client.send(png(1), path="/explain")
    assert answer.status == 404
    assert "--explain" in error_of(answer)
    assert b"const explains = false" in client.get("/").body


@pytest.mark.parametrize(
    "name", ["queue", "timeout", "max_pixels", "max_megabytes", "max_pictures"]
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_is_positive(name, value) -> None:
    with pytest.raises(UsageError, match=f"`{name}`"):
        ServeLimits(**{name: value})


def test_an_address_that_is_taken_or_not_here() -> None:
    with bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        for host, number in (("127.0.0.1", port), ("none.invalid", 0), ("127.0.0.1", 99_999)):
            with pytest.raises(UsageError, match="Cannot listen at"):
                bound(host, number)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
def test_hostile_files_get_200_or_4xx(model: Path) -> None:
    """Each file also beside a good picture, whose answer is right."""
    with serving(Service("brightness", load(model), ServeOptions())) as client:
        for file in sorted((SHARED / "bad_images").iterdir()):
            data = file.read_bytes()
            alone, beside = client.send(data), client.send(data, png(99))
            assert alone.status == 200 or 400 <= alone.status < 500, (file, alone)
            assert beside.predictions[1]["probabilities"]["light"] == pytest.approx(99 / 255)
            assert (alone.status == 200) == (beside.predictions[0]["rejection"] is None)


@pytest.mark.slow
def test_under_four_times_its_load_no_answer_is_wrong(model: Path) -> None:
    options = ServeOptions(limits=ServeLimits(queue=16))
    with serving(Service("brightness", load(model), options)) as client:
        end = time.monotonic() + 15

        def send(number: int) -> tuple[int, int]:
            right = refused = 0
            while time.monotonic() < end:
                levels = [(number * 37 + right + step) % 256 for step in range(8)]
                answer = client.send(*(png(level, 300) for level in levels))
                assert answer.status in (200, 503), answer
                if answer.status == 503:
                    refused += 1
                    continue
                assert answer.light == [pytest.approx(level / 255) for level in levels]
                right += 1
            return right, refused

        with ThreadPoolExecutor(32) as pool:
            ended = [pool.submit(send, number) for number in range(32)]
            waits = []
            while time.monotonic() < end:
                began = time.monotonic()
                assert client.get("/health/live").status == 200
                waits.append(time.monotonic() - began)
                time.sleep(0.05)
        counts = np.array([one.result() for one in ended]).sum(axis=0)
        print(f"right, refused: {counts}; liveness p99 {np.quantile(waits, 0.99):.3f} s")
        assert (counts > 0).all()
