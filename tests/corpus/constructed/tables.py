"""Hard negatives: tables and lists whose form repeats and whose content does not."""

from __future__ import annotations

import random

from .base import Draft, Generator, budget, cut, enough, shuffled, until
from .words import (
    ADJECTIVES,
    CITIES,
    COLOURS,
    MONTHS,
    NAMES,
    NOUNS,
    PRODUCTS,
    VERBS,
    WEEKDAYS,
    date,
    full_name,
    sentence,
)


def _cell(rng: random.Random, column: str) -> str:
    match column:
        case "Name":
            return full_name(rng)
        case "City":
            return rng.choice(CITIES)
        case "Date":
            return date(rng)
        case "Item":
            return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
        case "Price":
            return f"{rng.randint(1, 900)}.{rng.randint(0, 99):02d}"
        case "Stock":
            return str(rng.randint(0, 2500))
        case "Colour":
            return rng.choice(COLOURS)
        case _:
            return f"{rng.choice(VERBS)} the {rng.choice(NOUNS)}"


COLUMNS = ("Name", "City", "Date", "Item", "Price", "Stock", "Colour", "Task")


def _rows(rng: random.Random, columns: list[str], n: int) -> list[list[str]]:
    return [[_cell(rng, column) for column in columns] for _ in range(n)]


def markdown_table(rng: random.Random, index: int) -> Draft:
    """A pipe table, cut in some row."""
    columns = rng.sample(COLUMNS, rng.randint(3, 5))
    rule = ("---", ":---", "---:", ":-:")[index % 4]
    lines = [columns, [rule] * len(columns), *_rows(rng, columns, 150)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    intro = f"Here is the table for {rng.choice(CITIES)}.\n\n"
    prompt = f"Make a Markdown table with the columns {', '.join(columns)}."
    return Draft(prompt, intro + text, budget(rng))


def html_table(rng: random.Random, index: int) -> Draft:
    """An HTML table, one cell or one row per line."""
    columns = rng.sample(COLUMNS, rng.randint(2, 4))
    joint, indent = ("\n", "    ") if index % 2 else ("", "")
    head = "".join(f"<th>{c}</th>" for c in columns)
    body = "\n".join(
        "  <tr>" + joint + joint.join(f"{indent}<td>{c}</td>" for c in row) + joint + "  </tr>"
        for row in _rows(rng, columns, 120)
    )
    text = f"<table>\n  <tr>{head}</tr>\n{body}\n</table>"
    return Draft(f"Write an HTML table of {', '.join(columns)}.", text, budget(rng))


def latex_table(rng: random.Random, index: int) -> Draft:
    """A LaTeX tabular with rules or without."""
    columns = rng.sample(COLUMNS, rng.randint(3, 4))
    end = (r" \\", r" \\ \hline", r" \\[2pt]")[index % 3]
    lines = [" & ".join(row) + end for row in _rows(rng, columns, 120)]
    text = (
        "\\begin{tabular}{" + "l" * len(columns) + "}\n" + " & ".join(columns) + end + "\n"
        + "\n".join(lines)
    )  # fmt: skip
    return Draft("Typeset the stock list in LaTeX.", text, budget(rng))


def padded_table(rng: random.Random, index: int) -> Draft:
    """Columns aligned by runs of spaces or dots."""
    fill = " " if index % 2 else "."
    rows = [
        (
            f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}",
            rng.randint(1, 99_999),
            rng.choice(CITIES),
        )
        for _ in range(100)
    ]
    text = "\n".join(f"{a:{fill}<30}{b:{fill}>12}{c:{fill}>16}" for a, b, c in rows)
    return Draft("Print the inventory in aligned columns.", text, budget(rng))


def numbered_list(rng: random.Random, index: int) -> Draft:
    """Forty items and more, each with a sentence of its own."""
    mark = ("{}. ", "{}) ", "Item {}: ", "**{}.** ")[index % 4]
    lines = [mark.format(i) + sentence(rng) for i in range(1, 120)]
    return Draft("List forty curious observations.", "\n".join(lines), budget(rng))


def bullet_list(rng: random.Random, index: int) -> Draft:
    """Bullets that open alike and go on differently."""
    opening = ("- Buy ", "* Remember the ", "• Never ", "- [ ] Check the ")[index % 4]
    things = shuffled(rng, (f"{a} {n}" for a in ADJECTIVES for n in NOUNS))[:200]
    text = "\n".join(f"{opening}{t} for {rng.choice(NAMES)}" for t in things)
    return Draft("Write my to-do list for the whole year.", text, budget(rng))


def csv_rows(rng: random.Random, index: int) -> Draft:
    """Comma- or semicolon-separated records with a running id."""
    columns = rng.sample(COLUMNS, 4)
    comma = (",", ";", "\t")[index % 3]
    start = rng.choice([1, 1, 1001])
    rows = [comma.join([str(start + i), *row]) for i, row in enumerate(_rows(rng, columns, 120))]
    head = comma.join(["id", *columns]).lower()
    return Draft("Generate sample data as CSV.", head + "\n" + "\n".join(rows), budget(rng))


def schedule(rng: random.Random, index: int) -> Draft:
    """A calendar of varied appointments."""
    lines = []
    for week in range(1, 30):
        if index % 2:
            lines.append(f"\n## Week {week}, {rng.choice(MONTHS)}")
        for day in WEEKDAYS:
            hour = f"{rng.randint(7, 19)}:{rng.choice(['00', '15', '30', '45'])}"
            lines.append(f"{day} {hour} – {_cell(rng, 'Task')} with {rng.choice(NAMES)}")
    return Draft("Plan the appointments of the next months.", "\n".join(lines), budget(rng))


def phone_list(rng: random.Random, index: int) -> Draft:
    """Names with telephone numbers."""
    form = ("{0}: +{1} {2} {3}", "{0} — ({2}) {3}", "Tel. {2}-{3} ({0})", "{0}\t0{2} {3}")[
        index % 4
    ]
    lines = [
        form.format(full_name(rng), rng.randint(30, 99), rng.randint(200, 989),
                    rng.randint(1_000_000, 9_999_999))
        for _ in range(150)
    ]  # fmt: skip
    return Draft("List the telephone numbers of the members.", "\n".join(lines), budget(rng))


def ip_addresses(rng: random.Random, index: int) -> Draft:
    """Hosts and their addresses."""

    def line(i: int) -> str:
        last = ".".join(str(rng.randint(1, 254)) for _ in range(2))
        host = f"{rng.choice(NOUNS)}-{rng.choice(COLOURS)}"
        return (f"10.{rng.randint(0, 99)}.{last} {host}",
                f"host {host} {{ fixed-address 192.168.{last}; }}",
                f"{i}\t172.16.{last}/{rng.randint(20, 30)}\t{host}")[index % 3]  # fmt: skip

    text = "\n".join(line(i) for i in range(1, 150))
    return Draft("Write the host file of our network.", text, budget(rng))


def glossary(rng: random.Random, index: int) -> Draft:
    """Terms in alphabetical order."""
    terms = sorted({f"{n} {m}" for n in NOUNS for m in rng.sample(NOUNS, 3)})
    dash = (": ", " – ", "\n: ")[index % 3]
    lines = [f"{t.capitalize()}{dash}{sentence(rng)}" for t in rng.sample(terms, 100)]
    return Draft("Write a glossary of the trade.", "\n".join(sorted(lines)), budget(rng))


def receipt(rng: random.Random, index: int) -> Draft:
    """A receipt with quantities, prices and totals."""
    lines, total = [], 0
    for _ in range(60):
        quantity, price = rng.randint(1, 24), rng.randint(15, 4999)
        total += quantity * price
        lines.append(
            f"{quantity} x {rng.choice(PRODUCTS)} @ {price / 100:.2f} = "
            f"{quantity * price / 100:.2f}" + (f"   (total {total / 100:.2f})" if index % 2 else "")
        )
    return Draft("Write the receipt.", cut(rng, "\n".join(lines)))


def register(rng: random.Random, index: int) -> Draft:
    """Records of several lines each."""

    def record() -> str:
        person = f"Name: {full_name(rng)}\nBorn: {date(rng)}\nTown: {rng.choice(CITIES)}\n"
        return f"{person}Note: {sentence(rng)}\n\n"

    text = until(enough(1_000), (record() for _ in range(999)))
    return Draft("Show the register of all members.", text, budget(rng))


GENERATORS: dict[str, tuple[Generator, int]] = {
    "markdown_table": (markdown_table, 4),
    "html_table": (html_table, 4),
    "latex_table": (latex_table, 3),
    "padded_table": (padded_table, 4),
    "numbered_list": (numbered_list, 4),
    "bullet_list": (bullet_list, 4),
    "csv_rows": (csv_rows, 3),
    "schedule": (schedule, 4),
    "phone_list": (phone_list, 4),
    "ip_addresses": (ip_addresses, 3),
    "glossary": (glossary, 3),
    "receipt": (receipt, 3),
    "register": (register, 3),
}
