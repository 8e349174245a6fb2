"""Circular ends of calculations and searches: scenes whose numbers are drawn."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .rounds import Scene
from .words import CITIES, NAMES

THINKING = (
    "Wait, ", "Hmm, ", "So ", "Let me check again: ", "Okay, ", "", "But ", "Let me redo it: ",
)  # fmt: skip
DOUBTS = (
    "But [is that right|can that be]?",
    "[Let me|I should] [double-check|check] [that|this] [again|once more].",
    "That [is strange|cannot be|seems odd].",
    "I must have made a mistake.",
)
DOUBLE_CHECK = (
    "Let me double-check: ", "Let me verify: ", "To be sure, ", "Wait, ", "So ", "Checking again, ",
    "Let me just [verify|check] that once more: ", "Yes, ",
)  # fmt: skip
CONTENT = (
    "That [is|looks|seems] [right|correct].",
    "But let me [check|verify] it [again|once more].",
    "So [the answer is right|that is it].",
    "[Good|Okay].",
)


def tickets(rng: random.Random) -> Scene:
    """Two equations that contradict each other."""
    s = rng.randint(21, 49)
    t = 2 * s + 2 * rng.randint(2, 5)
    d = t - 2 * s
    before = (
        f"Let x be the number of tickets that the first class sold, and y that of the second. "
        f"Together they sold {s}, so x + y = {s}. The tickets cost 2 each for both classes, and "
        f"the till holds {t}, so 2x + 2y = {t}. We also know that there was no money in the till "
        f"before, that nobody paid twice, and that x is larger than y by the number of "
        f"teachers.\n\nFirst eliminate y.\n\n"
    )
    ideas = (
        (f"from x + y = {s} we get y = {s} - x", f"the first equation gives y = {s} - x",
         f"x + y = {s}, so y = {s} - x"),
        (f"[putting this|this put] into the second: 2x + 2({s} - x) = {t}",
         f"the second equation [becomes|is then] 2x + 2({s} - x) = {t}",
         f"then 2x + 2({s} - x) = {t}"),
        (f"2x + {2 * s} - 2x = {t}, and x [cancels|drops out]",
         f"this is 2x + {2 * s} - 2x = {t}, where x [cancels|drops out|goes away]"),
        (f"that gives {2 * s} = {t}, which is [not true|impossible]",
         f"we [get|have] {2 * s} = {t}, [a contradiction|but these are not equal]",
         f"{2 * s} = {t} cannot be, they differ by {d}"),
        ("let me write the equations [again|down again]: "
         f"x + y = {s} and 2x + 2y = {t}", f"the equations are x + y = {s} and 2x + 2y = {t}"),
        ("maybe I [eliminated|substituted] in the wrong way, so start with the first equation",
         "perhaps the substitution is wrong. [Start|Begin] again with the first one"),
    )  # fmt: skip
    return Scene("How many tickets did each class sell?", before, ideas, THINKING, DOUBTS,
                 (" ", "\n\n"))  # fmt: skip


def rectangle(rng: random.Random) -> Scene:
    """A quadratic equation without a real solution."""
    p = 2 * rng.randint(6, 14)
    area = p * p // 4 + rng.randint(3, 20)
    d = p * p - 4 * area
    before = (
        f"<think>\nWe need the sides of a rectangular field with a fence of {2 * p} m and an area "
        f"of {area} m². Let x be one side. The two sides together are half of the fence, {p} m, "
        f"so the other one is {p} - x. The largest area with a given fence belongs to the "
        f"square, so the answer should not be far from a square. The posts stand every two "
        f"metres, which matters only for the price.\n\n"
    )
    ideas = (
        (f"the area is x({p} - x) = {area}", f"x times {p} - x must be {area}",
         f"[area|the area]: x({p} - x) = {area}"),
        (f"so x² - {p}x + {area} = 0", f"as a quadratic: x² - {p}x + {area} = 0",
         f"[multiplied out|in normal form] it is x² - {p}x + {area} = 0"),
        (f"the discriminant is {p}² - 4·{area} = {p * p} - {4 * area} = {d}",
         f"[we get|this gives] D = {p * p} - {4 * area} = {d}"),
        (f"{d} is negative, so there is no [real |]solution",
         "the discriminant is [negative|less than zero], and there is no [real |]root",
         "a negative number has no [real |]square root, so x does not exist"),
        ("but the field has sides, so there must be a solution",
         "but the problem asks for the sides, so they [should|must] exist"),
        ("let me try the formula: x = "
         f"({p} ± √({d})) / 2", f"with the formula, x = ({p} ± √({d})) / 2"),
    )  # fmt: skip
    return Scene("How long are the sides of the field?", before, ideas, THINKING, DOUBTS,
                 ("\n\n", "\n\n", " "))  # fmt: skip


def mean_speed(rng: random.Random) -> Scene:
    """A mean speed that leaves no time for the second half."""
    half, v = rng.choice([(60, 30), (90, 45), (80, 40), (120, 60)])
    start, end = rng.sample(CITIES, 2)
    hours = half // v
    before = (
        f"The way from {start} to {end} is {2 * half} km. For the first half, {half} km, the "
        f"driver went {v} km/h because of fog. Now the mean speed over the whole way is to be "
        f"{2 * v} km/h. A first guess would be {3 * v} km/h for the second half, since the mean "
        f"of {v} and {3 * v} is {2 * v}. But speeds are not averaged like that: with {3 * v} "
        f"km/h the second half takes a third of the time of the first, and the mean is "
        f"{2 * half * 3 / (4 * hours):g} km/h. So we have to work with times.\n\n"
    )
    ideas = (
        (f"the whole way at {2 * v} km/h takes {2 * half} / {2 * v} = {hours} hours",
         f"{2 * half} km at {2 * v} km/h is {hours} hours",
         f"for a mean of {2 * v} km/h the trip [may take|must take] {hours} hours in all"),
        (f"the first half took {half} / {v} = {hours} hours",
         f"for the first {half} km he needed {hours} hours",
         f"{half} km at {v} km/h, that is {hours} hours"),
        (f"so the time [left|that is left] is {hours} - {hours} = 0",
         f"{hours} - {hours} = 0 hours are left for the second half",
         "then there is no time [left|left for the rest]"),
        (f"the speed would be {half} / 0, which is [not defined|infinite]",
         f"with 0 hours for {half} km the speed is [infinite|undefined]"),
        ("but the question asks for a speed, so there should be a number",
         "there must be some speed, [since|because] they ask for it"),
    )  # fmt: skip
    return Scene(f"How fast must he drive on the second half to {end}?", before, ideas, THINKING,
                 DOUBTS, (" ", " ", "\n\n"))  # fmt: skip


def discount(rng: random.Random) -> Scene:
    """Up and down by one percentage, which does not end where it began."""
    price, p = rng.choice([(200, 10), (500, 20), (400, 25), (800, 5)])
    up = price * (100 + p) // 100
    down = up * (100 - p) / 100
    before = (
        f"A coat cost {price} in spring. In autumn the shop raised the price by {p} per cent, "
        f"and in winter it lowered the new price by {p} per cent. The advertisement says: 'As "
        f"cheap as in spring!' The task is to find the winter price and to compare. Per cent is "
        f"always of something: in autumn of the spring price, and in winter of the autumn price. "
        f"The tax is included, so it plays no part.\n\n"
    )
    ideas = (
        (f"{p} per cent of {price} is {up - price}, so the autumn price is {up}",
         f"in autumn: {price} + {up - price} = {up}",
         f"raised by {p} per cent, {price} becomes {up}"),
        (f"{p} per cent of {up} is {up - down:g}, so the winter price is {down:g}",
         f"in winter: {up} - {up - down:g} = {down:g}",
         f"lowered by {p} per cent, {up} becomes {down:g}"),
        (f"but it should be {price} again, as {p} per cent up and {p} per cent down cancel",
         f"up and down by the same {p} per cent [should|must] give {price}",
         f"the advertisement says as cheap as in spring, so it should be {price}"),
        (f"{down:g} is not {price}", f"I get {down:g} and not {price}",
         f"there is a difference of {price - down:g}"),
    )  # fmt: skip
    return Scene("Is the advertisement right?", before, ideas, THINKING, DOUBTS, (" ", "\n\n"))


def product_and_sum(rng: random.Random) -> Scene:
    """A product and a sum, computed and computed."""
    a, b, c = rng.randint(23, 79), rng.randint(12, 39), rng.randint(41, 98)
    tens, ones = b // 10 * 10, b % 10
    name = rng.choice(NAMES)
    before = (
        f"{name} orders {b} boxes with {a} tiles each and finds {c} tiles in the shed. The bath "
        f"needs 12 tiles per square metre, and it has two walls of four square metres and one of "
        f"six, so 14 · 12 = 168 tiles. The kitchen is larger: 31 square metres, 372 tiles. The "
        f"hall is left as it is. In total 540 tiles are needed, and some for breakage.\n\nHow many "
        f"tiles are there?\n\n"
    )
    ideas = (
        (f"{a} × {b} = {a * b}", f"{b} boxes with {a} tiles are {a * b} tiles",
         f"{a} times {b} is {a * b}"),
        (f"{a} × {tens} = {a * tens} and {a} × {ones} = {a * ones}, together {a * b}",
         f"{a} × {tens} is {a * tens}, and {a} × {ones} is {a * ones}, which makes {a * b}"),
        (f"{a * b} + {c} = {a * b + c}", f"plus the {c} from the shed, that is {a * b + c}",
         f"adding {c} gives {a * b + c}"),
        (f"so the answer is {a * b + c}", f"there are {a * b + c} tiles",
         f"the total [is|comes to] {a * b + c}"),
    )  # fmt: skip
    return Scene("Does the number of tiles suffice?", before, ideas, DOUBLE_CHECK, CONTENT,
                 (" ", " ", "\n\n"))  # fmt: skip


def letters_in_word(rng: random.Random) -> Scene:
    """Letters of a word, counted and counted."""
    word, letter = rng.choice(
        [("bookkeeper", "e"), ("mississippi", "s"), ("engineering", "n"), ("millennium", "n")]
    )
    places = [str(i) for i, c in enumerate(word, 1) if c == letter]
    n, spelled = len(places), "-".join(word)
    before = (
        f"<think>\nThe user wants to know how often the letter '{letter}' is in '{word}'. Words "
        f"are hard for me, since I see pieces and not letters, so I spell the word. It has "
        f"{len(word)} letters. The first one is {word[0]} and the last one {word[-1]}. Two equal "
        f"letters that stand together count as two. Capital letters do not occur.\n\n"
    )
    ideas = (
        (f"the word is {spelled}", f"spelled out: {spelled}", f"{spelled}, that is {word}"),
        (f"'{letter}' is at the places {', '.join(places)}",
         f"the places of '{letter}' are {' and '.join(places)}",
         f"I see '{letter}' at {', '.join(places)}"),
        (f"so there are {n} of them", f"that [makes|is] {n}", f"[in total|altogether] {n}"),
        (f"the answer is {n}", f"the letter '{letter}' appears {n} times [in {word}|]",
         f"'{letter}' is there {n} times"),
        ("maybe I missed one", "perhaps I counted one twice",
         "did I [miss|forget] one at the end?"),
    )  # fmt: skip
    return Scene(f"How many '{letter}' are in '{word}'?", before, ideas, DOUBLE_CHECK, CONTENT,
                 (" ", "\n\n", "\n"))  # fmt: skip


def day_of_week(rng: random.Random) -> Scene:
    """A day of the week after some days, computed and computed."""
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    n, first = rng.randint(80, 190), rng.randrange(7)
    weeks, rest = divmod(n, 7)
    start, end = days[first], days[(first + rest) % 7]
    steps = ", ".join(days[(first + k) % 7] for k in range(1, rest + 1)) or start
    before = (
        f"The contract was signed on a {start}, and the payment is due {n} days later. The "
        f"signing itself is day zero, as usual with such deadlines. If the day is a Sunday or a "
        f"holiday, it moves to the next working day, but first we need the day. Months do not "
        f"matter here, because only the number of days counts.\n\n"
    )
    ideas = (
        (f"{n} days are {weeks} weeks and {rest} days", f"{n} = {weeks} · 7 + {rest}",
         f"{n} divided by 7 is {weeks}, remainder {rest}"),
        (f"{weeks} · 7 = {weeks * 7}, and {n} - {weeks * 7} = {rest}",
         f"{weeks} times 7 is {weeks * 7}, which leaves {rest}"),
        (f"{rest} days after {start} [is|comes] {end}", f"{start} plus {rest} days is {end}",
         f"counting from {start}: {steps}"),
        (f"so it is a {end}", f"the payment is due on a {end}", f"the answer is {end}"),
        ("does the first day count? No, the signing is day zero",
         f"the {start} itself is day zero, so it does not count"),
    )  # fmt: skip
    return Scene("On which day is it due?", before, ideas, DOUBLE_CHECK, CONTENT, (" ", "\n"))


def shared_bill(rng: random.Random) -> Scene:
    """A bill that is added and divided, again and again."""
    people, soups, each = rng.randint(4, 8), rng.randint(2, 6), rng.randint(31, 79) * 20
    wine = rng.randint(3, 30) * 100 * people - soups * each % (100 * people)
    wine += 100 * people * (wine <= 0)
    total = soups * each + wine
    e, w, t, share = each / 100, wine / 100, total / 100, total / people / 100
    before = (
        f"There are {people} of you, and the bill has {soups} menus at {e:.2f} and wine for "
        f"{w:.2f}. The water was free. You asked for equal shares, so it does not matter who had "
        f"what. The tip comes on top; ten per cent is usual there, in coins on the table. One of "
        f"you wants to pay by card, which the place takes from twenty on.\n\n"
    )
    ideas = (
        (f"{soups} × {e:.2f} = {soups * e:.2f}", f"{soups} menus at {e:.2f} are {soups * e:.2f}",
         f"the menus [cost|come to] {soups * e:.2f}"),
        (f"{soups * e:.2f} + {w:.2f} = {t:.2f}", f"with the wine it is {t:.2f}",
         f"adding the wine, {w:.2f}, [we get|gives] {t:.2f}"),
        (f"{t:.2f} / {people} = {share:.2f}",
         f"divided by {people} that is {share:.2f}",
         f"[everybody|each of you] pays {share:.2f}"),
        (f"{people} × {share:.2f} = {t:.2f}, so it [fits|works out]",
         f"as a check, {people} times {share:.2f} is {t:.2f}"),
    )  # fmt: skip
    return Scene("How much does each of us pay?", before, ideas, DOUBLE_CHECK, CONTENT,
                 (" ", " ", "\n\n"))  # fmt: skip


def jugs(rng: random.Random) -> Scene:
    """Two jugs with a common divisor; every try is a beginning of the same two sequences."""
    small, large, goal = rng.choice([(6, 9, 4), (4, 10, 5), (6, 15, 7)])
    before = (
        f"<think>\nThere are two jugs, one of {small} litres and one of {large}, a tap, and a "
        f"drain. We need exactly {goal} litres. I write (a, b) for the water in the small and in "
        f"the large one. It begins with (0, 0). A move fills a jug, empties it, or pours from one "
        f"into the other until that one is full or this one empty. With 3 and 5 litres the same "
        f"puzzle has a solution in six moves.\n\n"
    )

    def states(from_large: bool) -> list[tuple[int, int]]:
        a, b, found = 0, 0, [(0, 0)]
        for _ in range(3):
            if from_large:
                b = large
                found.append((a, b))
                a, b = min(small, a + b), max(0, a + b - small)
                found += [(a, b), (0, b)]
                a = 0 if a == small else a
                a, b = min(small, a + b), max(0, a + b - small)
            else:
                a = small
                found.append((a, b))
                a, b = max(0, a + b - large), min(large, a + b)
            found.append((a, b))
        return found

    ideas = []
    for from_large, length in ((True, 4), (False, 4), (True, 5), (False, 3), (True, 3)):
        walk = states(from_large)[: length + 1]
        arrows = " → ".join(map(str, walk))
        jug = f"the {'large' if from_large else 'small'} jug"
        ideas.append(
            (f"fill {jug}[ first|]: {arrows}, and [no {goal} in it|that is not {goal}]",
             f"[start|begin] with {jug}: {arrows}. [No|These are not] {goal} litres",
             f"with {jug}[ first|]: {arrows}, so no")
        )  # fmt: skip
    return Scene(
        f"Measure {goal} litres with jugs of {small} and {large} litres.", before, ideas,
        ("Try again: ", "Wait, ", "Okay, ", "Then ", "What if I ", "", "Let me try: "),
        ("[Empty|I empty] both[ and start over|].", "Not it.", "So (0, 0) again."),
        ("\n", "\n", "\n\n"),
    )  # fmt: skip


def maze(rng: random.Random) -> Scene:
    """Routes to the same dead ends."""
    before = (
        "The map shows nine rooms. I start in the hall, and the exit is beyond the tower. Doors: "
        "the hall leads to the kitchen, the library and the yard. The kitchen leads to the "
        "pantry. The library leads to the study, and the study to the attic. The yard leads to "
        "the stable. Of the tower it is only said that its door cannot be opened from the yard. "
        "Two of the rooms have windows, and one of the windows has a bar.\n\n"
    )
    ends = {
        "kitchen → pantry": ("the pantry has no other door", "that is a dead end"),
        "library → study → attic": ("from the attic one can only go back", "the attic ends there"),
        "yard → stable": ("the stable has one door only", "no way on from the stable"),
        "yard → tower": ("the tower is locked from the yard", "that door does not open"),
        "library → study": ("the study leads to the attic only", "nothing but the attic there"),
    }
    ideas = [
        (f"hall → {route}, [but|and] {end[0]}", f"go hall → {route}: {end[1]}",
         f"from the hall to the {route.replace(' → ', ', then the ')}, [but|and] {end[0]}")
        for route, end in ends.items()
    ]  # fmt: skip
    return Scene(
        "Find the way from the hall to the exit.", before, ideas,
        ("Try ", "Next, ", "", "Or ", "Again: ", "What about this: "),
        ("Back to the hall.", "I am in the hall [again|once more].", "[Not|That is not] the exit."),
        ("\n", " "),
    )  # fmt: skip


def anagram(rng: random.Random) -> Scene:
    """Words of the same letters, tried and tried."""
    letters, words = rng.choice(
        [("A E L S T V", ("SALVE T", "VALES T", "SLATE V", "STEAL V", "LEAST V", "STAVE L")),
         ("E I N R S T U", ("INSERT U", "UNITE RS", "RUINS TE", "INTER US", "TUNES IR"))]
    )  # fmt: skip
    before = (
        f"<think>\nThe letters are {letters}, and all of them have to be used. There are "
        f"{letters.count(' ') + 1} letters. The vowels are "
        f"{', '.join(c for c in letters if c in 'AEIOU')}. Good endings are S, ST and ER. The "
        f"clue says 'it is worn in winter', but the word is not the name of a garment, and it is "
        f"no plural.\n\n"
    )
    ideas = [
        (f"{word}? [No, {rest} is left|That leaves {rest}, so no]", f"{word} uses all but {rest}",
         f"{word}, and {rest} is left, [no|not it]")
        for word, rest in (entry.split() for entry in words)
    ]  # fmt: skip
    return Scene(
        f"Make one word of {letters}.", before, ideas,
        ("", "", "Maybe ", "Try ", "What about ", "Again ", "Or "),
        (f"The letters are {letters}.", "It must use all of them.", "'Worn in winter' ..."),
        (" ", " ", "\n"),
    )  # fmt: skip


def four_numbers(rng: random.Random) -> Scene:
    """A target to be reached with four numbers; a few tries come back."""
    a, b, c, d = sorted(rng.sample(range(2, 14), 4))
    tries: Sequence[tuple[str, int]] = (
        (f"{a} × {b} + {c} + {d}", a * b + c + d), (f"{d} × {a} - {c} + {b}", d * a - c + b),
        (f"({d} - {c}) × {b} × {a}", (d - c) * b * a), (f"{c} × {b} - {d} - {a}", c * b - d - a),
        (f"({a} + {b}) × {c} - {d}", (a + b) * c - d), (f"{d} + {c} + {b} + {a}", d + c + b + a),
    )  # fmt: skip
    goal = next(g for g in (24, 36, 48, 100) if g not in {value for _, value in tries})
    before = (
        f"I have to reach {goal} with {a}, {b}, {c} and {d}, each used once, and + - × ÷. A rough "
        f"idea of the sizes first: the sum of all is {a + b + c + d}, the product "
        f"{a * b * c * d}. Division is only useful where it leaves a whole number. Products of "
        f"two of them are {a * b}, {a * c}, {b * c} and so on, and the other two have to make up "
        f"for the difference.\n\n"
    )
    ideas = [
        (f"{text} = {value}, [not|which is not] {goal}", f"{text} gives {value}, no",
         f"{text} = {value}. [Not {goal}|No]")
        for text, value in tries
    ]  # fmt: skip
    return Scene(
        f"Reach {goal} with {a}, {b}, {c}, {d}.", before, ideas,
        ("Try ", "", "Or ", "Then ", "Maybe ", "Let me try ", "Wait, "),
        (f"[The numbers are|I have] {a}, {b}, {c}, {d}, [and the goal is|goal] {goal}.",
         "[Hmm|Still no]."),
        ("\n", " ", "\n"),
    )  # fmt: skip
