"""`viewfinder predict`: files, folders and globs in; a table, JSON or CSV out."""

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from small import copied
from viewfinder.cli.predictions import Form


@pytest.fixture
def pictures(digits, tmp_path) -> Path:
    """Some digits in nested folders with odd names."""
    folder = tmp_path / "some pictures"
    (folder / "deep/er").mkdir(parents=True)
    found = sorted(digits.glob("test/*/*.png"))
    for source, name in zip(found, NAMES, strict=False):
        shutil.copy(source, folder / name)
    (folder / ".hidden.png").write_bytes(found[0].read_bytes())
    (folder / ".trash").mkdir()
    shutil.copy(found[0], folder / ".trash/d.png")
    return folder


NAMES = ["B.PNG", "a.png", "deep/c [1].png", "deep/er/ü.png"]


def shown(ended, folder: Path) -> list[str]:
    return [str(Path(one["picture"]).relative_to(folder)) for one in ended.json["predictions"]]


def test_a_folder_stands_for_all_visible_files_below_it(viewfinder, trained, pictures):
    ended = viewfinder("predict", trained.folder, pictures, "--json")
    assert ended.json["schema"] == 1
    assert ended.json["run"] == str(trained.folder)
    assert shown(ended, pictures) == NAMES


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["a.png"], ["a.png"]),
        (["a.png", "B.PNG"], ["a.png", "B.PNG"]),
        (["*.png"], ["a.png"]),
        (["**/*.png"], ["a.png", "deep/c [1].png", "deep/er/ü.png"]),
        (["deep/c [1].png"], ["deep/c [1].png"]),
        (["deep"], ["deep/c [1].png", "deep/er/ü.png"]),
        (["deep/*"], ["deep/c [1].png", "deep/er/ü.png"]),
        (["**"], NAMES),
    ],
)
def test_files_globs_and_folders(viewfinder, trained, pictures, patterns, names):
    given = [pictures / pattern for pattern in patterns]
    ended = viewfinder("predict", trained.folder, *given, "--json")
    assert ended.code == 0, ended.err
    found = shown(ended, pictures)
    assert found == names or (patterns == ["**"] and sorted(found) == sorted(names))


def test_the_table(viewfinder, trained, digits):
    path = next(digits.glob("test/1/*"))
    ended = viewfinder("predict", trained.folder, path)
    headings, row = ended.out.splitlines()
    assert headings.split() == ["picture", "label", "probabilities"]
    (one,) = trained.predict(path)
    shares = "  ".join(
        f"{name} {100 * share:.1f}\xa0%" for name, share in one.probabilities.items()
    )
    assert row.split() == [str(path), one.label, *shares.split()]
    assert ended.err == ""


@pytest.mark.parametrize("top", [1, 2, 9])
def test_top_keeps_the_most_probable(viewfinder, trained, digits, top):
    path = next(digits.glob("test/1/*"))
    ended = viewfinder("predict", trained.folder, path, "--top", top)
    assert ended.out.count("%") == min(top, 3)
    ended = viewfinder("predict", trained.folder, path, "--top", top, "--json")
    (one,) = ended.json["predictions"]
    shares = list(one["probabilities"].values())
    assert len(shares) == min(top, 3)
    assert one["confidence"] == shares[0] == max(shares)


def test_csv_has_a_row_a_picture_and_a_column_a_class(viewfinder, trained, digits, tmp_path):
    (tmp_path / "bad, very.jpg").write_text("words")
    paths = sorted(digits.glob("test/2/*"))[:3]
    ended = viewfinder("predict", trained.folder, *paths, tmp_path / "bad, very.jpg", "--csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert list(rows[0]) == ["picture", "label", "confidence", "0", "1", "2", "rejection"]
    for row, one in zip(rows, trained.predict(paths), strict=False):
        assert row["label"] == one.label
        assert float(row["confidence"]) == pytest.approx(one.confidence, abs=1e-6)
        for name, share in one.probabilities.items():
            assert float(row[name]) == pytest.approx(share, abs=1e-6)
    assert rows[3]["picture"].endswith("bad, very.jpg")
    assert (rows[3]["label"], rows[3]["0"]) == ("", "")
    assert rows[3]["rejection"].startswith("not a picture")


def test_a_rejected_picture_in_the_list_stops_nothing(viewfinder, trained, digits, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    good = next(digits.glob("test/1/*"))
    ended = viewfinder("predict", trained.folder, tmp_path / "bad.jpg", good)
    assert ended.code == 0
    _, bad, fine = ended.out.splitlines()
    assert "–" in bad
    assert "empty: " in bad
    assert "%" in fine


def test_all_rejected_ends_in_3_and_still_says_why(viewfinder, trained, tmp_path):
    (tmp_path / "bad.jpg").write_text("words")
    ended = viewfinder("predict", trained.folder, tmp_path / "bad.jpg", "--json")
    assert ended.code == 3
    assert ended.json["predictions"][0]["rejection"].startswith("not a picture")
    assert "None of these files is a readable picture" in ended.err


def test_an_empty_folder_ends_in_3(viewfinder, trained, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = viewfinder("predict", trained.folder, tmp_path / "empty")
    assert ended.code == 3
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("pattern", ["gone.png", "*.nothing", "none/**", "x" * 300])
def test_nothing_there_ends_in_2(viewfinder, trained, pattern):
    viewfinder("predict", trained.folder, pattern).refused(2, "There is nothing at")


@pytest.mark.parametrize("second", [["--csv"], ["--jsonl"], ["--parquet", "a.parquet"]])
def test_the_result_has_one_format(viewfinder, trained, digits, second):
    words = ["predict", trained.folder, digits, "--json", *second]
    viewfinder(*words).refused(2, "one format", f"--json and {second[0]}")


def test_json_lines_and_parquet_have_what_json_has(viewfinder, trained, digits, tmp_path):
    (tmp_path / "bad.jpg").write_text("words")
    words = ["predict", trained.folder, digits / "test", tmp_path / "bad.jpg"]
    expected = viewfinder(*words, "--top", 9, "--json").document("predict")["predictions"]
    lines = viewfinder(*words, "--top", 9, "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == expected
    path = tmp_path / "answers.parquet"
    ended = viewfinder(*words, "--parquet", path)
    assert (ended.code, ended.err) == (0, "")
    assert str(path) in ended.out
    rows = parquet.read_table(path).to_pylist()
    assert len(expected) == 37
    for row, one in zip(rows, expected, strict=True):
        shares = {f"probability {name}": one["probabilities"].get(name) for name in "012"}
        keys = ("picture", "label", "confidence", "rejection")
        assert row == {key: one[key] for key in keys} | shares


@pytest.mark.parametrize(
    ("name", "why"), [("a.csv", "ends in .parquet"), ("/proc/none/a.parquet", "Cannot write")]
)
def test_a_parquet_file_that_cannot_be_written_is_refused(viewfinder, trained, digits, name, why):
    viewfinder("predict", trained.folder, digits, "--parquet", name).refused(2, why)


def test_a_killed_prediction_leaves_the_old_parquet_file(trained, digits, tmp_path, monkeypatch):
    """The new file takes the old one's path when it is complete."""
    path = tmp_path / "answers.parquet"
    path.write_text("the old one")
    form = Form(trained.classes, top=3, of_sets=False)

    def broken():
        yield from trained.predict(sorted(digits.glob("test/1/*")))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        form.write_parquet(broken(), path)
    assert path.read_text() == "the old one"
    assert [one.name for one in tmp_path.iterdir()] == ["answers.parquet"]


def test_below_the_threshold_the_label_is_unknown(viewfinder, trained, digits):
    words = ["predict", trained.folder, digits / "test", "--jsonl"]
    plain = [json.loads(line) for line in viewfinder(*words).out.splitlines()]
    middle = sorted(one["confidence"] for one in plain)[len(plain) // 2]
    ended = viewfinder(*words, "--threshold", middle)
    for one, before in zip(map(json.loads, ended.out.splitlines()), plain, strict=True):
        is_sure = before["confidence"] >= middle
        assert one == before | ({} if is_sure else {"label": "unknown"})
    assert "unknown" not in viewfinder(*words, "--threshold", 0).out
    assert viewfinder(*words[:3], "--threshold", 1).out.count("unknown") == len(plain)
    assert viewfinder(*words, "--threshold", f"{100 * middle} %").out == ended.out
    viewfinder(*words, "--threshold", 1.5).refused(2, "--threshold", "0 to 1")
    viewfinder(*words, "--threshold", "0,9").refused(2, "--threshold", "number from 0 to 1")


def test_links_to_folders_are_read_where_a_glob_names_them(viewfinder, trained, pictures):
    (pictures / "loop").symlink_to(pictures)
    assert shown(viewfinder("predict", trained.folder, pictures, "--json"), pictures) == NAMES
    named = viewfinder("predict", trained.folder, pictures / "l*", "--json")
    assert shown(named, pictures) == [f"loop/{name}" for name in NAMES]


def test_a_bar_on_the_terminal_takes_no_rows_from_stdout(trained, digits):
    """Rich redirects stdout while it draws a bar on stderr."""
    leader, follower = os.openpty()
    words = [sys.executable, "-m", "viewfinder", "predict", trained.folder, digits / "test"]
    with os.fdopen(leader, "rb", 0):
        done = subprocess.run(
            [*words, "--csv"], stdout=subprocess.PIPE, stderr=follower, text=True, check=True
        )
    os.close(follower)
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 36


@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_pictures(trained, digits, tmp_path):
    """At most 50 MB for 95,000 pictures; this share of it for 12,000, and what varies anyway."""
    data = next(digits.glob("test/1/*")).read_bytes()
    for number in range(15_000):
        folder = tmp_path / f"{number // 1000}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.png").write_bytes(data)
    words = [sys.executable, "-m", "viewfinder", "predict", trained.folder, tmp_path, "--jsonl"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        sizes = [resident(process.pid) for number, _ in enumerate(process.stdout) if number > 3000]
    assert process.returncode == 0
    assert len(sizes) == 11_999
    assert max(sizes) - sizes[0] < 10 << 20


def resident(process: int) -> int:
    status = Path(f"/proc/{process}/statm")
    if not status.exists():
        pytest.skip("reads the memory from /proc")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_is_no_run_ends_in_3(viewfinder, digits, tmp_path):
    viewfinder("predict", "none", digits).refused(3, "not a run that can predict")
    viewfinder("predict", digits, digits).refused(3, "not a run that can predict")


def test_a_run_after_the_pictures_is_told_with_the_right_command(viewfinder, trained, pictures):
    files = [pictures / name for name in NAMES]
    swapped = viewfinder("predict", files[0], trained.folder)
    swapped.refused(2, "The run comes first, then the pictures.")
    right = shlex.join(["viewfinder", "predict", str(trained.folder), str(files[0])])
    assert f"Remedy: {right}\n" in swapped.err
    _, *words = shlex.split(right)
    assert viewfinder(*words).code == 0
    many = viewfinder("predict", *files, trained.folder)
    assert f"predict {trained.folder} " in many.err
    assert many.err.rstrip().endswith(" …")
    # A run among the pictures of another run is a folder like any other.
    assert viewfinder("predict", trained.folder, files[0], trained.folder).code == 0


def test_a_damaged_model_ends_in_3(viewfinder, trained, digits, tmp_path):
    folder = copied(trained.folder, tmp_path)
    (folder / "model.onnx").unlink()
    (folder / "best.keras").write_bytes(b"PK\3\4 and so on")
    viewfinder("predict", folder, digits).refused(3, "best.keras is damaged")


def test_top_must_be_at_least_1(viewfinder, trained, digits):
    assert viewfinder("predict", trained.folder, digits, "--top", 0).code == 2


def test_a_class_called_as_a_column_keeps_the_columns_of_a_csv_apart(
    viewfinder, trained, digits, tmp_path
):
    folder = copied(trained.folder, tmp_path)
    record = json.loads((folder / "labels.json").read_text())
    record["classes"] = ["label", *record["classes"][1:]]
    (folder / "labels.json").write_text(json.dumps(record))
    ended = viewfinder("predict", folder, next(digits.glob("test/*/*.png")), "--csv")
    head, row = csv.reader(io.StringIO(ended.out))
    others = record["classes"][1:]
    assert head == ["picture", "label", "confidence", "probability label", *others, "rejection"]
    assert sum(map(float, row[3:6])) == pytest.approx(1)


def test_a_coverage_prints_sets_and_unknown(viewfinder, trained, digits, tmp_path):
    folder = copied(trained.folder, tmp_path)
    paths = sorted(digits.glob("test/*/*.png"))[:3]
    viewfinder("predict", folder, *paths, "--coverage", 0.5).refused(3, "--coverage 0.5")
    ended = viewfinder("evaluate", folder, "--coverage", 0.5)
    assert ended.code == 0, ended.err
    record = json.loads((folder / "prediction_sets.json").read_text())
    for level, is_inside in ((2, True), (0, False)):
        record["levels"] = [level] * len(record["levels"])
        (folder / "prediction_sets.json").write_text(json.dumps(record))
        words = ["predict", folder, *paths, "--coverage", 0.5]
        for one in viewfinder(*words, "--top", 9, "--json").json["predictions"]:
            assert one["set"] == (list(one["probabilities"]) if is_inside else [])
        assert ("unknown" not in viewfinder(*words).out) == is_inside
        rows = list(csv.DictReader(io.StringIO(viewfinder(*words, "--csv").out)))
        assert [bool(json.loads(row["set"])) for row in rows] == [is_inside] * 3
    record["model"] = "0"
    (folder / "prediction_sets.json").write_text(json.dumps(record))
    viewfinder("predict", folder, *paths, "--coverage", 0.5).refused(3, "sets of another model")
