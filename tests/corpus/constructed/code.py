"""Hard negatives: program text, whose structure repeats under other names."""

from __future__ import annotations

import random

from .base import Draft, Generator, budget, cut, enough, until
from .words import ADJECTIVES, COLOURS, NOUNS, VERBS, identifier, sentence


def python_class(rng: random.Random, index: int) -> Draft:
    """Getters, setters and methods of one shape."""

    def method() -> str:
        name, field = identifier(rng), rng.choice(NOUNS)
        return (
            f"    def {name}(self, {field}):\n        self.{field} = {field}\n        return "
            f"self\n\n",
            f"    @property\n    def {field}_{rng.choice(ADJECTIVES)}(self) -> int:\n"
            f"        return self._{field} * {rng.randint(2, 99)}\n\n",
            f'    def {name}(self) -> None:\n        """{sentence(rng)}"""\n'
            f'        if not self.{field}:\n            raise ValueError("no {field}")\n\n',
        )[index % 3]

    text = f"class {rng.choice(NOUNS).capitalize()}:\n" + until(
        6_000, (method() for _ in range(99))
    )
    return Draft("Write the class with all its methods.", text, budget(rng))


def boilerplate(rng: random.Random, index: int) -> Draft:
    """A Java class, or a Go or Rust enumeration."""
    lines = []
    for noun in rng.sample(NOUNS, 40):
        big, kind = noun.capitalize(), rng.choice(["int", "String", "double", "boolean"])
        lines.append(
            (
                f"    public {kind} get{big}() {{\n        return {noun};\n    }}\n\n"
                f"    public void set{big}({kind} {noun}) "
                f"{{\n        this.{noun} = {noun};\n    }}\n",
                f"\tcase {big}{rng.choice(COLOURS).capitalize()}:\n\t\treturn "
                f'"{rng.choice(VERBS)}", nil',
                f"    Self::{big} => {{ self.{identifier(rng)}()?; }}",
            )[index % 3]
        )
    return Draft("Write the boilerplate.", cut(rng, "\n".join(lines)), 1_300)


def sql(rng: random.Random, index: int) -> Draft:
    """Tables, inserts or grants."""

    def statement() -> str:
        a, b, c = rng.sample(NOUNS, 3)
        return (
            f"INSERT INTO {a}s ({b}, {c}) VALUES ({rng.randint(1, 9999)}, "
            f"'{rng.choice(ADJECTIVES)}');\n",
            f"CREATE TABLE {a}s (\n  id INTEGER PRIMARY KEY,\n  {b} TEXT NOT NULL,\n"
            f"  {c}_id INTEGER REFERENCES {c}s(id)\n);\n\n",
            f"SELECT {a}.{b}, COUNT(*) FROM {a} JOIN {c} USING (id) WHERE {b} > "
            f"{rng.randint(1, 99)};\n",
        )[index % 3]

    return Draft(
        "Write the migration.", until(6_000, (statement() for _ in range(200))), budget(rng)
    )


def stylesheet(rng: random.Random, index: int) -> Draft:
    """Rules of one form."""

    def rule() -> str:
        return (
            f".{rng.choice(NOUNS)}-{rng.choice(ADJECTIVES)} {{\n  margin: {rng.randint(0, 40)}px;\n"
            f"  color: {rng.choice(COLOURS)};\n}}\n\n",
            f"#{rng.choice(NOUNS)} "
            f"{{ width: {rng.randint(1, 100)}%; height: {rng.randint(1, 90)}vh }}\n",
        )[index % 2]

    return Draft("Style the page.", until(6_000, (rule() for _ in range(300))), budget(rng))


def markup(rng: random.Random, index: int) -> Draft:
    """A form, a menu, or an XML document."""

    def element() -> str:
        a, b = rng.sample(NOUNS, 2)
        return (
            f'  <label for="{a}">{rng.choice(ADJECTIVES).capitalize()} {a}</label>\n'
            f'  <input type="text" id="{a}" name="{a}_{b}">\n',
            f'<li><a href="/{a}/{b}.html">{rng.choice(VERBS).capitalize()} the {a}</a></li>\n',
            f"  <entry key='{a}.{b}'>\n    <value>{rng.randint(1, 9999)}</value>\n  </entry>\n",
        )[index % 3]

    return Draft("Write the markup.", until(6_000, (element() for _ in range(300))), budget(rng))


def unit_tests(rng: random.Random, index: int) -> Draft:
    """Tests that differ in what they check."""

    def test() -> str:
        name, n = identifier(rng), rng.choice(NOUNS)
        return (
            f'def test_{name}_{n}():\n    assert {name}("{n}") == {rng.randint(0, 999)}\n\n\n',
            f"  it('{sentence(rng)[:-1].lower()}', () => {{\n"
            f"    expect({n}.{name}()).toBe({rng.randint(0, 99)});\n  }});\n\n",
            f"    @Test void {n}{rng.choice(COLOURS).capitalize()}() {{\n"
            f"        assertEquals({rng.randint(1, 500)}, {n}.size());\n    }}\n\n",
        )[index % 3]

    return Draft("Write the tests.", until(6_000, (test() for _ in range(200))), budget(rng))


def nested_code(rng: random.Random, index: int) -> Draft:
    """Deep nesting: indentation that grows and then shrinks again, over and over."""
    lines, depth = [], 0
    for _ in range(150):
        depth = max(0, min(14, depth + rng.choice([1, 1, 1, 0, -2, -1])))
        pad = ("    ", "  ", "\t")[index % 3] * depth
        a, b = rng.sample(NOUNS, 2)
        lines.append(
            (
                f"{pad}if {a} > {rng.randint(0, 99)}:",
                f'{pad}"{a}_{b}": {{',
                f"{pad}for (const {a} of {b}s) {{",
            )[index % 3]
        )
    return Draft("Write the nested structure.", "\n".join(lines), budget(rng, 300, 800))


def git_diff(rng: random.Random, index: int) -> Draft:
    """Hunks of removed and added lines."""

    def hunk() -> str:
        a, b, c = identifier(rng), rng.choice(NOUNS), rng.choice(NOUNS)
        line = rng.randint(1, 900)
        return (
            (f"diff --git a/{b}/{a}.py b/{b}/{a}.py\n" if rng.random() < 0.4 else "")
            + f"@@ -{line},{rng.randint(3, 9)} +{line},{rng.randint(3, 9)} @@ def {a}({b}):\n"
            + f"-    return {b} + {rng.randint(1, 99)}\n+    return {c} - {rng.randint(1, 99)}\n"
        )

    return Draft("Show the diff.", until(6_000, (hunk() for _ in range(120))), budget(rng))


def stack_trace(rng: random.Random, index: int) -> Draft:
    """Frames of different functions."""

    def frame() -> str:
        a, b, n = identifier(rng), rng.choice(NOUNS), rng.randint(1, 1900)
        return (
            f'  File "/srv/{b}/{rng.choice(NOUNS)}.py", line {n}, in {a}\n'
            f"    return {rng.choice(NOUNS)}.{identifier(rng)}({b})\n",
            f"\tat com.{b}.{rng.choice(NOUNS).capitalize()}.{a}({b.capitalize()}.java:{n})\n",
            f"#{rng.randint(0, 99)}  0x{rng.getrandbits(48):012x} in {a} () from lib{b}.so\n",
        )[index % 3]

    head = (
        "Traceback (most recent call last):\n",
        "java.lang.IllegalStateException\n",
        "Thread 1:\n",
    )
    frames = until(6_000, (frame() for _ in range(200)))
    return Draft("Why does it crash?", head[index % 3] + frames,
                 budget(rng, 300, 900))  # fmt: skip


def masks_and_patterns(rng: random.Random, index: int) -> Draft:
    """Flags, expressions and masks in no numerical order."""

    def line() -> str:
        name = f"{rng.choice(ADJECTIVES)}_{rng.choice(NOUNS)}".upper()
        bits = f"{rng.getrandbits(16):016b}"
        return (
            f"#define {name} 0b{bits}\n",
            f"{bits} & {rng.getrandbits(16):016b} | {name}\n",
            f"^{rng.choice(NOUNS)}[a-{rng.choice('fkz')}]"
            f"{{{rng.randint(1, 4)},{rng.randint(5, 9)}}}\\d+$\n",
        )[index % 3]

    return Draft("Define the masks and patterns.", until(enough(800), (line() for _ in range(300))),
                 budget(rng, 300, 800))  # fmt: skip


def shell_session(rng: random.Random, index: int) -> Draft:
    """Commands and what they print."""

    def step() -> str:
        a, b = rng.sample(NOUNS, 2)
        command = rng.choice(["ls", "cat", "wc -l", "rm -v", "stat", "head -3"])
        result = f"{rng.randint(1, 9999)} {rng.choice(ADJECTIVES)} {a}"
        return f"$ {command} {a}/{b}.{rng.choice(['txt', 'log'])}\n{result}\n"

    return Draft("Clean up the folder.", until(6_000, (step() for _ in range(200))), budget(rng))


GENERATORS: dict[str, tuple[Generator, int]] = {
    "python_class": (python_class, 3),
    "boilerplate": (boilerplate, 3),
    "sql": (sql, 3),
    "stylesheet": (stylesheet, 3),
    "markup": (markup, 3),
    "unit_tests": (unit_tests, 3),
    "nested_code": (nested_code, 3),
    "git_diff": (git_diff, 3),
    "stack_trace": (stack_trace, 3),
    "masks_and_patterns": (masks_and_patterns, 3),
    "shell_session": (shell_session, 3),
}
