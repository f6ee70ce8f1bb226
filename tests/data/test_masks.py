"""Masks beside pictures are found by their names; pictures with such names are none."""

import time
from pathlib import Path

import pytest

from folders import write_classes, write_picture
from small import small_recipe
from viewfinder.audit import audit
from viewfinder.clean import plan_cleaning
from viewfinder.core.progress import Progress
from viewfinder.data.masks import masks_in
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.prepare import prepare


def folder_of(root: Path, form: str, masks: int = 9) -> Path:
    """Two classes, of which `benign` has a mask beside each picture, or so many."""
    write_classes(root, {"benign": 9, "normal": 9})
    for number in range(masks):
        write_picture(root / "benign" / form.format(number), 100 + number)
    return root


@pytest.mark.parametrize(
    "form",
    [
        *("{}_mask.png", "{}_mask_1.png", "{}_seg.jpg", "{}_label.png", "{}.mask.png"),
        *(
            "{}_Segmentation.png",
            "{}-gt.png",
            "{}mask(2).png",
            "mask_{}.png",
            "{}_ground_truth.png",
            "all/{}_mask.png",
        ),
    ],
)
def test_masks_are_found_and_left_out(tmp_path: Path, form: str) -> None:
    found = audit(open_dataset(folder_of(tmp_path, form)))
    masks = {f"benign/{form.format(number)}" for number in range(9)}
    assert set(found["masks"].paths) == masks
    assert found["masks"].severity == "warning"
    assert set(plan_cleaning(found, ["masks"]).decisions[0].changes["locator"]) == masks


@pytest.mark.parametrize("form", ["masked_{}.png", "{}_1.png", "{}_flipped.png", "a{}_mask.png"])
def test_names_without_a_word_for_masks_or_a_picture_beside_them(tmp_path: Path, form: str) -> None:
    assert "masks" not in audit(open_dataset(folder_of(tmp_path, form)))


def test_most_pictures_of_a_class_have_masks(tmp_path: Path) -> None:
    """A few may be pictures of labels and masks."""
    assert "masks" not in audit(open_dataset(folder_of(tmp_path / "few", "{}_label.png", 4)))
    assert audit(open_dataset(folder_of(tmp_path / "most", "{}_label.png", 5)))["masks"].count == 5


def test_people_with_masks_are_no_masks(tmp_path: Path) -> None:
    """As in a dataset of masked faces, which stand beside the others in another folder."""
    write_classes(tmp_path, {"without_mask": 9})
    for number in range(9):
        write_picture(tmp_path / "with_mask" / f"{number}_mask.png", 100 + number)
    write_picture(tmp_path / "without_mask/3_mask.png", 200)
    assert "masks" not in audit(open_dataset(tmp_path))


def test_a_long_name_takes_no_time(tmp_path: Path) -> None:
    """A table may have paths of any length; the square of it took minutes."""
    write_classes(tmp_path, {"a": 1, "b": 1})
    rows = f"path,label\na/0.png,a\nb/0.png,b\na/{'_' * 5_000}maskx.png,a\n"
    (tmp_path / "x.csv").write_text(rows)
    dataset = open_dataset(tmp_path / "x.csv")
    assert len(dataset) == 3
    began = time.process_time()
    assert not masks_in(dataset).any()
    assert time.process_time() - began < 1


def test_training_names_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path / "my scans", "{}_mask.png")
    prepare(open_dataset(folder), small_recipe(), progress=Progress(1))
    said = " ".join(capsys.readouterr().err.split())
    assert "masks of others: 9, such as benign/0_mask.png." in said
    assert f"viewfinder clean '{folder}' --fix masks --output NAME.dataset leaves them out." in said
