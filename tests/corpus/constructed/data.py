"""Hard negatives: data formats, logs, arrays of zeros that end, and opaque strings."""

from __future__ import annotations

import base64
import json
import random

from .base import Draft, Generator, budget, cut, shuffled
from .words import (
    ADJECTIVES,
    CITIES,
    COLOURS,
    NAMES,
    NOUNS,
    PRODUCTS,
    VERBS,
    date,
    full_name,
    prose,
    sentence,
)


def json_records(rng: random.Random, index: int) -> Draft:
    """An array of objects with equal keys and different values."""
    keys = rng.sample(["name", "city", "born", "colour", "score", "active", "tags", "note"], 4)

    def value(key: str) -> object:
        match key:
            case "name":
                return full_name(rng)
            case "city":
                return rng.choice(CITIES)
            case "born":
                return date(rng)
            case "colour":
                return rng.choice(COLOURS)
            case "score":
                return rng.randint(0, 1000) / 10
            case "active":
                return rng.random() < 0.5
            case "tags":
                return rng.sample(NOUNS, rng.randint(1, 3))
            case _:
                return sentence(rng)

    records = [{"id": rng.randint(1, 9999)} | {k: value(k) for k in keys} for _ in range(90)]
    indent = (None, 2, 4)[index % 3]
    text = json.dumps(records, indent=indent)
    if index % 4 == 3:
        text = "\n".join(json.dumps(r) for r in records)
    return Draft("Generate test users as JSON.", "```json\n" + text, budget(rng))


def json_schema(rng: random.Random, index: int) -> Draft:
    """A schema, echoed once, and then an instance of it."""
    fields = rng.sample(NOUNS, 14)
    kinds = {f: rng.choice(["string", "integer", "number", "boolean"]) for f in fields}
    schema = {
        "type": "object",
        "properties": {
            f: {
                "type": kinds[f],
                "description": f"The {rng.choice(ADJECTIVES)} {f} that {rng.choice(VERBS)}",
            }
            for f in fields
        },
        "required": fields[: 5 + index],
    }
    sample = {"string": "n/a", "integer": 7, "number": 0.5, "boolean": True}
    text = f"The schema is:\n{json.dumps(schema, indent=2)}\nAn instance:\n" + json.dumps(
        {f: sample[kinds[f]] for f in fields}, indent=2
    )
    return Draft("Repeat the schema and fill it in.", cut(rng, text, 0.9, 0.98))


def log_file(rng: random.Random, index: int) -> Draft:
    """Timestamps and varied messages."""
    second, lines = rng.randint(0, 40_000), []
    for _ in range(120):
        second += rng.randint(1, 700)
        clock = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        level = rng.choice(["INFO", "INFO", "DEBUG", "WARN", "ERROR"])
        lines.append(
            (
                f"2024-03-{1 + second // 86400:02d} {clock} {level} {rng.choice(NOUNS)}: "
                f"{sentence(rng)}",
                f"[{clock}] {level.lower()} pid={rng.randint(100, 9999)} {rng.choice(VERBS)} "
                f"{rng.choice(NOUNS)}",
                f"{clock}.{rng.randint(0, 999):03d} | {rng.choice(NAMES)} | "
                f"{rng.choice(VERBS)} /{rng.choice(NOUNS)}/{rng.randint(1, 500)} "
                f"{rng.choice([200, 301, 404, 500])}",
            )[index % 3]
        )
    return Draft("Show the log of the service.", "\n".join(lines), budget(rng))


def zeros_in_matrix(rng: random.Random, index: int) -> Draft:
    """Runs of at most forty zeros between rows of other numbers."""
    comma = (", ", ",", " ")[index % 3]

    def row() -> list[int]:
        start = [rng.randint(1, 99) for _ in range(rng.randint(2, 6))]
        middle = [0] * rng.randint(12, 34)
        return [*start, *middle, *(rng.randint(1, 999) for _ in range(rng.randint(3, 9)))]

    rows = ["[" + comma.join(map(str, row())) + "]" for _ in range(40)]
    text = "matrix = [\n  " + ",\n  ".join(rows)
    # The rows end in other numbers, so that a cut inside a run leaves a short one.
    return Draft("Write the sparse matrix.", text, budget(rng))


def zeros_that_end(rng: random.Random, index: int) -> Draft:
    """A long array of one number that ends in time; the output is cut a little later."""
    fill = ("0, ", "0,", "0 ", "0.0, ", "false, ", "null, ")[index % 6]
    zeros = (fill * rng.randint(90, 240)).rstrip(", ")
    rest = ", ".join(
        f"{rng.choice(NOUNS)}={rng.randint(2, 9999)}" for _ in range(rng.randint(4, 9))
    )
    form = (
        "weights = [{z}]\n\n# The remaining values\n{r}",
        '{{"mask": [{z}], "rest": "{r}"',
        "let v = vec![{z}];\n// {r}\nlet total = v.iter().su",
    )[index % 3]
    text = form.format(z=zeros, r=rest)
    if index % 2:
        text += f"\n{prose(rng, 3)}"
    return Draft("Initialise the buffer, then describe it.", text,
                 note="a long run of one value that ended before the budget")  # fmt: skip


def sparse_rows(rng: random.Random, index: int) -> Draft:
    """A one-hot matrix, its rows in random order."""
    size = 14 + 2 * index
    rows = [["0"] * size for _ in range(24)]
    for row in rows:
        for place in rng.sample(range(size), rng.randint(1, 3)):
            row[place] = str(rng.randint(1, 9))
    text = "\n".join((" ".join(r), "[" + ", ".join(r) + "],", "".join(r))[index % 3] for r in rows)
    return Draft("Write the one-hot codes.", cut(rng, "codes:\n" + text), 1_400)


def base64_text(rng: random.Random, index: int) -> Draft:
    """Random bytes as base64."""
    blob = base64.b64encode(rng.randbytes(2_000)).decode()
    if index % 2:
        blob = "\n".join(blob[i : i + 76] for i in range(0, len(blob), 76))
    return Draft("Encode the picture.", "data:image/png;base64," + blob, budget(rng, 300, 700))


def hex_dump(rng: random.Random, index: int) -> Draft:
    """Offsets, bytes, and characters."""
    lines = []
    for i in range(60):
        data = rng.randbytes(16 if index % 2 else 8)
        plain = "".join(chr(b) if 32 <= b < 127 else "." for b in data)
        lines.append(f"{i * len(data):08x}  {data.hex(' ')}  |{plain}|")
    return Draft("Dump the file in hexadecimal.", "\n".join(lines), budget(rng, 300, 800))


def dna(rng: random.Random, index: int) -> Draft:
    """Bases without order, in the forms of sequence files."""
    bases = "".join(rng.choices("ACGT", k=24_000))
    if index % 3 == 1:
        bases = "\n".join(bases[i : i + 60] for i in range(0, 24_000, 60))
    if index % 3 == 2:
        bases = " ".join(bases[i : i + 10] for i in range(0, 24_000, 10))
    return Draft(
        "Give me the sequence.", f">seq{rng.randint(1, 99)}\n{bases}", budget(rng, 300, 900)
    )


def identifiers(rng: random.Random, index: int) -> Draft:
    """UUIDs, hashes, colours, coordinates or licence plates, one per line."""

    def line() -> str:
        h = rng.randbytes(20).hex()
        return (
            f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}",
            f"{h[:40]}  {rng.choice(NOUNS)}.{rng.choice(['txt', 'png', 'csv'])}",
            f"--{rng.choice(NOUNS)}-{rng.choice(ADJECTIVES)}: #{h[:6]};",
            f"{rng.uniform(-90, 90):.5f}, {rng.uniform(-180, 180):.5f}",
        )[index % 4]

    return Draft(
        "List the identifiers.", "\n".join(line() for _ in range(150)), budget(rng, 300, 900)
    )


def dice_and_coins(rng: random.Random, index: int) -> Draft:
    """Random throws, with their running number or without."""
    form = ("Roll {i}: {a}\n", "{a} ", "Throw {i}: {a} and {b}, sum {s}\n", "{coin}, ")[index % 4]
    text = ""
    for i in range(1, 900):
        a, b = rng.randint(1, 6), rng.randint(1, 6)
        text += form.format(i=i, a=a, b=b, s=a + b, coin=rng.choice(["heads", "tails"]))
    return Draft("Throw dice or coins for me.", text, budget(rng, 300, 900))


def settings(rng: random.Random, index: int) -> Draft:
    """Settings in YAML, INI, TOML or as environment variables."""

    def value() -> str:
        return rng.choice(
            [str(rng.randint(0, 9999)), rng.choice(NOUNS), "true", "false", date(rng)]
        )

    names = shuffled(rng, [f"{a}_{n}" for a in ADJECTIVES for n in NOUNS])[:170]
    form = ("{}: {}", "{} = {}", '{} = "{}"', "export {}={}")[index % 4]
    lines = []
    for i, name in enumerate(names):
        if index % 2 and i % 8 == 0:
            lines.append(f"\n[{rng.choice(PRODUCTS)}.{rng.choice(COLOURS)}]")
        lines.append(form.format(name.upper() if index % 4 == 3 else name, value()))
    return Draft("Write the configuration file.", "\n".join(lines), budget(rng))


GENERATORS: dict[str, tuple[Generator, int]] = {
    "json_records": (json_records, 4),
    "json_schema": (json_schema, 3),
    "log_file": (log_file, 4),
    "zeros_in_matrix": (zeros_in_matrix, 4),
    "zeros_that_end": (zeros_that_end, 6),
    "sparse_rows": (sparse_rows, 3),
    "base64": (base64_text, 3),
    "hex_dump": (hex_dump, 3),
    "dna": (dna, 3),
    "identifiers": (identifiers, 4),
    "dice_and_coins": (dice_and_coins, 4),
    "settings": (settings, 4),
}
