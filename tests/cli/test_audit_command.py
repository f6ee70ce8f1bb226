"""`viewfinder audit` from outside: output, exit codes, files, pages."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audit import faults
from folders import write_picture
from pages.test_report import HOSTILE, Page
from viewfinder.cli import main
from viewfinder.data.sources.folder import FolderSource


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return faults.write_made(tmp_path / "made", each=24)


def plant_leak(root: Path) -> None:
    data = (root / "train/cats/cats.0.jpg").read_bytes()
    (root / "validation/cats/copy.jpg").write_bytes(data)


def test_a_sound_dataset(made: Path) -> None:
    result = run("audit", made, "--fail-on", "warning")
    assert result.exit_code == 0
    assert "96 pictures, 96 of them readable: 0 errors, 0 warnings" in result.stdout
    assert "Page: audit.html" in result.stdout
    page = Page(Path("audit.html").read_text(encoding="utf-8"))
    assert "96 pictures checked: no problems" in page.text


def test_a_leak_is_an_error(made: Path) -> None:
    plant_leak(made)
    result = run("audit", made, "--no-html")
    assert result.exit_code == 0
    assert "one picture, two splits" in result.stdout
    assert "train/cats/cats.0.jpg, validation/cats/copy.jpg" in result.stdout
    assert not Path("audit.html").exists()
    assert run("audit", made, "--no-html", "--fail-on", "error").exit_code == 1


def test_fail_on_names_the_least_severity_that_fails(made: Path) -> None:
    (made / "train/cats/empty.jpg").touch()
    assert run("audit", made, "--no-html", "--fail-on", "error").exit_code == 0
    assert run("audit", made, "--no-html", "--fail-on", "warning").exit_code == 1
    assert run("audit", made, "--fail-on", "everything").exit_code == 2


def test_json_is_alone_on_stdout(made: Path) -> None:
    plant_leak(made)
    result = run("audit", made, "--json")
    document = json.loads(result.stdout)
    assert document["schema"] == 1
    assert document["counts"] == {"error": 1, "warning": 1, "info": 0}
    assert set(document["findings"][0]) == {
        "check",
        "severity",
        "count",
        "sentence",
        "remedy",
        "pictures",
        "groups",
        "classes",
    }
    assert not Path("audit.html").exists()
    assert run("audit", made, "--json", "--html", "there/page.html").exit_code == 0
    assert Path("there/page.html").exists()


def test_the_page_shows_pictures_and_opens_none_again(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_leak(made)
    run("audit", made)
    first = Path("audit.html").read_text(encoding="utf-8")
    page = Page(first)
    shown = 4 + 2 * (1 + 16)  # the pair under two findings; the mean and a sample of each class
    assert page.tags["img"] == shown
    assert "1 problem to fix before any result can be trusted" in page.text
    assert "default-src 'none'" in first
    assert not re.search(r'(src|href)="(?!data:|#)', first)
    monkeypatch.setattr(FolderSource, "read", None)
    assert run("audit", made).exit_code == 0
    assert Page(Path("audit.html").read_text(encoding="utf-8")).tags["img"] == shown


def test_all_pictures_of_a_long_finding_can_be_opened(made: Path) -> None:
    for number in range(160):
        (made / f"train/cats/empty-{number}.jpg").touch()
    for number in range(9):
        faults.made_photo(500).save(made / f"train/cats/copy-{number}.png")
    run("audit", made)
    page = Page(Path("audit.html").read_text(encoding="utf-8"))
    assert page.text.count("no pixels") == 160
    assert "Pictures 25 to 144" in page.text
    assert "Pictures 145 to 160" in page.text
    assert "and 3 more" in page.text  # of one group


@pytest.mark.usefixtures("whole_plots")
def test_hostile_names_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(HOSTILE[:6]):
        folder = tmp_path / "data" / name.replace("/", "∕").replace("\0", "")[:60]
        folder.mkdir(parents=True)
        for number in range(3):
            faults.made_photo(place * 3 + number % 2).save(folder / f"{number} <b>&.png")
    result = run("audit", "data")
    assert result.exit_code == 0, result.output
    page = Page(Path("audit.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "<script>alert" in page.text
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_nothing_to_audit_is_an_error_of_the_data(tmp_path: Path) -> None:
    assert run("audit", tmp_path / "nowhere").exit_code == 3


@pytest.mark.usefixtures("svg_plots")
def test_the_dataset_is_shown_with_counts_sizes_means_and_samples(made: Path) -> None:
    (made / "train/cats/empty.jpg").touch()
    result = run("audit", made)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()[:4]]
    assert rows[0] == ["class", "train", "validation"]
    assert rows[3] == ["all", "48", "48"]
    page = Page(Path("audit.html").read_text(encoding="utf-8"))
    assert "1 cannot be read" in page.text
    assert "mean of 48" in page.text
    assert page.tags["img"] == 2 * (1 + 16)  # of each class, the mean and a sample
    assert "all 200 × 150" in page.text
    write_picture(made / "train/cats/wide.png", height=100, width=400)
    assert "Sizes: 2 sizes from 200 × 150 to 400 × 100." in run("audit", made).stdout
    page = Page(Path("audit.html").read_text(encoding="utf-8"))
    assert page.tags["svg"] == 2  # histograms of sizes and aspect ratios


@pytest.fixture
def unlabelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures side by side, two of them the same, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "flat"
    for number in range(3):
        write_picture(folder / f"{number}.png", number)
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "broken.jpg").write_bytes(b"")
    return folder


def test_pictures_without_labels_are_audited(unlabelled: Path) -> None:
    result = run("audit", unlabelled)
    assert result.exit_code == 0, result.output
    assert "There are no class folders: the pictures are audited without labels." in result.stderr
    assert "5 pictures, 4 of them readable" in result.stdout
    found = json.loads(run("audit", unlabelled, "--json", "-q").stdout)
    assert found["classes"] == []
    assert {one["check"] for one in found["findings"]} >= {"unreadable: empty", "exact duplicates"}
    assert not [one for one in found["findings"] if "class" in one["check"]]
    page = Page(Path("audit.html").read_text(encoding="utf-8"))
    assert "no labels" in page.text
    assert "The classes" not in page.text


def test_copies_across_splits_are_found_without_labels(unlabelled: Path) -> None:
    (unlabelled / "train").mkdir()
    (unlabelled / "test").mkdir()
    (unlabelled / "0.png").rename(unlabelled / "train/0.png")
    (unlabelled / "copy.png").rename(unlabelled / "test/0.png")
    for rest in [path for path in unlabelled.iterdir() if path.is_file()]:
        rest.rename(unlabelled / "train" / rest.name)
    found = json.loads(run("audit", unlabelled, "--json", "-q").stdout)
    assert "one picture, two splits" in {one["check"] for one in found["findings"]}


def test_one_class_is_audited_and_an_archive_too(unlabelled: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "flat"), "zip", unlabelled)
    assert json.loads(run("audit", packed, "--json", "-q").stdout)["pictures"] == 5
    unlabelled.rename(tmp_path / "cats")
    (tmp_path / "pets").mkdir()
    (tmp_path / "cats").rename(tmp_path / "pets/cats")
    assert json.loads(run("audit", tmp_path / "pets", "--json").stdout)["classes"] == ["cats"]


def test_what_needs_labels_refuses_and_names_the_audit(unlabelled: Path) -> None:
    for words in (["train"], ["preview"]):
        refused = run(*words, unlabelled)
        assert refused.exit_code == 3
        assert "no class folders" in refused.stderr
        assert "`viewfinder audit` accepts pictures without labels" in refused.stderr


def test_how_the_data_was_read_is_shown(viewfinder, tmp_path):
    """Rows of numbers, scaled by a stated range."""
    pictures = np.random.default_rng(0).integers(-8, 9, (40, 8, 8)) / 8
    np.savez(tmp_path / "x.npz", images=pictures, labels=np.arange(40) % 2)
    refused = viewfinder("audit", "x.npz", "--no-html")
    refused.refused(3, "not clear which numbers", "such as --range -1,1")
    ended = viewfinder("audit", "x.npz", "--no-html", "--range", "-1,1")
    assert "Numbers from -1 to 1 were scaled to levels from 0 to 255." in ended.out.splitlines()
    viewfinder("audit", "x.npz", "--range", "0..1").refused(2, "--range is not a range")
