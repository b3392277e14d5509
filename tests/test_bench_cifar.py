"""bench/: CIFAR-10 as JPEG records becomes folders that the reader takes; the published set is held back."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cifar_records
import numpy as np
import pytest
import training_cifar
from PIL import Image
from spanbit.errors import SpanbitError
from spanbit.nn.data.cifar import CLASSES


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, shade, shade)).save(file, "JPEG", quality=95)
    return file.getvalue()


def packed(labels: list[int]) -> bytes:
    parts = [struct.pack("<4sI", b"CJPG", len(labels))]
    for place, label in enumerate(labels):
        image = jpeg(10 * place)
        parts += [struct.pack("<BI", label, len(image)), image]
    return b"".join(parts)


def test_records_become_folders_by_class_the_last_ones_apart(tmp_path: Path) -> None:
    source, labels = tmp_path / "records", [*range(10), 3, *range(10)]
    source.write_bytes(packed(labels))
    assert cifar_records.unpack(source, tmp_path / "cifar", held_back=10) == (11, 10)
    data = training_cifar.held_back(tmp_path / "cifar")
    assert data.class_names == CLASSES
    assert data.train_images.shape == (11, 32, 32, 3) and data.test_images.shape == (10, 32, 32, 3)
    for images, found in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        places = np.rint(images.mean((1, 2, 3)) / 10).astype(int)  # the shade says which record it was
        assert [labels[place] for place in places] == found.tolist()
    assert np.rint(data.test_images.mean((1, 2, 3)) / 10).min() == 11


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    whole = packed([0, 1, 2])
    source = tmp_path / "records"
    cases = {
        b"": "does not begin with CJPG",
        b"JPGC" + whole[4:]: "does not begin with CJPG",
        whole[:-1]: "record 2 has label 2",
        whole[: len(packed([0, 1])) + 3]: "record 2 is cut off",
        whole[:8] + b"\x0a" + whole[9:]: "record 0 has label 10",
        whole: "3 records, 5000 of them",
    }
    for content, why in cases.items():
        source.write_bytes(content)
        with pytest.raises(SpanbitError, match="JPEG records") as caught:
            cifar_records.unpack(source, tmp_path / "cifar")
        assert why in caught.value.why
    assert not (tmp_path / "cifar").exists()


def test_of_the_published_set_the_last_training_images_judge(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    batches = [random.randint(0, 256, (1200, 3073)).astype(np.uint8) for _ in range(6)]
    names = [*(f"data_batch_{part}.bin" for part in range(1, 6)), "test_batch.bin"]
    for name, batch in zip(names, batches, strict=True):
        batch[:, 0] %= 10
        (folder / name).write_bytes(batch.tobytes())
    data = training_cifar.held_back(tmp_path)
    labels = np.concatenate([batch[:, 0] for batch in batches[:5]])
    assert data.train_labels.tolist() == labels[:1000].tolist()
    assert data.test_labels.tolist() == labels[1000:].tolist()
    assert len(data.train_images) == 1000 and len(data.test_images) == 5000
