"""`viewfinder explain`: what a model sees in pictures."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import ForeignOptions, ResultOptions
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.words import percent
from viewfinder.pictures.codecs.magic import READABLE

if TYPE_CHECKING:
    from viewfinder.classifier import Classifier
    from viewfinder.core.progress import Progress
    from viewfinder.explain.attribution import Explanation
    from viewfinder.explain.crops import CropMap
    from viewfinder.run import Run

_MAPS = "Feature maps"
_LOOKED = "Where it looked"
_MOST_OF_FOLDER = 16


@dataclass(frozen=True)
class _LookOptions:
    """Where the model looked."""

    method: Annotated[
        Literal[
            "grad-cam",
            "grad-cam++",
            "hirescam",
            "layercam",
            "fused-cam",
            "integrated-gradients",
            "occlusion",
        ],
        typer.Option(help="How it is computed.", rich_help_panel=_LOOKED),
    ] = "grad-cam"
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Class to explain, or `all`; by default the most probable. Repeatable.",
            rich_help_panel=_LOOKED,
        ),
    ] = None
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Layer of the map; by default the last before the head.",
            rich_help_panel=_LOOKED,
        ),
    ] = None
    raw: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz", help="Write the maps as arrays, too.", rich_help_panel=_LOOKED
        ),
    ] = None


@dataclass(frozen=True)
class _MapOptions:
    """Feature maps and channels."""

    maps: Annotated[
        bool, typer.Option("--maps", help="Draw feature maps.", rich_help_panel=_MAPS)
    ] = False
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Layers by name or glob, such as 'conv*'; by default all convolutions and "
            "poolings. Repeatable.",
            rich_help_panel=_MAPS,
        ),
    ] = None
    channels: Annotated[
        int, typer.Option(min=1, max=64, help="Most channels of a layer.", rich_help_panel=_MAPS)
    ] = 12
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER:INDEX",
            help="Draw which of the pictures excite a channel most, and where.",
            rich_help_panel=_MAPS,
        ),
    ] = None


def explain(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run, a bundle, or a model: .keras, .h5.")
    ],
    pictures: Annotated[
        list[Path], typer.Argument(help="Files or folders; of a folder, up to 16 pictures.")
    ],
    *,
    look: _LookOptions,
    maps: _MapOptions,
    crops: Annotated[
        bool, typer.Option("--crops", help="Answer for crops of the picture, as a map.")
    ] = False,
    output: Annotated[Path, typer.Option(metavar="FILE", help="PNG to write.")] = Path(
        "explain.png"
    ),
    foreign: ForeignOptions,
    results: ResultOptions,
) -> None:
    """Draw where a model looked in pictures, its feature maps, or its answers for crops."""
    from viewfinder.classifier.opening import is_without_run
    from viewfinder.run import Run

    if sum((maps.maps, crops, maps.channel is not None)) > 1:
        raise UsageError(
            "One figure at a time.", expected="one of --maps, --channel and --crops, or none"
        )
    _require_effect(look, maps, crops)
    opened = None if is_without_run(run) else Run.open(run)
    classifier = foreign.load(opened.folder if opened else run, results.progress)
    if maps.channel is not None:
        document = _channel(classifier, pictures, maps.channel, output)
    elif maps.maps:
        document = _maps(classifier, _single(pictures, "--maps"), maps, output)
    elif crops:
        controls = opened and _held_out(opened, results)
        document = _crops(classifier, _single(pictures, "--crops"), controls, output, results)
    else:
        document = _look(classifier, pictures, look, output, results)
    if results.as_json:
        print_json({"schema": 1, "run": str(run), "output": str(output), **document})
    else:
        from viewfinder.cli.tables import print_lines

        print_lines(f"Figure: {output}")


def _require_effect(look: _LookOptions, maps: _MapOptions, crops: bool) -> None:
    """Raise for an option that the requested figure does not use."""
    if maps.layers and not maps.maps:
        raise UsageError("--layers has no effect.", expected="--layers together with --maps")
    is_other = maps.maps or crops or maps.channel is not None
    if is_other and (look.classes or look.layer or look.raw):
        raise UsageError(
            "--class, --layer and --raw have no effect.",
            expected="these options without --maps, --channel and --crops",
        )


def _look(
    classifier: "Classifier",
    pictures: list[Path],
    look: _LookOptions,
    output: Path,
    results: ResultOptions,
) -> dict[str, Any]:
    """Draw where the model looked; pictures that cannot be read are named and left out."""
    import numpy as np

    from viewfinder.explain.attribution import explain_images
    from viewfinder.explain.reading import input_pixels
    from viewfinder.pages.explanations.where import draw_explanations
    from viewfinder.pages.plots import save

    classes = look.classes or ()
    readable: dict[str, Any] = {}
    pictures = [file for path in pictures for file in _files(path, results.progress)]
    for path in pictures:
        try:
            readable[str(path)] = input_pixels(path, classifier.preprocessing)
        except DataError as error:
            if len(pictures) == 1:
                raise
            results.progress.say(f"Skipped: {error.fact} {error.received}", style="yellow")
    if not readable:
        raise DataError(
            "None of these files is a readable picture.",
            expected=f"{READABLE} files",
        )
    found = explain_images(
        classifier,
        list(readable),
        list(readable.values()),
        method=look.method,
        classes=classifier.classes if list(classes) == ["all"] else classes,
        layer=look.layer,
    )
    save(draw_explanations(found), output)
    if look.raw:
        from viewfinder.core.files import written_whole

        with written_whole(look.raw) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                maps=np.stack([one.values for one in found]),
                pictures=np.array([one.picture for one in found]),
                classes=np.array([one.label for one in found]),
            )
    if not results.as_json:
        _print_looks(found)
    return {"maps": [one.to_json() for one in found], "raw": look.raw and str(look.raw)}


def _files(path: Path, progress: "Progress") -> list[Path]:
    """The file, or some pictures of the folder, evenly spaced."""
    if not path.is_dir():
        return [path]
    from viewfinder.data.sources import open_dataset

    locators = list(open_dataset(path, needs_labels=False).table["locator"])
    chosen = locators[:: -(-len(locators) // _MOST_OF_FOLDER)]
    if len(chosen) < len(locators):
        progress.say(f"Of {path}, {len(chosen)} of {len(locators):,} pictures, evenly spaced.")
    return [path / locator for locator in chosen]


def _print_looks(found: "list[Explanation]") -> None:
    from viewfinder.cli.tables import print_table

    rows = [
        [one.picture, one.answer, f"{one.label} {percent(one.probability)}", one.layer or "pixels"]
        for one in found
    ]
    print_table(["picture", "answer", "map of", "layer"], rows)


def _maps(
    classifier: "Classifier", picture: Path, options: _MapOptions, output: Path
) -> dict[str, Any]:
    from viewfinder.explain.activations import feature_maps
    from viewfinder.pages.explanations.maps import draw_maps
    from viewfinder.pages.plots import save

    found = feature_maps(classifier, picture, layers=options.layers or ())
    save(draw_maps(found, options.channels), output)
    layers = [
        {
            "layer": one.layer,
            "kind": one.kind,
            "after": list(one.after),
            "shape": list(one.values.shape),
            "sparsity": one.sparsity,
            "effective_rank": one.effective_rank,
            "channels": one.order.tolist(),
        }
        for one in found.maps
    ]
    return {"picture": str(picture), "layers": layers}


def _channel(
    classifier: "Classifier", pictures: list[Path], channel: str, output: Path
) -> dict[str, Any]:
    from viewfinder.data.sources import open_dataset
    from viewfinder.explain.activations import exciting_patches
    from viewfinder.pages.explanations.maps import draw_patches
    from viewfinder.pages.plots import save

    layer, _, index = channel.rpartition(":")
    if not layer or not index.isdecimal():
        raise UsageError(
            "--channel is not a channel.",
            expected="LAYER:INDEX, such as conv_1:0",
            received=channel,
        )
    if len(pictures) != 1:
        raise UsageError("--channel takes one folder of pictures.", received=f"{len(pictures)}")
    dataset = open_dataset(pictures[0], needs_labels=False)
    found = exciting_patches(classifier, dataset, layer, int(index))
    save(draw_patches(found, layer, int(index)), output)
    patches = [{"picture": p.locator, "value": p.value, "box": list(p.box)} for p in found]
    return {"layer": layer, "channel": int(index), "patches": patches}


def _crops(
    classifier: "Classifier", picture: Path, controls: Any, output: Path, results: ResultOptions
) -> dict[str, Any]:
    from viewfinder.explain.crops import crop_map
    from viewfinder.pages.explanations.crops import draw_crops
    from viewfinder.pages.plots import save

    found = crop_map(classifier, picture, controls=controls)
    save(draw_crops(found), output)
    if not results.as_json:
        _print_crops(found)
    return {
        "picture": str(picture),
        "whole": asdict(found.whole),
        "crops": [asdict(one) for one in found.crops],
        "flips": len(found.flips),
        "mildest": found.mildest and asdict(found.mildest),
        "smallest": found.smallest and asdict(found.smallest),
        "controls": found.controls
        and {**asdict(found.controls), "is_evidence": found.controls.is_evidence},
    }


def _held_out(run: "Run", results: ResultOptions) -> Any:
    """The run's pictures that it was not trained on; None where they are gone."""
    try:
        dataset = run.dataset
    except DataError as error:
        results.progress.say(f"No control pictures: {error.fact}", style="yellow")
        return None
    for split in ("test", "validation"):
        if split in dataset.split_sizes():
            return dataset.only(split)
    return dataset


def _print_crops(found: "CropMap") -> None:
    from viewfinder.cli.tables import print_lines

    whole, mildest = found.whole, found.mildest
    lines = [f"The whole picture: {whole.label} {percent(whole.probability)}"]
    if not whole.is_decided:
        lines.append("The answer is undecided, so that another one for a crop is no evidence.")
    elif mildest is None:
        lines.append(f"None of {len(found.crops)} crops changes the answer.")
    else:
        smallest = found.smallest
        assert smallest is not None
        lines += [
            f"{len(found.flips)} of {len(found.crops)} crops change the answer.",
            f"The mildest keeps {percent(mildest.zoom, 0)} of each side: "
            f"{mildest.label} {percent(mildest.probability)}; the smallest keeps "
            f"{percent(smallest.zoom, 0)}: {smallest.label} {percent(smallest.probability)}",
            found.controls.sentence
            if found.controls
            else "No control pictures of this answer: the flip cannot be compared.",
        ]
    print_lines(*lines)


def _single(pictures: list[Path], flag: str) -> Path:
    if len(pictures) != 1:
        raise UsageError(f"{flag} takes one picture.", received=f"{len(pictures)}")
    if pictures[0].is_dir():
        raise UsageError(
            f"{flag} takes one picture.",
            expected=f"a file of {READABLE}",
            received=f"a folder, {pictures[0]}",
        )
    return pictures[0]
