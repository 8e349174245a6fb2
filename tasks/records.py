"""Texts of the `extract_records` task: the facts, the prose around them, and the schema.

Each kind of document draws its facts first and writes the text from them, so the record
is right by construction. Distractors are facts of the same type that the schema does not
ask for: an order number beside the invoice number, a drug that was stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A text and the record that must be extracted from it."""

    kind: str
    text: str
    record: Json
    schema: Json


PEOPLE = (
    "Anna Weber", "Luis Ortega", "Mei Tanaka", "Omar Haddad", "Priya Nair", "Tom Becker",
    "Sara Lindqvist", "Jonas Keller", "Elena Petrova", "Grace Okafor", "Paul Moreau",
    "Nina Rossi", "David Cohen", "Ivana Horvat", "Kofi Mensah", "Laura Silva",
)  # fmt: skip
CITIES = (
    "Hamburg", "Lyon", "Porto", "Vienna", "Gdansk", "Turin", "Leeds", "Utrecht", "Malmo",
    "Seville", "Zagreb", "Ghent", "Bergen", "Graz", "Tampere", "Cork",
)  # fmt: skip
COMPANIES = (
    "Nordlicht Supplies", "Alder & Finch", "Brightwater Labs", "Casa Verde", "Delta Forge",
    "Evergreen Tools", "Fjord Systems", "Granite Works", "Harbor Foods", "Indigo Print",
    "Juniper Health", "Kestrel Robotics", "Lumen Optics", "Meridian Freight",
)  # fmt: skip
GOODS = (
    "desk lamp", "office chair", "label printer", "network cable", "steel bracket",
    "paper carton", "wall clock", "tool case", "safety helmet", "coffee filter",
    "monitor arm", "storage bin", "door handle", "power strip",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
TEXT: Json = {"type": "string"}
INTEGER: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
BOOLEAN: Json = {"type": "boolean"}
DATE: Json = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def closed(properties: Json) -> Json:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def array(items: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def _date(rng: random.Random) -> tuple[str, str]:
    # The text spells the month and the record is ISO: the date cannot just be copied.
    year, month, day = rng.randint(2021, 2026), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[month - 1]
    spoken = rng.choice((f"{day} {name} {year}", f"{name} {day}, {year}"))
    return spoken, f"{year}-{month:02}-{day:02}"


def _money(rng: random.Random, low: int, high: int) -> float:
    return rng.randint(low * 20, high * 20) / 20


def invoice(rng: random.Random, size: int) -> Document:
    """Write an invoice with no, 2 to 3 or 4 to 5 items."""
    vendor, customer = rng.sample(COMPANIES, 2)
    number, order = f"INV-{rng.randint(1000, 9999)}", f"PO-{rng.randint(1000, 9999)}"
    spoken, iso = _date(rng)
    total = _money(rng, 40, 900)
    record: Json = {"invoice_number": number, "date": iso, "customer": customer}
    schema: Json = {"invoice_number": TEXT, "date": DATE, "customer": TEXT}
    lines = [f"Invoice {number}, issued {spoken} to {customer} (your order {order})."]
    if size:
        city, currency = rng.choice(CITIES), rng.choice(("EUR", "USD", "GBP"))
        lines.insert(0, f"{vendor}, {city}")
        record |= {"vendor": {"name": vendor, "city": city}, "currency": currency}
        schema |= {"vendor": closed({"name": TEXT, "city": TEXT})}
        schema |= {"currency": {"enum": ["EUR", "USD", "GBP"]}}
        items: list[Json] = []
        for good in rng.sample(GOODS, rng.randint(*((2, 3), (4, 5))[size - 1])):
            quantity, price = rng.randint(1, 12), _money(rng, 2, 60)
            items.append({"description": good, "quantity": quantity, "unit_price": price})
            lines.append(f"- {quantity} x {good} at {price:.2f} each")
        total = round(sum(item["quantity"] * item["unit_price"] for item in items), 2)
        record["items"] = items
        item = {"description": TEXT, "quantity": INTEGER, "unit_price": NUMBER}
        schema["items"] = array(closed(item))
        lines.append(f"Amount due: {total:.2f} {currency}.")
    else:
        lines.append(f"Total: {total:.2f} EUR. Thank you for your business.")
    if size == 2:
        due, due_iso = _date(rng)
        paid = rng.random() < 0.5
        lines.append(f"Payment is due on {due}. " + ("Paid in full." if paid else "Still open."))
        lines.append(
            f"Invoice INV-{rng.randint(1000, 9999)} over {_money(rng, 40, 900):.2f} {currency} "
            "was cancelled and must not be paid."
        )
        record |= {"due_date": due_iso, "paid": paid}
        schema |= {"due_date": DATE, "paid": BOOLEAN}
    record["total"], schema["total"] = total, NUMBER
    return Document("invoice", "\n".join(lines), record, closed(schema))


_DIAGNOSES = (
    "pneumonia", "appendicitis", "migraine", "asthma", "cellulitis", "gastritis",
    "pyelonephritis", "atrial fibrillation", "iron deficiency", "sciatica",
)  # fmt: skip
_DRUGS = (
    "amoxicillin", "ibuprofen", "metformin", "prednisolone", "omeprazole", "bisoprolol",
    "paracetamol", "cetirizine", "ramipril", "doxycycline",
)  # fmt: skip
_ALLERGIES = ("penicillin", "latex", "peanuts", "pollen", "shellfish", "nickel", "eggs")


def case_report(rng: random.Random, size: int) -> Document:
    """Write a short clinical case with no, 2 or 3 to 4 current drugs."""
    patient, age = f"P-{rng.randint(10000, 99999)}", rng.randint(19, 88)
    sex, diagnosis = rng.choice(("female", "male")), rng.choice(_DIAGNOSES)
    woman = {"female": "woman", "male": "man"}[sex]
    spoken, iso = _date(rng)
    record: Json = {"patient_id": patient, "age": age, "sex": sex, "diagnosis": diagnosis}
    schema: Json = {"patient_id": TEXT, "age": INTEGER, "sex": {"enum": ["female", "male"]}}
    schema["diagnosis"] = TEXT
    doctor = rng.choice(PEOPLE)
    lines = [
        f"Case report by Dr. {doctor}. A {age}-year-old {woman} (patient {patient}) was "
        f"admitted on {spoken}. The diagnosis was {diagnosis}."
    ]
    if size:
        rate, heat = rng.randint(52, 128), rng.randint(361, 403) / 10
        lines.append(f"Heart rate was {rate} per minute, temperature {heat} degrees Celsius.")
        record |= {"admitted": iso, "vitals": {"heart_rate": rate, "temperature": heat}}
        schema["admitted"] = DATE
        schema["vitals"] = closed({"heart_rate": INTEGER, "temperature": NUMBER})
        drugs = rng.sample(_DRUGS, 6)
        current = []
        for drug in drugs[: 2 if size == 1 else rng.randint(3, 4)]:
            dose, per_day = rng.choice((5, 10, 20, 40, 100, 250, 500)), rng.randint(1, 4)
            current.append({"name": drug, "dose_mg": dose, "per_day": per_day})
            times = ("once", "twice", "three times", "four times")[per_day - 1]
            lines.append(f"The patient takes {drug} {dose} mg {times} a day.")
        record["medications"] = current
        drug_schema = {"name": TEXT, "dose_mg": INTEGER, "per_day": INTEGER}
        schema["medications"] = array(closed(drug_schema))
        if size == 2:
            stopped = drugs[5]
            lines.append(f"Earlier, {stopped} 40 mg was tried and stopped; it is not taken now.")
            allergies = rng.sample(_ALLERGIES, 2)
            lines.append(f"Known allergies: {' and '.join(allergies)}.")
            home, home_iso = _date(rng)
            lines.append(f"Follow-up is planned for {home}.")
            record |= {"allergies": allergies, "follow_up": home_iso}
            schema |= {"allergies": array(TEXT), "follow_up": DATE}
    return Document("case report", " ".join(lines), record, closed(schema))


_TITLES = (
    "Data Engineer", "Warehouse Manager", "Nurse", "Electrician", "Product Designer",
    "Accountant", "Site Reliability Engineer", "Translator", "Lab Technician", "Chef",
)  # fmt: skip
_SKILLS = (
    "Python", "SQL", "Excel", "welding", "first aid", "project planning", "Linux", "CAD",
    "bookkeeping", "forklift licence", "Kubernetes", "public speaking", "Photoshop",
)  # fmt: skip
_LANGUAGES = ("English", "German", "French", "Spanish", "Polish", "Italian")


def job_ad(rng: random.Random, size: int) -> Document:
    """Write a job advertisement; hard ones separate required from optional skills."""
    title, company = rng.choice(_TITLES), rng.choice(COMPANIES)
    city, other = rng.sample(CITIES, 2)
    remote = rng.random() < 0.5
    record: Json = {"title": title, "company": company, "city": city, "remote": remote}
    schema: Json = {"title": TEXT, "company": TEXT, "city": TEXT, "remote": BOOLEAN}
    place = "Remote work is possible" if remote else "This is an on-site job, not a remote one"
    lines = [
        f"{company} is hiring: {title} in {city}! {place}. "
        f"We were founded in {other} in {rng.randint(1950, 2015)}."
    ]
    if size:
        low = rng.randint(28, 60) * 1000
        high = low + rng.randint(4, 20) * 1000
        skills = rng.sample(_SKILLS, 6)
        required = skills[: 2 if size == 1 else 3]
        lines.append(f"Salary: {low:,} to {high:,} EUR a year.")
        lines.append(f"You must know: {', '.join(required)}.")
        record |= {"salary": {"min": low, "max": high}, "required_skills": required}
        schema["salary"] = closed({"min": INTEGER, "max": INTEGER})
        schema["required_skills"] = array(TEXT)
    if size == 2:
        lines.append(f"Nice to have, but not required: {', '.join(skills[4:])}.")
        languages = [
            {"language": language, "level": rng.choice(("A2", "B1", "B2", "C1"))}
            for language in rng.sample(_LANGUAGES, rng.randint(2, 3))
        ]
        spoken = ", ".join(f"{entry['language']} ({entry['level']})" for entry in languages)
        person, (start, start_iso) = rng.choice(PEOPLE), _date(rng)
        email = f"{person.split()[0].lower()}@{company.split()[0].lower()}.example"
        lines.append(f"Languages: {spoken}. You start on {start}.")
        lines.append(f"Write to {person}, {email}.")
        record |= {"languages": languages, "start_date": start_iso}
        record["contact"] = {"name": person, "email": email}
        schema["languages"] = array(closed({"language": TEXT, "level": TEXT}))
        schema |= {"start_date": DATE, "contact": closed({"name": TEXT, "email": TEXT})}
    return Document("job advertisement", " ".join(lines), record, closed(schema))


_SERVICES = ("auth", "billing", "cache", "gateway", "mailer", "search", "storage", "worker")
_FAILURES = (
    "connection refused", "disk full", "timeout", "invalid token", "out of memory",
    "permission denied", "bad checksum", "rate limit exceeded",
)  # fmt: skip
_NOTES = ("started", "health check ok", "config reloaded", "cache warmed", "request served")


def log(rng: random.Random, size: int) -> Document:
    """Write a service log in which only the failures count."""
    host, (_, iso) = f"node-{rng.randint(10, 99)}", _date(rng)
    wanted = (1, 2, rng.randint(3, 4))[size]
    levels = ["ERROR"] * wanted + rng.choices(("INFO", "WARN"), k=wanted + 2)
    rng.shuffle(levels)
    clock, lines, failures = rng.randint(0, 60_000), [], []
    for level in levels:
        clock += rng.randint(1, 900)
        time = f"{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}"
        service, code = rng.choice(_SERVICES), rng.randint(100, 999)
        failed = level == "ERROR"
        message = rng.choice(_FAILURES) if failed else rng.choice(_NOTES)
        took = rng.randint(1, 9_000)
        lines.append(f"{iso} {time} {host} {level} {service}: {message} code={code} ({took} ms)")
        if failed:
            entry = {"time": time, "service": service, "message": message, "code": code}
            failures.append(entry | ({"duration_ms": took} if size == 2 else {}))
    if size == 0:
        entry_schema = {"host": TEXT, "service": TEXT, "message": TEXT, "code": INTEGER}
        record = {"host": host} | {k: failures[0][k] for k in ("service", "message", "code")}
        return Document("log with one ERROR line", "\n".join(lines), record, closed(entry_schema))
    entry_schema = {"time": TEXT, "service": TEXT, "message": TEXT, "code": INTEGER}
    if size == 2:
        entry_schema["duration_ms"] = INTEGER
    schema = {"host": TEXT, "date": DATE, "errors": array(closed(entry_schema))}
    record = {"host": host, "date": iso, "errors": failures}
    return Document("log (only its ERROR lines)", "\n".join(lines), record, closed(schema))


KINDS: tuple[Callable[[random.Random, int], Document], ...] = (invoice, case_report, job_ad, log)
"""Every kind of document; the second argument is the size, 0 to 2."""
