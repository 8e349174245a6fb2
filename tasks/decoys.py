"""Functions that `tool_call` lists beside the right one where a prompt shows many.

None of them is ever the right one, and none could serve a request that a function of
`functions` asks for.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_DECOYS: tuple[tuple[str, str, Json], ...] = (
    ("renew_passport", "Apply for the renewal of a passport.",
     {"holder": "Full name", "passport_number": "Number of the old passport"}),
    ("water_plants", "Open the valves of the garden's watering.",
     {"zone": "Part of the garden", "litres": 1}),
    ("lock_door", "Lock or unlock a door of the house.", {"door": "Name of the door"}),
    ("measure_blood_pressure", "Record a blood pressure reading.",
     {"systolic": 1, "diastolic": 1}),
    ("compress_archive", "Pack a folder into an archive.",
     {"folder": "Path of the folder", "level": 1}),
    ("merge_branches", "Merge one git branch into another.",
     {"source": "Branch to merge", "target": "Branch that takes it"}),
    ("restart_container", "Restart a container of a cluster.",
     {"cluster": "Name of the cluster", "container": "Name of the container"}),
    ("scan_document", "Scan a page on the office scanner.",
     {"resolution": 1, "format": "File format"}),
    ("vacuum_room", "Send the robot vacuum cleaner to a room.", {"room": "Name of the room"}),
    ("rate_movie", "Rate a film on the watch list.", {"title": "Title of the film", "stars": 1}),
    ("check_air_quality", "Get the particulates that an indoor sensor measures.",
     {"sensor": "Name of the sensor"}),
    ("charge_car", "Set the charging limit of the car.", {"percent": 1}),
    ("reserve_library_book", "Reserve a book at the library.",
     {"title": "Title of the book", "card_number": "Number of the library card"}),
    ("buy_bus_ticket", "Buy a ticket for the city's buses.",
     {"zones": 1, "rider": "adult or child"}),
    ("file_expense", "Hand in a receipt for reimbursement.",
     {"receipt": "File of the receipt", "purpose": "What it was for"}),
    ("rotate_password", "Replace the password of a service account.",
     {"account": "Name of the account", "length": 1}),
    ("print_label", "Print an address label.", {"address": "Postal address", "copies": 1}),
    ("adjust_blinds", "Set how far the blinds of a window are closed.",
     {"window": "Name of the window", "percent": 1}),
    ("feed_pet", "Give a portion out of the pet feeder.", {"pet": "Name of the pet", "grams": 1}),
    ("sign_contract", "Sign a contract electronically.",
     {"contract": "Number of the contract", "signer": "Full name"}),
    ("detect_faces", "Count the faces in a photo.", {"photo": "File of the photo"}),
    ("plan_shift", "Assign an employee to a shift.",
     {"employee": "Name of the employee", "shift": "early, late or night"}),
    ("donate_blood", "Make an appointment at the blood bank.", {"blood_type": "Blood type"}),
    ("mute_channel", "Mute a channel of the chat server.",
     {"channel": "Name of the channel", "hours": 1}),
)  # fmt: skip


def _spec(name: str, description: str, params: Json) -> Json:
    properties = {
        param: {**(_TEXT if isinstance(said, str) else _WHOLE), "description": _said(param, said)}
        for param, said in params.items()
    }
    schema = {"type": "object", "properties": properties, "required": list(params)}
    return {"name": name, "description": description, "parameters": schema}


def _said(param: str, said: str | int) -> str:
    return said if isinstance(said, str) else param.capitalize()


DECOYS: tuple[Json, ...] = tuple(_spec(*decoy) for decoy in _DECOYS)
"""Specifications as a prompt shows them."""
