"""The build cache: nothing is compiled twice, every change is seen, a failure leaves nothing behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from spanbit.cbuild import build
from spanbit.errors import ExitCode, SpanbitError


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPANBIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "answer.h").write_text("#define ANSWER 3\n")
    (folder / "main.c").write_text('#include "answer.h"\nint main(void) { return ANSWER; }\n')
    return folder / "main.c"


def _build(source: Path, *flags: str) -> Path:
    return build(("gcc", *flags), [source], include=(), output_name="answer")


def test_same_content_is_built_once_and_a_header_counts(source: Path) -> None:
    first = _build(source)
    stamp = first.stat().st_mtime_ns
    assert _build(source) == first and first.stat().st_mtime_ns == stamp
    assert _build(source, "-O2") != first
    (source.parent / "answer.h").write_text("#define ANSWER 4\n")
    second = _build(source)
    assert [subprocess.run([path], check=False).returncode for path in (first, second)] == [3, 4]


def test_an_error_of_the_compiler_is_told_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    source.write_text("int main(void) { return ANSWER }\n")
    with pytest.raises(SpanbitError, match="ANSWER") as caught:
        _build(source)
    assert caught.value.code == ExitCode.TOOLCHAIN
    assert list((tmp_path / "cache" / "build").iterdir()) == []


def test_a_missing_compiler_is_named(source: Path) -> None:
    with pytest.raises(SpanbitError, match="no-such-cc"):
        build(("no-such-cc",), [source], include=(), output_name="x")
