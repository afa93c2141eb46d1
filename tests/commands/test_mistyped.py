"""The words themselves: what is empty, what is an address, and values that are no numbers."""

from __future__ import annotations

import pytest

from edgequant.commands.mistyped import check_words
from edgequant.core.errors import BadOption


@pytest.mark.parametrize("words", [["run", ""], ["run", "--out", ""], ["run", "--out="], ["run", "--out", "  "]])
def test_an_empty_word_is_refused(words: list[str]) -> None:
    """It would be this folder: pathlib reads it as a dot."""
    with pytest.raises(BadOption, match=r"^The word behind (run|--out) is empty"):
        check_words(words)


@pytest.mark.parametrize("word", ["https://a.b/c.onnx", "onnx:http://a.b/c", "s3://bucket/photos", "gs://b/photos"])
def test_an_address_is_refused_where_a_file_is_read(word: str) -> None:
    for words in (["quantize", word], ["quantize", "net.onnx", "--data", word], ["quantize", "a", f"--data={word}"]):
        with pytest.raises(BadOption, match=r"^\w+://\S+ is an address\..*curl -LO"):
            check_words(words)


def test_other_words_are_left_to_their_commands() -> None:
    check_words(["run", "digits", "--mlflow", "https://a.b:5000", "--set", "title=https://a.b"])
    check_words(["run", "--mlflow=https://a.b:5000", "C:/photos", "tflite:model.tflite", "--set", "name="])
