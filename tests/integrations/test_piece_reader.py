from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import byte_tokenizer
from tokenizers import Tokenizer, decoders, models

from loopbench.integrations.pieces import MAX_HELD, PieceReader

TOKENIZER = byte_tokenizer()


def utf8(ids: list[int]) -> str:
    return bytes(ids).decode("utf-8", "replace")


def test_a_split_character_counts_for_its_last_token() -> None:
    pieces = PieceReader(utf8)
    assert [pieces.push(byte) for byte in "né🙂!".encode()] == [
        "n", "", "é", "", "", "", "🙂", "!",
    ]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd")))
def test_pieces_make_up_the_text(text: str) -> None:
    pieces = PieceReader(lambda ids: TOKENIZER.decode(ids, clean_up_tokenization_spaces=False))
    parts = [pieces.push(i) for i in TOKENIZER.encode(text)]
    assert "".join(parts) == text
    assert all(len(part) <= 1 for part in parts)


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), max_size=200))
def test_broken_bytes_neither_stall_nor_grow(data: list[int]) -> None:
    longest = 0

    def decode(ids: list[int]) -> str:
        nonlocal longest
        longest = max(longest, len(ids))
        return utf8(ids)

    pieces = PieceReader(decode)
    parts = [pieces.push(byte) for byte in data]
    assert longest <= 2 * (MAX_HELD + 1)
    assert all(any(parts[i : i + MAX_HELD + 1]) for i in range(len(data) - MAX_HELD))


def test_the_space_before_a_word_is_kept() -> None:
    words = ["<s>", "▁57", ".", "▁Lily", "▁58"]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<s>"))
    core.add_special_tokens(["<s>"])
    core.decoder = decoders.Metaspace()
    pieces = PieceReader(lambda ids: core.decode(ids, skip_special_tokens=True))
    assert core.decode([1, 2, 3, 4]) == "57. Lily 58"
    assert [pieces.push(i) for i in (0, 1, 2, 3, 0, 4)] == ["", "57", ".", " Lily", "", " 58"]


def test_bytes_that_stand_in_for_a_missing_character() -> None:
    words = ["<unk>", "▁ab", *(f"<0x{byte:02X}>" for byte in "🙂".encode())]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>"))
    core.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )  # fmt: skip
    pieces = PieceReader(core.decode)
    parts = [pieces.push(i) for i in (1, 2, 3, 4, 5, 1, 2, 1)]
    assert parts == ["ab", "", "", "", "🙂", " ab", "", "� ab"]
