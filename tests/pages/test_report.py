"""The page tells the truth, whole, alone and safely, whatever the run was like."""

import base64
import io
import json
import re
import shlex
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from pages.made import Made, history, made_run
from viewfinder.core.errors import OutputError
from viewfinder.core.files import write_json
from viewfinder.core.shares import Figure
from viewfinder.evaluation.doctor import Diagnosis, case_of, diagnose
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict
from viewfinder.evaluation.slices import Slice
from viewfinder.pages.parts.words import counted
from viewfinder.pages.report import Further, Look, write_report
from viewfinder.run_folder import RunFolder

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "猫 – “ñ” \u202egnp.exe",
    "{{ 7 * 7 }}{% raw %}",
    "</style><svg onload=alert(1)>",
    "$\\frac{x}$",
    "n\nl\x00",
    "very long " * 60,
]
VOID = {"meta", "img", "br", "rect", "circle", "input"}
NBSP = "\N{NO-BREAK SPACE}"


class Page(HTMLParser):
    """Every tag, attribute and text of a page; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.parts: list[str] = []
        self.folds: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open
        self.text = re.sub(r"\s+", " ", "".join(self.parts).replace(NBSP, " "))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.parts.append(data)


def report(made: Made, folder: Path) -> Page:
    """The page of a run in this folder, once each file that the report writes has been checked."""
    run = made.written(folder)
    ours = {"plots", "report.html", "report.json", "model-card.md"}
    before = {file for file in folder.rglob("*.*") if not ours & set(file.parts)}
    path = write_report(run)
    assert path == folder / "report.html"
    assert path.stat().st_size < 10_000_000
    files = {*folder.rglob("*.*")} - before
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    scored = ["confusion", "precision-recall", "reliability", "roc"]
    drawn = ["accuracy", "loss", *(scored if run.headline else [])]
    plots = [f"plots/{name}.{suffix}" for name in drawn for suffix in ("png", "svg")]
    plots += ["plots/mistakes.png", "plots/samples.png"]
    assert names == sorted([*plots, "model-card.md", "report.html", "report.json"])
    for name in names:
        if name.endswith(".png"):
            with Image.open(folder / name) as image:
                image.load()
    return Page(path.read_text(encoding="utf-8"))


def test_verdict_names_the_test_split(tmp_path: Path) -> None:
    page = report(made_run(wrong=1), tmp_path)
    # 9 of 10 right; Wilson's interval from R's prop.test(9, 10, correct = FALSE).
    assert (
        "Classifies 90.0 % of 10 unseen test pictures correctly (95 % interval 59.6–98.2 %)."
        in page.text
    )
    assert "Always answering “cat” would be correct for 50.0 % of them." in page.text
    assert "An independent test" in page.text
    assert "An optimistic estimate" not in page.text
    assert "interrupted" not in page.text


def test_validation_figure_is_called_optimistic(tmp_path: Path) -> None:
    page = report(made_run(splits={"train": 6, "validation": 20}, wrong=2), tmp_path)
    assert "Classifies 95.0 % of 40 validation pictures outside training correctly" in page.text
    assert "An optimistic estimate" in page.text
    assert "These same pictures chose the best epoch (7)," in page.text
    assert "There is no test split" in page.text
    assert "unseen" not in page.text


def test_a_solved_head_is_not_said_to_have_a_best_epoch_nor_to_overfit(tmp_path: Path) -> None:
    probe = {"chosen": 0.01, "accuracy": 0.93, "tried": []}
    page = report(made_run(epochs=1, wrong=1, probe=probe), tmp_path)
    assert "pictures chose" not in page.text
    assert "A much higher one means overfitting" not in page.text
    assert "on folds of them, its accuracy is 93.0 %" in page.text


def test_fine_tuning_that_was_not_kept_is_a_choice_between_two_models(tmp_path: Path) -> None:
    """The head is solved: its row has no other to be chosen among."""
    phases = ["head", *["fine-tuning, not kept"] * 3]
    made = made_run(epochs=4, wrong=1)
    made = replace(made, history=made.history.assign(phase=phases))
    folder = tmp_path / "run"
    made.written(folder)
    figures = {"accuracy": 0.9, "loss": 0.3}
    record = {"before": figures, "after": figures, "only_before": 2, "only_after": 3}
    record |= {"kept": False, "pictures": 20}
    write_json(folder / "fine_tuning.json", record)
    assert RunFolder(folder).decisions == ("between the head and the fine-tuned model",)
    write_json(folder / "fine_tuning.json", record | {"kept": True})
    tuned = made.history.assign(phase=["head", *["fine-tuning"] * 3])
    tuned.to_csv(folder / "history.csv", index=False)
    chose = ("the best epoch (3)", "between the head and the fine-tuned model")
    assert RunFolder(folder).decisions == chose


def test_contradicting_labels_are_a_caution(tmp_path: Path) -> None:
    made = made_run()
    data = made.data.copy()
    cats = data.index[(data["label"] == "cat") & (data["split"] == "train")]
    dogs = data.index[(data["label"] == "dog") & (data["split"] == "train")]
    data.loc[dogs[:2], "content"] = data.loc[cats[:2], "content"].to_numpy()
    page = report(replace(made, data=data), tmp_path)
    assert "Contradicting labels" in page.text
    assert "4 pictures are exact copies of each other under different labels" in page.text
    assert "at least 2 of these labels are wrong" in page.text
    run = RunFolder(tmp_path)
    assert f"viewfinder audit {run.source} lists them all" in page.text
    assert case_of(run).contradicting == 4
    assert diagnose(case_of(run)).verdicts[0].code == "labels-contradict"


def test_suggested_commands_name_the_data_and_the_folder(tmp_path: Path) -> None:
    tries = (
        Try("viewfinder split DATA --output NAME.dataset", "keeps duplicates in one split"),
        Try("viewfinder lr-find DATA --config RUN/recipe.yaml", "finds a rate"),
    )
    found = Diagnosis((Verdict("x", Severity.WARNING, "A finding.", tries=tries),))
    run = made_run().written(tmp_path / "a run")
    copied = [one.flag for one in found.to_copy(run).verdicts[0].tries]
    data, name = str(run.source), Path(str(run.source)).name
    assert shlex.split(copied[0])[2:] == [data, "--output", f"{name}.dataset"]
    assert shlex.split(copied[1])[2:] == [data, "--config", f"{run}/recipe.yaml"]


def test_what_leaks_is_told_for_every_split_and_is_not_called_unseen(tmp_path: Path) -> None:
    made = made_run()
    known = {"leaks": {"exact": 1, "near": 2}, "without_leaks": None}
    metrics = {**made.metrics, "validation": made.metrics["validation"] | known}
    page = report(replace(made, metrics=metrics), tmp_path / "validation")
    assert re.search(r"3 of \d+ validation pictures are also in training \(1 exactly, 2", page.text)
    assert "unseen test pictures correctly" in page.text
    metrics["test"] = metrics["test"] | known
    page = report(replace(made, metrics=metrics), tmp_path / "test")
    assert "test pictures, some of which are also in training, correctly (95" in page.text
    assert "unseen" not in page.text
    all_known = metrics["test"] | {"leaks": {"exact": 3, "near": 7}, "without_leaks": None}
    page = report(replace(made, metrics=metrics | {"test": all_known}), tmp_path / "all")
    assert "10 test pictures, all of which are also in training, correctly" in page.text


def test_training_pictures_alone_say_nothing(tmp_path: Path) -> None:
    page = report(made_run(splits={"train": 9}), tmp_path)
    assert "of its 18 training pictures correctly" in page.text
    assert "This says nothing about new pictures" in page.text


def test_confidence_is_held_against_the_truth(tmp_path: Path) -> None:
    made = made_run(splits={"train": 9, "test": 20}, wrong=3)
    sure = made.predictions.assign(confidence=0.95)
    text = report(replace(made, predictions=sure), tmp_path).text
    assert "a confidence of 90 % or more (40 of 40), 92.5 % are correct" in text
    assert "Confident answers" not in report(made_run(), tmp_path).text


def test_guessing_is_named_when_not_beaten(tmp_path: Path) -> None:
    assert "Not clearly better than guessing" in report(made_run(wrong=4), tmp_path / "bad").text
    fine = report(made_run(splits={"train": 9, "test": 50}, wrong=2), tmp_path / "good")
    assert "Not clearly better" not in fine.text


def test_baseline_is_the_class_that_is_largest_in_training(tmp_path: Path) -> None:
    made = made_run(wrong=1)
    # Three dogs fewer to learn from, three cats fewer to be tested on.
    gone = made.data["locator"].isin([f"train/1/{n}.png" for n in range(3)])
    page = report(replace(made, data=made.data[~gone]), tmp_path)
    assert "Always answering “cat”" in page.text


def test_interrupted_run_says_so(tmp_path: Path) -> None:
    page = report(
        made_run(epochs=3, timing={"ended": "interrupted", "interrupted": True}), tmp_path
    )
    assert "The run was interrupted" in page.text
    assert "stopped after 3 epochs" in page.text


@pytest.mark.usefixtures("whole_plots")
@pytest.mark.parametrize("classes", [1, 100])
def test_any_number_of_classes(classes: int, tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(classes)]
    made = made_run(classes=names, splits={"train": 8, "test": 2}, wrong=0 if classes == 1 else 7)
    page = report(made, tmp_path)
    assert all(name in page.text for name in names)
    shown = sum(1 for tag, name, _ in page.attributes if (tag, name) == ("img", "src"))
    assert shown <= 120 + 300 + 480
    assert page.tags["h2"] == 9


def test_confusion_holds_every_count_and_pair(tmp_path: Path) -> None:
    made = made_run(classes=["a", "b", "c"], splits={"train": 4, "test": 30}, wrong=11)
    text = write_report(made.written(tmp_path)).read_text(encoding="utf-8")
    matrix = text[text.index('<table class="matrix') :].partition("</table>")[0]
    cells = re.findall(r'<a href="#(cell-\d-\d)" aria-label="([^"]+)">(\d+)</a>', matrix)
    assert [count for *_, count in cells] == ["19", "11", "30", "30"]
    assert cells[1][1] == f"a taken for b: 11{NBSP}pictures"
    assert f"a taken for b: 11 times ({11 / 30:.1%}".replace("%", " %") in Page(text).text


def test_each_cell_opens_its_own_pictures(tmp_path: Path) -> None:
    made = made_run(classes=["a", "b", "c"], splits={"train": 4, "test": 30}, wrong=11)
    text = write_report(made.written(tmp_path)).read_text(encoding="utf-8")
    answers = made.predictions[made.predictions["split"] == "test"]
    for (true, said), rows in answers.groupby(["label", "predicted"]):
        place = f'id="cell-{"abc".index(str(true))}-{"abc".index(str(said))}"'
        cell = text[text.index(place) :].partition("</ul>")[0]
        shown = re.findall(r'alt="([^"]+)"', cell)
        assert set(shown) <= set(rows["locator"])
        assert len(shown) == min(24, len(rows))
        order = rows.set_index("locator")["confidence"][shown].diff().dropna()
        assert ((order >= 0) if true == said else (order <= 0)).all()


@pytest.mark.usefixtures("svg_plots")
def test_shades_of_many_classes_hold_every_cell(tmp_path: Path) -> None:
    names = [f"{number}" for number in range(31)]
    made = made_run(classes=names, splits={"train": 1, "test": 3}, wrong=10)
    text = write_report(made.written(tmp_path)).read_text(encoding="utf-8")
    (data,) = re.findall(r'<image [^>]*href="data:image/png;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        depth = np.asarray(image)[..., 3]
    counts = np.array(made.metrics["test"]["confusion"])
    assert ((depth > 0) == (counts > 0)).all()


def test_no_mistakes_at_all(tmp_path: Path) -> None:
    page = report(made_run(wrong=0), tmp_path)
    assert "Classifies 100 % of 10 unseen test pictures correctly" in page.text
    assert "None: every test picture was classified correctly." in page.text
    assert "No two classes were confused." in page.text


@pytest.mark.parametrize("count", [14, 320])
def test_mistakes_are_ordered_by_confidence_and_limited(tmp_path: Path, count: int) -> None:
    made = made_run(splits={"train": 3, "test": 400}, wrong=count)
    page = report(made, tmp_path)
    titles = [value for tag, name, value in page.attributes if (tag, name) == ("span", "title")]
    mistakes = made.written(tmp_path / "again").mistakes
    expected = mistakes["locator"].tolist()
    assert len(expected) == count
    assert titles == expected[:300]
    sure = mistakes["confidence"]
    assert (sure.diff().dropna() <= 0).all()
    assert page.tags["input"] == -(-min(count, 300) // 20)
    assert ("300 of 320 mistakes" in page.text) == (count > 300)
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["mistakes"]["count"] == count
    assert [one["locator"] for one in record["mistakes"]["surest"]] == expected[:300]


@pytest.mark.usefixtures("composed_plots")
@pytest.mark.parametrize("epochs", [1, 2, 200])
def test_curves_are_described_with_their_last_values(epochs: int, tmp_path: Path) -> None:
    made = made_run(epochs=epochs)
    page = report(made, tmp_path)
    labels = {value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")}
    last = made.history.iloc[-1]
    assert (
        f"Loss over {counted(epochs, 'epoch')}: training ends at {last.loss:.3f}, "
        f"validation ends at {last.val_loss:.3f}."
    ) in labels
    assert len(labels) == 5


@pytest.mark.usefixtures("whole_plots")
def test_no_finished_epoch(tmp_path: Path) -> None:
    made = made_run(
        history=history(0),
        timing={"ended": "interrupted", "interrupted": True},
        metrics={"best_epoch": None},
    )
    page = report(made, tmp_path)
    assert "No epoch was finished." in page.text
    assert "No pictures were scored." in page.text


@pytest.mark.usefixtures("svg_plots")
def test_a_solved_head_shows_its_folds_in_place_of_curves(tmp_path: Path) -> None:
    tried = [
        {"strength": strength, "accuracy": 0.9, "accuracies": [0.85, 0.95], "loss": 0.25}
        for strength in (0.001, 0.1)
    ]
    made = made_run(probe={"schema": 1, "chosen": 0.1, "accuracy": 0.9, "tried": tried})
    page = write_report(made.written(tmp_path)).read_text()
    assert "<strong>0.1</strong>" in page
    assert "<strong>0.001</strong>" not in page
    assert page.count("85.0&nbsp;%") + page.count("85.0\N{NO-BREAK SPACE}%") == len(tried)
    assert "a typical epoch" not in page
    assert "Seconds for each epoch" not in page
    assert "epoch</summary>" not in page
    assert 'aria-label="Accuracy over' not in page
    assert not list(tmp_path.rglob("loss.*"))


@pytest.mark.usefixtures("whole_plots")
def test_missing_validation_and_broken_values(tmp_path: Path) -> None:
    table = history(6, validation=False)
    table.loc[3:, ["loss", "accuracy"]] = np.nan
    text = write_report(made_run(history=table).written(tmp_path)).read_text(encoding="utf-8")
    assert "validation ends" not in text
    assert not re.search(r'(?:d|x|y|cx|cy|y1)="[^"]*(?:nan|inf)', text)


@pytest.mark.usefixtures("whole_plots")
def test_gone_files_leave_a_word_in_their_place(tmp_path: Path) -> None:
    page = report(made_run(picture=lambda _: None), tmp_path)
    assert page.tags["img"] == 0
    assert page.text.count("File not found") == 12 + 2 + 10


def test_small_pictures_keep_their_pixels(tmp_path: Path) -> None:
    made = made_run(wrong=1)
    page = report(made, tmp_path)
    images = [(name, value) for tag, name, value in page.attributes if tag == "img"]
    assert ("class", "tiny") in images
    assert {value for name, value in images if name in ("width", "height")} == {"8"}
    large = replace(made, picture=lambda _: np.zeros((900, 1600, 3), np.uint8))
    page = report(large, tmp_path)
    images = [(name, value) for tag, name, value in page.attributes if tag == "img"]
    assert ("class", "tiny") not in images
    assert ("width", "168") in images


def test_what_was_left_out_is_listed_with_its_reason(tmp_path: Path) -> None:
    made = made_run()
    bad = (
        made.data.head(300)
        .iloc[[0] * 300]
        .assign(
            locator=[f"bad {number:03d}.jpg" for number in range(300)],
            status="truncated",
            detail="62 % is there",
            split=None,
            width=np.nan,
            height=np.nan,
        )
    )
    beside = [("LICENSE", "not inside a class folder")]
    whole = replace(made, data=pd.concat([made.data, bad]), skipped=beside)
    page = report(whole, tmp_path)
    assert "truncated: 300 files; not inside a class folder: 1 file." in page.text
    assert "bad 000.jpg" in page.text
    assert "And 101 more files." in page.text
    assert "Nothing: every picture could be read." in report(made, tmp_path).text


def test_data_recipe_and_time_are_told(tmp_path: Path) -> None:
    text = report(made_run(), tmp_path).text
    for part in (
        "30 usable pictures in 2 classes",
        "Every picture is 8 × 8.",
        "training.epochs30",
        "training.augmentgentle",
        "dense (Dense)",
        "a typical epoch1 s",
        "total1 min 15 s",
    ):
        assert part in text


@pytest.mark.usefixtures("whole_plots")
def test_hostile_names_stay_text(tmp_path: Path) -> None:
    made = made_run(classes=HOSTILE, wrong=9)
    names = {locator: f"{locator}/{HOSTILE[0]}{HOSTILE[1]}" for locator in made.data["locator"]}
    made = replace(
        made,
        model_summary=HOSTILE[4],
        recipe=made.recipe.changed({"name": HOSTILE[1], "summary": HOSTILE[4]}),
        environment=made.environment | {HOSTILE[0]: HOSTILE[1]},
        data=made.data.assign(locator=made.data["locator"].map(names), detail=HOSTILE[0]),
        predictions=made.predictions.assign(locator=made.predictions["locator"].map(names)),
    )
    page = report(made, tmp_path / HOSTILE[1])
    assert page.tags["script"] == 0
    assert page.tags["style"] == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    for name in HOSTILE[:5]:
        assert " ".join(name.split()) in page.text
    assert all(value for tag, name, value in page.attributes if (tag, name) == ("img", "src"))


@pytest.mark.usefixtures("svg_plots")
def test_page_asks_the_network_for_nothing(tmp_path: Path) -> None:
    page = report(made_run(), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[^\"]+", "", text))
    for tag, name, value in page.attributes:
        if name in ("src", "href", "srcset", "data", "action"):
            assert value
            assert value.startswith("data:image/" if tag in ("img", "image") else "#")
    assert "link" not in page.tags
    assert "default-src 'none'" in text


def test_links_lead_to_sections(tmp_path: Path) -> None:
    page = report(made_run(), tmp_path)
    places = {value for _, name, value in page.attributes if name == "id"}
    links = {value for tag, name, value in page.attributes if name == "href" and tag != "image"}
    assert links <= {f"#{place}" for place in places}
    assert {f"#{place}" for place in places if not str(place).startswith("sheet-")} <= links


@pytest.mark.usefixtures("svg_plots")
def test_noise_stays_within_the_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for classes in (10, 120):
        names = [f"{number}" for number in range(classes)]
        splits = {"train": 6, "test": 10}
        report(made_run(classes=names, splits=splits, wrong=12, picture=lambda _: noise), tmp_path)


def test_what_the_model_adds(tmp_path: Path) -> None:
    made = made_run(wrong=2)
    run = made.written(tmp_path)
    first, second = run.mistakes["locator"]
    heat = np.zeros((8, 8, 3), np.uint8)
    look = Look(heat, "train/1/0.png", "dog", 0.9)
    worse = Slice("brightness", "≤ 20", 12, Figure(0.5, 0.2, 0.8), 0.9, 0.004, is_worse=True)
    further = Further(slices=(worse,), looks={first: look}, notes=("A note.",))
    page = Page(write_report(replace(run, further=further)).read_text(encoding="utf-8"))
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert alts.count("What spoke for dog") == 1
    assert alts.count("The nearest training picture: dog") == 1
    for words in ("brightness ≤ 20", "1 slice is less accurate", "A note.", "Grad-CAM"):
        assert words in page.text
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["slices"][0]["property"] == "brightness"
    nearest = {one["locator"]: one["nearest"] for one in record["mistakes"]["surest"]}
    assert nearest == {first: "train/1/0.png", second: None}


@pytest.mark.usefixtures("composed_plots")
def test_epochs_of_the_doctor_are_marked_in_the_curves(tmp_path: Path) -> None:
    run = made_run(epochs=8).written(tmp_path)
    found = Verdict("overfitting", Severity.WARNING, "Overfits.", evidence={"onset_epoch": 4})
    text = write_report(replace(run, diagnosis=Diagnosis((found,), ()))).read_text(encoding="utf-8")
    assert text.count("; epoch 4: overfits from here.") == 2


@pytest.mark.parametrize("wrong", [1, 0])
def test_figures_have_intervals_and_baselines(tmp_path: Path, wrong: int) -> None:
    made = made_run(splits={"train": 9, "validation": 9, "test": 50}, wrong=wrong)
    page = report(made, tmp_path)
    record = json.loads((tmp_path / "report.json").read_text())
    low, high = record["figures"]["accuracy"]["interval"]
    assert [low, high] == made.metrics["test"]["accuracy_interval"]
    assert record["baselines"][0]["accuracy"]["value"] == 0.5
    assert f"log loss at temperature {record['temperature']:.2f}" in page.text
    assert "majority class: accuracy50.0 %" in page.text


def test_the_card_has_front_matter_and_stays_text(tmp_path: Path) -> None:
    report(made_run(classes=HOSTILE, wrong=9), tmp_path)
    text = (tmp_path / "model-card.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["pipeline_tag"] == "image-classification"
    (result,) = facts["model-index"][0]["results"]
    metrics = {one["type"]: one["value"] for one in result["metrics"]}
    record = json.loads((tmp_path / "report.json").read_text())
    assert metrics["accuracy"] == round(record["figures"]["accuracy"]["value"], 4)
    assert "<script" not in body.replace("\\<", "")
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert len(rows) > len(HOSTILE)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4, 5}


@pytest.mark.usefixtures("composed_plots")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    run = made_run().written(tmp_path)
    (tmp_path / "plots").write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        write_report(run)
