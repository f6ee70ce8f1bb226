"""Decoding real data: broken files found by fuzzing, turned photos, and thousands of pets."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared_data import SHARED
from viewfinder.core.errors import Reason
from viewfinder.pictures.decode import decode
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}"),
]

# Decodes each file named on stdin and prints a line about it: all in a process of its own, so
# that its memory is measured and a crash is seen.
EACH_FILE = """
import json, re, sys, time
from pathlib import Path
from viewfinder.pictures.decode import decode
from viewfinder.core.errors import RejectedPicture

for line in sys.stdin:
    data, start = Path(line.rstrip("\\n")).read_bytes(), time.process_time()
    try:
        picture = decode(data, allow_truncated=sys.argv[1] == "allow")
        answer = list(picture.pixels.shape)
    except RejectedPicture as rejected:
        answer = rejected.reason.value
    seconds = time.process_time() - start
    # getrusage would count the parent's peak, too.
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    print(json.dumps([line.rstrip("\\n"), answer, seconds, peak]), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
@pytest.mark.parametrize("how", ["strict", "allow"])
def test_each_bad_picture_gives_pixels_or_one_typed_rejection(how):
    files = sorted(map(str, (SHARED / "bad_images").iterdir()))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", EACH_FILE, how],
        input="\n".join(files),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [name for name, *_ in answers] == files
    for name, answer, seconds, peak in answers:
        assert isinstance(answer, list) or answer in set(Reason), name
        assert seconds <= 10, name
        assert peak <= 1 << 30, name


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_turned_photos_all_stand_upright(shape):
    files = sorted((SHARED / "exif_orientation").glob(f"{shape}_*.jpg"))
    assert len(files) == 9
    preprocessing = Preprocessing(height=40, width=40)
    pictures = [prepare(file.read_bytes(), preprocessing) for file in files]
    assert [picture.orientation for picture in pictures] == [1, *range(1, 9)]
    upright = pictures[1].pixels.astype(int)
    for file, picture in zip(files, pictures, strict=True):
        assert np.abs(picture.pixels - upright).mean() < 12, file.name
        assert (picture.width > picture.height) == (shape == "Landscape")
        # Any other way up is further away.
        assert np.abs(np.rot90(picture.pixels, 2) - upright).mean() > 25, file.name


def test_reduced_decoding_of_photos_is_within_three_levels_of_full():
    files = sorted((SHARED / "cats_and_dogs_filtered").glob("*/*/*.jpg"))[::15]
    preprocessing = Preprocessing(height=150, width=150)
    errors = []
    for file in files:
        data = file.read_bytes()
        full = cv2.resize(decode(data).pixels, (150, 150), interpolation=cv2.INTER_AREA)
        errors.append(np.abs(prepare(data, preprocessing).pixels.astype(int) - full).mean())
    assert len(errors) == 200
    assert np.mean(errors) <= 3
