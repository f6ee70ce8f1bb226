"""Old scripts run after `migrate`, modern ones stay as they are, notebooks keep their form."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from old_scripts import MODERN, OTHERS, SCRIPTS
from PIL import Image

from commands import Command
from viewfinder.compat.migrate.files import migrate
from viewfinder.core.errors import DataError

pytest.importorskip("libcst")


PAGE = Path(__file__).parents[2] / "docs/migrate.md"


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("old")
    for index in range(8):
        folder = root / "pets" / ["cats", "dogs"][index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (20, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


def run(text: str) -> Any:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "script", "exec"), scope)
    return scope["RESULT"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_old_scripts_run_after_it_and_not_before(
    name: str, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pets)
    script = tmp_path / "old.py"
    script.write_text(SCRIPTS[name])
    with pytest.raises((AttributeError, ImportError, KeyError, NameError, TypeError, ValueError)):
        run(SCRIPTS[name])
    (outcome,) = migrate(script, write=True)
    assert outcome.result is not None
    assert outcome.result.changes
    assert run(script.read_text())
    (again,) = migrate(script, write=True)
    assert not again.is_changed
    assert again.result is not None
    assert again.result.changes == []


@pytest.mark.parametrize("text", [MODERN, OTHERS], ids=["of Keras 3", "of other libraries"])
def test_a_modern_script_stays_as_it_is(text: str, tmp_path: Path) -> None:
    script = tmp_path / "modern.py"
    script.write_bytes(text.replace("\n", "\r\n").encode())
    (outcome,) = migrate(script, write=True)
    assert outcome.result is not None
    assert outcome.result.changes == []
    assert script.read_bytes() == text.replace("\n", "\r\n").encode()


def test_formatting_and_comments_stay(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    old = "x = 1   # one\nm.fit_generator( g ,  epochs = 3,  workers=2,\n    verbose=0 )\n"
    script.write_text(old)
    list(migrate(script, write=True))
    assert script.read_text() == old.replace("_generator", "").replace("  workers=2,", "")


def test_every_change_has_its_paragraph(tmp_path: Path) -> None:
    rules = set()
    for text in SCRIPTS.values():
        (tmp_path / "a.py").write_text(text + "\nfrom keras.wrappers.scikit_learn import X\n")
        (outcome,) = migrate(tmp_path / "a.py")
        assert outcome.result is not None
        rules |= {change.rule for _, change in outcome.result.changes}
    headings = {line[3:] for line in PAGE.read_text().splitlines() if line.startswith("## ")}
    assert rules
    assert rules <= headings


def test_decay_is_the_schedule_of_keras_2(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_text("import keras\nRESULT = keras.optimizers.SGD(0.5, decay=0.1)\n")
    list(migrate(script, write=True))
    optimizer = run(script.read_text())
    rates = []
    for step in range(4):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, [0.5 / (1 + 0.1 * step) for step in range(4)], rtol=1e-6)


def test_keys_follow_the_metric_that_is_compiled(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    for metric, other in (("acc", "accuracy"), ("accuracy", "acc")):
        script.write_text(f"m.compile(metrics=['{metric}'])\nh.history['val_{other}']\n")
        list(migrate(script, write=True))
        assert f"['val_{metric}']" in script.read_text()
    both = "m.compile(metrics=['acc'])\nn.compile(metrics=['accuracy'])\nh.history['acc']\n"
    script.write_text(both)
    list(migrate(script, write=True))
    assert script.read_text() == both


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from keras import backend as K\nK.gradients(a, b)", "use tf.GradientTape"),
        ("from tensorflow.keras import backend as K\nK.learning_phase()", "give training=True"),
        ("import tensorflow as tf\ntf.compat.v1.keras.backend.set_session(s)", "no sessions"),
        ("import keras.backend.tensorflow_backend as KTF", "no sessions"),
        ("from keras import backend as K\nK.rnn(1)", "keras.backend has no rnn"),
        ("from keras import backend as K\nK.argmax(x)", "keras.backend has no argmax"),
        ("import tensorflow as tf\ntf.placeholder(1)", "no placeholder"),
        ("import tensorflow.contrib.slim as slim", "no contrib"),
        ("from tensorflow.examples.tutorials.mnist import input_data", "no examples"),
        ("from keras.layers.core import Merge", "no Merge: use keras.layers.concatenate"),
        ("import keras\nkeras.utils.multi_gpu_model(m)", "no multi_gpu_model"),
        ("import keras\nm = keras.Model()\nm.to_yaml()", "use to_json"),
        ("import keras\nm = keras.Model()\nm.metrics_names[1]", "'compile_metrics'"),
        (
            "m.compile(metrics=['acc'])\nn.compile(metrics=['accuracy'])\nh.history['acc']",
            "compiles 'acc' and 'accuracy'",
        ),
    ],
)
def test_what_a_person_has_to_change_is_listed_once(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.py").write_text(text)
    (outcome,) = migrate(tmp_path / "a.py")
    assert outcome.result is not None
    assert [change.by_hand for _, change in outcome.result.changes].count(True) == 1
    assert words in outcome.result.changes[-1][1].reason


def test_the_period_of_checkpoints_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "from keras.callbacks import ModelCheckpoint\nModelCheckpoint('a.keras', period=5)"
    )
    (outcome,) = migrate(tmp_path / "a.py")
    assert outcome.result is not None
    assert "it saves after every epoch" in " ".join(c.reason for _, c in outcome.result.changes)


def test_the_encoding_of_a_script_stays(tmp_path: Path) -> None:
    old = "# -*- coding: latin-1 -*-\nfrom keras.layers.core import Dense\nname = 'é'\n"
    for text, encoding in ((old, "latin-1"), (old.partition("\n")[2], "utf-8-sig")):
        (tmp_path / "a.py").write_bytes(text.encode(encoding))
        list(migrate(tmp_path / "a.py", write=True))
        assert (tmp_path / "a.py").read_bytes() == text.replace(".core", "").encode(encoding)


@pytest.mark.parametrize("encoding", ["rot13", "undefined"])
def test_an_encoding_that_is_none_of_texts_is_an_error(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.py").write_text(f"# coding: {encoding}\n")
    (outcome,) = migrate(tmp_path)
    assert f"is not in {encoding}" in outcome.refusal


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from keras import backend as K\nK.int_shape()\n", ""),
        ("from keras import backend as K\nK.int_shape(*x)\n", ""),
        ("import keras\nx.add_weight('w', s, d, i, r, t, c)\n", "trainable=t, constraint=c)"),
        ("import keras\nx.add_weight('w', s, d, i, r, t, c, 8)\n", ""),
        ("from keras.optimizers import SGD\nSGD(lr=0x1)\n", "SGD(learning_rate=1.0)"),
        (
            "m.compile(metrics=['accuracy'])\nModelCheckpoint('{val_acc:.1f}-{val_acc:.2f}.keras')\n",
            "{val_accuracy:.1f}-{val_accuracy:.2f}",
        ),
    ],
)
def test_unusual_arguments(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "a.py").write_text("from keras.callbacks import ModelCheckpoint\n" + old)
    list(migrate(tmp_path / "a.py", write=True))
    assert (new or old) in (tmp_path / "a.py").read_text()


def notebook(*sources: str, indent: int | None = 1) -> str:
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": text.splitlines(True)}
        for text in sources
    ]
    cells.insert(0, {"cell_type": "markdown", "metadata": {}, "source": ["lr=0.1 für ä\n"]})
    return json.dumps(
        {"cells": cells, "nbformat": 4, "nbformat_minor": 0}, indent=indent, ensure_ascii=False
    )


def test_a_notebook_keeps_its_form_and_its_shell_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    shell = "!wget -q \\\n  --no-check x \\\n  y\n%matplotlib inline\nfiles = !ls\nmodel?\n"
    old = notebook(
        shell + "from keras.layers.core import Dense\n",
        "%%bash\nfit_generator lr=1",
        "if True:\n    !ls {x}\n    model.fit_generator(g, epochs=2)",
        "print 'two'",
    )
    path.write_text(old + "\n")
    (outcome,) = migrate(path, write=True)
    new = path.read_text()
    assert new == old.replace("layers.core", "layers").replace("fit_generator(", "fit(") + "\n"
    assert outcome.result is not None
    assert [cell for cell, _ in outcome.result.changes] == [2, 4]
    assert list(outcome.result.skipped) == [5]


def test_python_below_magics_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    old = notebook(
        "%%time\nm.fit_generator(g)",
        "%%writefile a.py\nm.fit_generator(g)",
        "!ls\n%time h = m.fit_generator(g)\n%timeit -n 1 m.fit_generator(g)",
    )
    path.write_text(old)
    list(migrate(path, write=True))
    new = old
    for line in ('"m.fit_generator(g)"', "h = m.fit_generator(g)"):
        new = new.replace(line, line.replace("_generator", ""), 1)
    assert path.read_text() == new


def test_lines_that_install_old_versions_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    lines = (
        "%tensorflow_version 1.x",
        "!pip install -q tensorflow-gpu==1.15",
        "!pip install keras",
    )
    path.write_text(notebook("\n".join(lines) + "\n!ls"))
    (outcome,) = migrate(path)
    assert outcome.result is not None
    assert [change.line for _, change in outcome.result.changes] == [1, 2]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_unchanged_notebook_is_not_touched(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(notebook("x = 1\n", indent=indent))
    before = path.stat().st_mtime_ns
    (outcome,) = migrate(path, write=True)
    assert not outcome.is_changed
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.py", "print 'two'\n", "is Python 2"),
        ("a.py", "x = (\n", "is not valid Python: line"),
        ("a.py", "x = '\0'\n", "is not valid Python"),
        ("a.py", "if 1:\n\tif 2:\n        \tx = 3\n", "mixes tabs and spaces"),
        ("a.py", b"x = '\xe9'\n", "is not in utf-8: byte 6"),
        ("a.ipynb", "[1]", "not a notebook"),
        ("a.ipynb", "[" * 100_000, "not a notebook"),
        ("a.ipynb", '{"cells": [{"cell_type": "code"}]}'.replace("code", "x"), None),
        ("a.txt", "x", "not a script"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, viewfinder: Command, name: str, text: str | bytes, words: str | None
) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(content)
    ended = viewfinder("migrate", tmp_path / name, "--write")
    assert (tmp_path / name).read_bytes() == content
    assert ended.code == (3 if words else 0)
    assert (words or "") in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_goes_on_past_a_bad_file(tmp_path: Path, viewfinder: Command) -> None:
    (tmp_path / "a.py").write_text("print 'two'\n")
    (tmp_path / "b.py").write_text("m.fit_generator(g)\n")
    ended = viewfinder("migrate", tmp_path, "--diff")
    assert ended.code == 0
    assert "a.py: left as it is." in ended.out
    assert "+m.fit(g)" in ended.out
    assert "Would rewrite 1 of 2 files" in ended.out
    assert (tmp_path / "b.py").read_text() == "m.fit_generator(g)\n"


@pytest.mark.parametrize(
    "text",
    ["(" * 5_000 + ")" * 5_000, "x = " + "-" * 200_000 + "1", "x" + ".a" * 50_000],
    ids=["brackets", "signs", "attributes"],
)
def test_code_that_nests_too_deeply_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "deep.py").write_text(text)
    with pytest.raises(DataError, match="nests too deeply"):
        list(migrate(tmp_path / "deep.py"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(DataError, match="it is a pipe"):
        list(migrate(tmp_path / "pipe.py"))
