"""Hard negatives: documents and programs whose boilerplate is the larger part."""

from __future__ import annotations

import random
import tomllib

from .base import Draft, Generator, budget, cut, shuffled
from .rounds import SCENES
from .words import ADJECTIVES, CITIES, NAMES, NOUNS, TOPICS, VERBS, sentence

KINDS = {
    "string": "n/a", "integer": "0", "boolean": "false", "number": "1.0", "array": "[]",
}  # fmt: skip


def _endpoint(rng: random.Random, noun: str, index: int) -> str:
    method, code = (
        rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH"]),
        rng.choice([200, 201, 204]),
    )
    fields = [(n, rng.choice(list(KINDS))) for n in rng.sample(NOUNS, rng.randint(2, 4))]
    adjective, verb = rng.choice(ADJECTIVES), rng.choice(VERBS)
    if index % 3 == 0:
        rows = "".join(
            f"| `{n}` | {k} | {rng.choice(['yes', 'no'])} | The {rng.choice(ADJECTIVES)} {n} of "
            f"the {noun}. |\n"
            for n, k in fields
        )
        return (
            f"### {method} /{noun}s/{{id}}/{fields[0][0]}\n\n{verb.capitalize()} the {adjective} "
            f"{noun}.\n\n**Parameters**\n\n| Name | Type | Required | Description |\n"
            f"|---|---|---|---|\n{rows}\n**Returns** {code} with the {noun}, or 404 if there is "
            f"no such {noun}.\n\n"
        )
    name = f"{verb.removesuffix('s')}_{noun}"
    args = ", ".join(f"{n}: {k}" for n, k in fields)
    if index % 3 == 1:
        body = "".join(
            f"    {n} : {k}\n        The {rng.choice(ADJECTIVES)} {n}. Default is {KINDS[k]}.\n"
            for n, k in fields
        )
        return (
            f"{name}({args})\n\n    {verb.capitalize()} the {adjective} {noun}.\n\n"
            f"    Parameters\n    ----------\n{body}\n    Returns\n    -------\n    {noun}\n"
            f"        The {noun} that {rng.choice(VERBS)} the {fields[0][0]}.\n\n    Raises\n"
            f"    ------\n    ValueError\n        If the {fields[-1][0]} is "
            f"{rng.choice(ADJECTIVES)}.\n\n"
        )
    tags = "".join(f" * @param {{{k}}} {n} - the {rng.choice(ADJECTIVES)} {n}\n" for n, k in fields)
    return (
        f"/**\n * {verb.capitalize()} the {adjective} {noun}.\n *\n{tags}"
        f" * @returns {{{noun}}} the {noun} of {rng.choice(CITIES)}\n"
        f" * @throws {{Error}} if there is no {noun}\n */\n"
        f"export declare function {name}({', '.join(n for n, _ in fields)})\n\n"
    )


def api_docs(rng: random.Random, index: int) -> Draft:
    """The same headings for one endpoint or function after the other."""
    text = "".join(_endpoint(rng, noun, index) for noun in rng.sample(NOUNS, 24))
    return Draft("Write the reference of the interface.", "# Reference\n\n" + text,
                 budget(rng, 500, 1_400))  # fmt: skip


def _resource(rng: random.Random, noun: str, index: int) -> str:
    big, field = noun.capitalize(), rng.choice(NOUNS)
    verb = rng.choice(VERBS).removesuffix("s")
    return (
        f"def {verb}_{noun}(session, {noun}_id):\n"
        f"    if not isinstance({noun}_id, int):\n"
        f'        raise TypeError("{noun}_id must be an integer")\n'
        f"    {noun} = session.get({big}, {noun}_id)\n"
        f"    if {noun} is None:\n"
        f'        raise LookupError(f"no {noun} with id {{{noun}_id}}")\n'
        f"    {noun}.{field} = None\n"
        f"    session.commit()\n"
        f'    logger.info("{verb} %s", {noun}_id)\n'
        f"    return {noun}\n\n\n",
        f"func (s *Server) {verb.capitalize()}{big}(w http.ResponseWriter, r *http.Request) {{\n"
        f'\tid, err := strconv.Atoi(r.PathValue("id"))\n'
        f"\tif err != nil {{\n\t\thttp.Error(w, err.Error(), http.StatusBadRequest)\n\t\treturn\n"
        f"\t}}\n\t{noun}, err := s.store.{big}(r.Context(), id)\n"
        f"\tif err != nil {{\n\t\thttp.Error(w, err.Error(), http.StatusNotFound)\n\t\treturn\n"
        f"\t}}\n\twriteJSON(w, {noun}.{field.capitalize()})\n}}\n\n",
        f"export async function {verb}{big}(id: number): Promise<{big}> {{\n"
        f"  const response = await fetch(`/api/{noun}s/${{id}}/{field}`);\n"
        f"  if (!response.ok) {{\n"
        f"    throw new Error(`Could not {verb} {noun} ${{id}}`);\n  }}\n"
        f"  const data = await response.json();\n  return {big}.parse(data);\n}}\n\n",
        f"TEST({big}Test, {verb.capitalize()}s{field.capitalize()}) {{\n"
        f"  auto {noun} = Make{big}({rng.randint(2, 99)});\n"
        f"  ASSERT_TRUE({noun} != nullptr);\n"
        f'  {noun}->Set{field.capitalize()}("{rng.choice(ADJECTIVES)}");\n'
        f"  EXPECT_EQ({noun}->size(), {rng.randint(2, 999)});\n"
        f"  EXPECT_FALSE({noun}->empty());\n}}\n\n",
    )[index % 4]


def crud_functions(rng: random.Random, index: int) -> Draft:
    """Functions of which only the names differ, for one resource after the other."""
    text = "".join(_resource(rng, noun, index) for noun in rng.sample(NOUNS, 26))
    return Draft("Write the handlers of all resources.", text, budget(rng, 500, 1_400))


ACTS = (
    ("sell", "sold"), ("move", "moved"), ("hide", "hidden"), ("paint", "painted"),
    ("borrow", "borrowed"), ("repair", "repaired"), ("measure", "measured"), ("count", "counted"),
    ("open", "opened"), ("draw", "drawn"), ("guard", "guarded"), ("weigh", "weighed"),
)  # fmt: skip


def statute(rng: random.Random, index: int) -> Draft:
    """Sections of one wording about different acts."""
    text = ""
    for number, (thing, other) in enumerate(
        zip(shuffled(rng, NOUNS), shuffled(rng, NOUNS), strict=True), rng.randint(3, 40)
    ):
        verb, done = rng.choice(ACTS)
        town, old = rng.choice(CITIES), rng.choice(ADJECTIVES)
        a = "an" if old[0] in "aeiou" else "a"
        text += (
            f"§ {number}. (1) A person who, without lawful authority or reasonable excuse, "
            f"{verb}s {a} {old} {thing} in the district of {town} is guilty of "
            f"an offence and liable on conviction to a fine not exceeding "
            f"{rng.randint(2, 90) * 50}.\n(2) It is a defence that the {thing} was lent to a "
            f"{other}-keeper.\n\n",
            f"Article {number}\n\n1. Member States shall ensure that any {thing} that is placed on "
            f"the market is {old} and bears the mark of the {other}.\n"
            f"2. By way of derogation from paragraph 1, {town} may allow a {thing} for "
            f"{rng.randint(2, 36)} months.\n\n",
            f"{number}. WHEREAS the {thing} {rng.choice(VERBS)} the {other}, and WHEREAS "
            f"{rng.choice(NAMES)} of {town} holds the {old} {thing}, NOW "
            f"THEREFORE it is resolved that the {thing} be {done} within {rng.randint(3, 90)} "
            f"days.\n\n",
        )[index % 3]
    return Draft("Draft the law.", text, budget(rng, 500, 1_300))


AIMS = (
    "takes aim at {s}", "frees {s} for the knight", "defends the pawn on {s}", "opens the {f}-file",
    "threatens mate on {s}", "gives up {s} for the initiative", "prevents a check on {s}",
    "prepares to double the rooks on the {f}-file", "blocks the bishop", "wins a tempo",
    "is slower than {s}, which was stronger", "leaves {s} weak for good", "forces matters",
    "offers an exchange on {s}", "is the move of the textbook", "looks natural but allows {s}",
)  # fmt: skip


def chess_commented(rng: random.Random, index: int) -> Draft:
    """Moves with a comment on each."""

    def square() -> str:
        return rng.choice("abcdefgh") + rng.choice("12345678")

    text = f"{rng.choice(NAMES)} against {rng.choice(NAMES)}, {rng.choice(CITIES)}.\n\n"
    for i in range(1, 70):
        white = rng.choice(["", "N", "B", "R", "Q", "K"]) + square()
        black = rng.choice(["", "N", "B", "R", "Q", "K"]) + square()
        first, second = (a.format(s=square(), f=rng.choice("abcdefgh"))
                         for a in rng.sample(AIMS, 2))  # fmt: skip
        text += (
            f"{i}. {white} {{{first}}} {i}... {black} {{{second}}}\n",
            f"White plays {white}, which {first}. Black answers {black}, which {second}.\n",
            f"**{i}. {white}** {first}. **{black}** {second}.\n\n",
        )[index % 3]
    return Draft("Comment on the game move by move.", text, budget(rng, 500, 1_200))


def _exchange(rng: random.Random, index: int) -> str:
    subject, place = rng.choice(TOPICS), rng.choice(CITIES)
    return (
        f"Q: What does the manual say about {subject} in {place}?\nA: {sentence(rng)} "
        f"{sentence(rng)}\n\n",
        f"User: How do I {rng.choice(ACTS)[0]} the {rng.choice(NOUNS)} in {place}?\n"
        f"Assistant: I'm happy to help with that. {sentence(rng)} "
        f"Let me know if you need anything else.\n\n",
        f"INTERVIEWER: And {subject}, when did you come to that?\nMS {place.upper()}: "
        f"{sentence(rng)} {sentence(rng)}\n\n",
    )[index % 3]


def question_and_answer(rng: random.Random, index: int) -> Draft:
    """Questions and answers that open and close alike and say something else each time."""
    text = "".join(_exchange(rng, index) for _ in range(50))
    return Draft("Go on with the conversation.", text, budget(rng, 450, 1_200))


BY_HAND = {
    kind: entries
    for file in sorted(SCENES.glob("advancing_*.toml"))
    for kind, entries in tomllib.loads(file.read_text(encoding="utf-8")).items()
}


def written(kind: str) -> tuple[Generator, int]:
    """Return the generator of a kind whose texts were written by hand, and how many there are."""

    def generate(rng: random.Random, index: int) -> Draft:
        entry = BY_HAND[kind][index]
        return Draft(entry["prompt"], cut(rng, entry["text"], 0.9, 0.99))

    return generate, len(BY_HAND[kind])


GENERATORS: dict[str, tuple[Generator, int]] = {
    "api_docs": (api_docs, 8),
    "crud_functions": (crud_functions, 8),
    "statute": (statute, 7),
    "chess_commented": (chess_commented, 7),
    "question_and_answer": (question_and_answer, 7),
    "options_in_turn": written("options_in_turn"),
    "rechecked_then_on": written("rechecked_then_on"),
    "dialogue_that_advances": written("dialogue_that_advances"),
    "translated_lines": written("translated_lines"),
}
