"""The classifier: the same answers whatever a picture is given as, and no trust in files."""

import io
import itertools
import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import viewfinder
from small import copied
from viewfinder.classifier import Classifier, load
from viewfinder.classifier.prediction import PredictOptions
from viewfinder.core.errors import RunError, UsageError
from viewfinder.core.parallel import cores
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.run import Run


@pytest.fixture(scope="module")
def classifier(trained: Run) -> Classifier:
    return load(trained.folder)


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    """The run as it would come from a stranger, without an export: to be damaged."""
    folder = copied(trained.folder, tmp_path)
    (folder / "model.onnx").unlink()
    return folder


def some_digits(digits: Path) -> list[Path]:
    return sorted(digits.glob("test/*/*.png"))


def test_classes_and_preprocessing_come_with_the_model(classifier: Classifier):
    assert classifier.classes == ("0", "1", "2")
    assert classifier.preprocessing == Preprocessing(height=8, width=8, color="gray")


def test_it_knows_most_digits(classifier, digits):
    paths = some_digits(digits)
    said = [one.label for one in classifier.predict(paths)]
    assert (
        np.mean([label == path.parent.name for label, path in zip(said, paths, strict=True)]) > 0.8
    )


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_the_usual_grad_cam_runs_on_the_saved_model(trained: Run, digits: Path):
    """These are the lines of Keras's own guide, on the file as plain Keras loads it."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the usual code takes gradients with TensorFlow")
    tensorflow = pytest.importorskip("tensorflow")
    model = keras.saving.load_model(trained.folder / "best.keras")
    last = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    grad_model = keras.Model(model.inputs, [model.get_layer(last).output, model.output])
    pixels = np.asarray(Image.open(some_digits(digits)[0]), np.float32)[None, :, :, None]
    with tensorflow.GradientTape() as tape:
        maps, predictions = grad_model(pixels)
        score = predictions[:, np.argmax(predictions[0])]
    weights = tensorflow.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    heatmap = np.asarray(maps[0] @ weights[:, None])
    assert heatmap.shape == (*maps.shape[1:3], 1)
    assert np.ptp(heatmap) > 0


def test_the_model_evaluates_to_the_metrics_of_the_run(
    classifier: Classifier, trained: Run, digits: Path
):
    paths = some_digits(digits)
    pixels = np.stack([np.asarray(Image.open(path))[:, :, None] for path in paths])
    labels = np.array([classifier.classes.index(path.parent.name) for path in paths])
    loss, accuracy = classifier.model.evaluate(pixels, labels, verbose=0)
    test = trained.metrics["test"]
    assert (loss, accuracy) == pytest.approx((test["loss"], test["accuracy"]), abs=1e-4)
    assert not keras.saving.load_model(trained.folder / "best.keras").compiled


def test_answers_come_in_the_order_of_the_pictures(classifier, digits):
    paths = some_digits(digits)
    answers = classifier.predict(paths)
    assert [one.picture for one in answers] == [str(path) for path in paths]
    turned = classifier.predict(paths[::-1])
    assert [one.label for one in turned[::-1]] == [one.label for one in answers]
    alone = classifier.predict(paths[7])[0]
    assert alone.probabilities == pytest.approx(answers[7].probabilities, abs=1e-6)


def test_more_pictures_than_are_answered_at_once(classifier, digits):
    paths = (some_digits(digits) * 10)[:300]
    answers = classifier.predict(paths)
    assert len(answers) == 300
    count = len(some_digits(digits))
    for number, one in enumerate(answers):
        assert one.probabilities == pytest.approx(answers[number % count].probabilities, abs=1e-6)


def test_a_stream_reads_a_few_pictures_ahead_of_what_is_consumed(classifier, digits):
    read = []

    def endless():
        for number, path in enumerate(itertools.cycle(some_digits(digits))):
            read.append(number)
            yield path

    stream = classifier.stream(endless())
    few = list(itertools.islice(stream, 500))
    assert few[36].probabilities == pytest.approx(few[0].probabilities, abs=1e-6)
    assert len(read) < 500 + 64 * (cores() + 1)


def test_a_stream_refuses_its_options_before_it_reads(classifier):
    with pytest.raises(RunError, match=r"coverage of 0\.9"):
        classifier.stream(iter(()), PredictOptions(coverage=0.9))
    for share in (0, 1, 1.5, float("nan")):
        for name in ("coverage", "error"):
            with pytest.raises(UsageError, match=f"`{name}`"):
                PredictOptions(**{name: share})
    for threshold in (-0.1, 1.1, float("nan"), np.float32(2)):
        with pytest.raises(UsageError, match="`threshold`"):
            PredictOptions(threshold=threshold)


def test_a_large_batch_has_the_probabilities_of_its_pictures(classifier, digits):
    images = np.stack([np.asarray(Image.open(path))[:, :, None] for path in some_digits(digits)])
    alone = np.concatenate([classifier.probabilities(image[None]) for image in images])
    assert classifier.probabilities(images) == pytest.approx(alone, abs=1e-6)
    assert classifier.probabilities(images[:0]).shape == (0, 3)


def test_probabilities_are_a_distribution_the_most_probable_first(classifier, digits):
    for one in classifier.predict(some_digits(digits)):
        shares = list(one.probabilities.values())
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
        assert (one.label, one.confidence) == next(iter(one.probabilities.items()))
        assert set(one.probabilities) == set(classifier.classes)


def test_path_bytes_and_pixels_of_a_picture_get_the_same_answer(classifier, digits):
    path = some_digits(digits)[0]
    pixels = np.asarray(Image.open(path))
    given = [path, str(path), path.read_bytes(), pixels, pixels[:, :, None]]
    given.append(np.repeat(pixels[:, :, None], 3, axis=2))
    answers = classifier.predict(given)
    assert [one.picture for one in answers] == [str(path), str(path), "#2", "#3", "#4", "#5"]
    for one in answers[1:]:
        assert one.probabilities == answers[0].probabilities


def test_each_way_to_give_a_picture_gets_the_same_answer(classifier, digits):
    path = some_digits(digits)[0]
    data, pixels = path.read_bytes(), np.asarray(Image.open(path))
    written = io.BytesIO()
    written.write(data)  # an upload, at its end
    with path.open("rb") as file, Image.open(path) as lazy:
        given = [path, os.fspath(path), data, bytearray(data), memoryview(data), written, file]
        given += [io.BufferedReader(io.BytesIO(data)), Unseekable(data), Image.open(path), lazy]
        given += [pixels, pixels[:, :, None], Image.open(path).convert("RGB"), written]
        answers = classifier.predict(given)
        alone = [classifier.predict(one) for one in given if not isinstance(one, Unseekable)]
    assert {tuple(one.probabilities.items()) for one in answers} == {
        tuple(answers[0].probabilities.items())
    }
    assert [one.picture for one in answers[:3]] == [str(path), str(path), "#2"]
    assert [len(one) for one in alone] == [1] * (len(given) - 1)
    for (one,) in alone:
        assert one.probabilities == pytest.approx(answers[0].probabilities, abs=1e-6)


class Unseekable(io.RawIOBase):
    """A stream from a network, which can be read once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int = -1) -> bytes:
        del size
        data, self._data = self._data, b""
        return data

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("nothing", [b"", bytearray(), memoryview(b""), io.BytesIO()])
def test_an_empty_upload_is_rejected_as_empty(classifier, nothing):
    (one,) = classifier.predict(nothing)
    assert one.rejection == "empty: the file has no bytes"
    (one,) = classifier.predict([nothing])
    assert one.rejection == "empty: the file has no bytes"


PNG_MODES = ["1", "L", "LA", "P", "RGB", "RGBA"]


@pytest.mark.parametrize("mode", [*PNG_MODES, "CMYK", "YCbCr", "LAB", "HSV"])
def test_an_image_of_pillow_is_read_as_its_file_would(classifier, mode):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8))
    image = image.convert("RGB" if mode == "LAB" else mode)
    if mode == "LAB":
        image = Image.frombytes("LAB", image.size, image.tobytes())
    turned, file = Image.Exif(), io.BytesIO()
    turned[0x0112] = 6
    image.getexif()[0x0112] = 6
    plain = image if mode in PNG_MODES else image.convert("RGB")
    plain.save(file, "PNG", exif=turned)
    given, read = classifier.predict([image, file])
    assert given.probabilities == read.probabilities


def test_an_image_of_pillow_whose_file_is_broken_off_is_rejected(classifier):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)).save(
        file, "PNG"
    )
    (one,) = classifier.predict(Image.open(io.BytesIO(file.getvalue()[:9000])))
    assert one.rejection.startswith("corrupt: ")


def test_a_deep_image_of_pillow_is_read_by_the_bits_in_use(classifier):
    levels = np.random.default_rng(0).integers(0, 256, (9, 9)).astype(np.uint8)
    levels[0] = 255
    deep = (levels.astype(np.uint32) * 4095 + 127) // 255
    for wide in (levels.astype(np.uint16) * 257, deep):
        given, plain = classifier.predict([Image.fromarray(wide.astype(np.uint16)), levels])
        assert given.probabilities == plain.probabilities


@pytest.mark.parametrize(
    ("given", "received"),
    [
        (None, "NoneType"),
        (3, "int"),
        ([None], "NoneType"),
        (io.StringIO("text"), "a file that reads str"),
        (Image.new("F", (3, 3)), "an image of mode F, which defines no white"),
        ([Image.new("I", (3, 3))], "an image of mode I, which defines no white"),
        ([[b"one"], [b"two"]], "list"),
    ],
)
def test_what_is_none_of_these_is_a_usage_error(classifier, given, received):
    with pytest.raises(UsageError, match="not a picture") as caught:
        classifier.predict(given)
    assert caught.value.received == received


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "1"])
def test_pictures_of_any_size_and_mode_are_answered(classifier, tmp_path, mode):
    path = tmp_path / "big.tif"
    Image.fromarray(np.full((301, 97), 200, np.uint8)).convert(mode).save(path)
    (one,) = classifier.predict(path)
    assert one.rejection is None
    assert one.label in classifier.classes


def test_a_turned_photo_is_seen_upright(classifier, digits, tmp_path):
    """EXIF orientation 6: the camera was turned, and the pixels lie on their side."""
    upright = Image.open(some_digits(digits)[0]).resize((64, 64))
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png", exif=exif)
    a, b = classifier.predict([tmp_path / "upright.png", tmp_path / "lying.png"])
    assert a.probabilities == b.probabilities


def test_what_cannot_be_read_is_rejected_by_itself(classifier, digits, tmp_path):
    good = some_digits(digits)[0]
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").touch()
    given = [tmp_path / "text.jpg", good, tmp_path / "empty.png", tmp_path / "gone.png", b""]
    text, answered, empty, gone, nothing = classifier.predict(given)
    assert answered.label is not None
    assert text.rejection.startswith("not a picture: ")
    assert empty.rejection.startswith("empty: ")
    assert gone.rejection.startswith("missing: ")
    assert nothing.rejection.startswith("empty: ")
    for one in (text, empty, gone, nothing):
        assert (one.label, one.confidence, one.probabilities) == (None, 0.0, {})


class Dripping(io.RawIOBase):
    """A connection: it gives a few bytes at a time, and perhaps breaks."""

    def __init__(self, content: bytes, most: int | None = None) -> None:
        self.content, self.most = io.BytesIO(content), most

    def read(self, size: int = -1) -> bytes:
        if self.most is not None and self.content.tell() >= self.most:
            raise ConnectionResetError("the peer has gone")
        return self.content.read(min(size, 10))


def test_open_files_are_read_to_their_end_or_rejected(classifier, digits):
    path = some_digits(digits)[0]
    closed = path.open("rb")
    closed.close()
    content = path.read_bytes()
    given = [path, Dripping(content), Dripping(content, 20), closed]
    whole, dripping, broken, shut = classifier.predict(given)
    assert dripping.probabilities == whole.probabilities
    assert broken.rejection == "missing: the file cannot be read (the peer has gone)"
    assert shut.rejection.startswith("missing: the file cannot be read")
    with path.open() as text, pytest.raises(UsageError, match='mode "rb"'):
        classifier.predict(text)


def test_a_matrix_is_an_array_and_a_tensor_is_not(classifier):
    levels = np.random.default_rng(0).integers(0, 256, (9, 9)).astype(np.uint8)
    with pytest.warns(PendingDeprecationWarning, match="matrix"):
        given = np.asmatrix(levels)
    matrix, plain = classifier.predict([given, levels])
    assert matrix.probabilities == plain.probabilities
    for given in (keras.ops.convert_to_tensor(levels), [keras.ops.convert_to_tensor(levels)]):
        with pytest.raises(UsageError, match=r"numpy\.asarray"):
            classifier.predict(given)


def test_no_pictures_get_no_answers(classifier):
    assert classifier.predict([]) == []


@pytest.mark.parametrize(
    "array",
    [np.zeros((8, 8, 3), np.float32), np.zeros((2, 8, 8, 3), np.uint8), np.zeros(8, np.uint8)],
)
def test_an_array_that_is_no_picture_is_a_usage_error(classifier, array):
    with pytest.raises(UsageError, match=r"not a picture(.|\n)*list\(batch\)"):
        classifier.predict(array)


def test_json_of_an_answer(classifier, digits):
    (one,) = classifier.predict(some_digits(digits)[0])
    whole, short = one.to_json(), one.to_json(top=2)
    assert json.loads(json.dumps(whole)) == whole
    first = ["picture", "label", "confidence", "probabilities", "rejection", "set"]
    assert list(whole) == [*first, "outlier_score"]
    assert list(short["probabilities"].items()) == list(whole["probabilities"].items())[:2]


def test_a_sigmoid_is_the_second_classs_probability():
    inputs = keras.Input((2, 2, 1))
    model = keras.Model(inputs, keras.ops.mean(inputs, axis=(1, 2)) / 255)
    classifier = Classifier(
        model, ("dark", "light"), Preprocessing(height=2, width=2, color="gray")
    )
    dark, light = classifier.predict([np.full((2, 2), level, np.uint8) for level in (51, 204)])
    assert dark.probabilities == pytest.approx({"dark": 0.8, "light": 0.2})
    assert light.probabilities == pytest.approx({"light": 0.8, "dark": 0.2})


# --- Files that are not to be trusted -------------------------------------------------------------


@pytest.mark.timeout(60)
def test_a_pipe_is_rejected_and_not_waited_for(classifier, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (one,) = classifier.predict(tmp_path / "pipe.jpg")
    assert one.rejection == "not a picture: it is a pipe, not a regular file"


def test_a_model_that_brings_code_is_refused_and_not_run(folder, tmp_path):
    marker = tmp_path / "it ran"
    place = str(marker)

    # A function with a name is saved as its name; a lambda is saved as the code itself.
    evil = keras.layers.Lambda(
        lambda x: (__import__("pathlib").Path(place).touch(), x)[1], output_shape=(8, 8, 1)
    )
    inputs = keras.Input((8, 8, 1))
    x = evil(inputs)
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x))
    keras.Model(inputs, x).save(folder / "best.keras")
    marker.unlink(missing_ok=True)
    with pytest.raises(RunError, match=r"best\.keras cannot be loaded") as refused:
        load(folder)
    assert "Lambda" in str(refused.value)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["labels.json", "best.keras"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(RunError, match=name):
        load(folder)


@pytest.mark.parametrize("name", ["labels.json", "best.keras"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.95])
def test_a_truncated_file_is_named(folder, name, kept):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(RunError, match=name):
        load(folder)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1, 2", b'{"class_name": "Evil"}'])
def test_a_damaged_archive_is_refused_whatever_is_wrong_in_it(folder, member, content):
    path = folder / "best.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)
    with pytest.raises(RunError, match=r"best\.keras"):
        load(folder)


def test_bytes_flipped_in_the_weights_are_noticed(folder):
    path = folder / "best.keras"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(RunError, match=r"best\.keras"):
        load(folder)


@pytest.mark.parametrize(
    "labels",
    [
        [],
        {},
        {"classes": [], "preprocessing": {"height": 8, "width": 8}},
        {"classes": 3, "preprocessing": {"height": 8, "width": 8, "color": "gray"}},
        {"classes": ["0", "1", "2"]},
        {"classes": ["0", "1", "2"], "preprocessing": {"height": 0, "width": 8}},
        {"classes": ["0", "1", "2"], "preprocessing": {"height": 8, "width": 8, "colour": "x"}},
    ],
)
def test_labels_that_make_no_sense_are_refused(folder, labels):
    (folder / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(RunError, match=r"labels\.json"):
        load(folder)


@pytest.mark.parametrize("classes", [["0", "1"], ["0", "1", "2", "3"], ["0"]])
def test_classes_that_do_not_fit_the_model_are_refused(folder, classes):
    labels = json.loads((folder / "labels.json").read_text())
    (folder / "labels.json").write_text(json.dumps(labels | {"classes": classes}))
    with pytest.raises(RunError, match="does not fit"):
        load(folder)


@pytest.mark.parametrize("path", ["none", "."])
def test_a_folder_that_is_no_run_is_refused(tmp_path, path):
    with pytest.raises(RunError, match="not a run that can predict"):
        load(tmp_path / path)


def test_a_file_instead_of_a_run_is_named_with_the_run_beside_it(trained: Run, tmp_path: Path):
    with pytest.raises(RunError, match=rf"a file(.|\n)*give its folder, {trained.folder}"):
        load(trained.folder / "best.keras")
    (tmp_path / "x.txt").touch()
    with pytest.raises(
        RunError, match=r"x\.txt is not a run that can predict(.|\n)*a file"
    ) as alone:
        load(tmp_path / "x.txt")
    assert "Errno" not in str(alone.value)
    assert alone.value.remedy is None


def test_a_run_is_opened_by_its_path_as_text(trained: Run):
    assert len(Run(str(trained.folder)).history) == len(trained.history)
    assert viewfinder.open_run(str(trained.folder)).metrics == trained.metrics


def test_what_only_a_run_has_is_named(classifier: Classifier):
    with pytest.raises(AttributeError, match=r"viewfinder\.open_run\(FOLDER\)\.doctor"):
        classifier.doctor()
    with pytest.raises(AttributeError, match=r"'docter'$"):
        classifier.docter()
