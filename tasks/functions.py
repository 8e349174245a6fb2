"""The function library of the `tool_call` task.

A function is a specification, a sentence that asks for it, and the values its arguments
may take. No two functions can serve the same request, so that the right call is unique
whichever of them are listed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Param:
    """One argument: its type, the values it is drawn from, and how a request says them."""

    name: str
    type: str
    description: str
    values: tuple[Any, ...]
    default: Any = None
    """Optional parameters only."""
    phrase: str = ""
    """Appended to the request if the optional parameter is given; empty: required."""
    unordered: bool = False
    """The order of a list does not matter."""

    def schema(self) -> Json:
        """Return the JSON schema of the argument."""
        schema: Json = {"type": self.type, "description": self.description}
        if self.type == "array":
            schema["items"] = {"type": "string"}
            if self.unordered:
                schema["uniqueItems"] = True
        if self.phrase:
            schema["default"] = self.default
        return schema


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a model may call."""

    name: str
    description: str
    request: str
    """Asks for one call; `{name}` stands for the value of a required parameter."""
    params: tuple[Param, ...]

    def spec(self) -> Json:
        """Return the specification that a prompt shows."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": {p.name: p.schema() for p in self.params},
                "required": [p.name for p in self.params if not p.phrase],
            },
        }


def _text(name: str, description: str, *values: str) -> Param:
    return Param(name, "string", description, values)


def _count(name: str, description: str, *values: int) -> Param:
    return Param(name, "integer", description, values)


def _amount(name: str, description: str, *values: float) -> Param:
    return Param(name, "number", description, values)


def _names(name: str, description: str, *values: tuple[str, ...]) -> Param:
    return Param(name, "array", description, values, unordered=True)


def _option(
    name: str, kind: str, description: str, default: Any, phrase: str, *values: Any
) -> Param:
    return Param(name, kind, description, values, default, phrase)


_CITY = ("Oslo", "Madrid", "Nairobi", "Toronto", "Kyoto", "Lima", "Dublin", "Prague", "Perth")
_PERSON = ("Maria", "Chen", "Ahmed", "Julia", "Pavel", "Amara", "Diego", "Ingrid")
_DATE = ("2026-03-14", "2026-04-02", "2026-05-21", "2026-07-09", "2026-09-30", "2026-11-05")
_TIME = tuple(f"{hour:02}:{minute:02}" for hour in range(6, 23) for minute in (0, 15, 20, 45))
_SYMBOLS = tuple(a + b + c for a in "ACDFKL" for b in "EIOU" for c in ("ME", "TA", "RD", "ST"))
_TRACKING = tuple(f"TX{number}" for number in range(1003, 9999, 37))
_ROOMS = tuple(itertools.combinations(("kitchen", "hall", "garage", "office", "bedroom"), 2))
_FOODS = tuple(
    itertools.combinations(("rice", "peas", "eggs", "spinach", "lentils", "carrots", "cumin"), 2)
)
_GUESTS = (("Maria", "Chen"), ("Ahmed", "Julia"), ("Pavel", "Amara", "Diego"), ("Ingrid", "Chen"))

FUNCTIONS: tuple[Function, ...] = (
    Function("get_weather", "Get the weather forecast of a city for a date.",
             "What will the weather be like in {city} on {date}?",
             (_text("city", "City name", *_CITY), _text("date", "ISO date", *_DATE),
              _option("unit", "string", "celsius or fahrenheit", "celsius",
                      "Give temperatures in {unit}.", "fahrenheit"))),
    Function("convert_currency", "Convert an amount of money into another currency.",
             "How much is {amount} {source} in {target}?",
             (_amount("amount", "Amount to convert", *range(25, 2000, 45), 80.5, 1450.75),
              _text("source", "Currency code to convert from", "EUR", "USD", "GBP"),
              _text("target", "Currency code to convert to", "JPY", "CHF", "SEK", "INR"))),
    Function("set_alarm", "Set an alarm clock.", "Set an alarm for {time}.",
             (_text("time", "24-hour time HH:MM", *_TIME),
              _option("repeat_daily", "boolean", "Ring every day", False,
                      "It should ring every day.", True))),
    Function("start_timer", "Start a countdown timer.", "Start a timer of {minutes} minutes.",
             (_count("minutes", "Length in minutes", *range(2, 60)),
              _option("label", "string", "Name of the timer", "timer",
                      "Call it '{label}'.", "pasta", "laundry", "stretching"))),
    Function("send_email", "Send an e-mail.",
             "Send an e-mail to {recipient} with the subject '{subject}' and the text '{body}'.",
             (_text("recipient", "E-mail address", "maria@acme.example", "chen@lab.example",
                    "office@delta.example"),
              _text("subject", "Subject line", "Budget draft", "Team lunch", "Site visit"),
              _text("body", "Text of the mail", "See you on Monday", "Please confirm",
                    "The file is attached"))),
    Function("send_text_message", "Send a text message to a phone contact.",
             "Text {contact}: '{message}'.",
             (_text("contact", "Name of the contact", *_PERSON),
              _text("message", "Text to send", "Running late", "Call me back", "On my way",
                    "Dinner is ready", "I found the keys", "Good luck today"))),
    Function("create_event", "Add an event to the calendar.",
             "Put '{title}' into my calendar on {date} at {time} and invite {attendees}.",
             (_text("title", "Title of the event", "Design review", "Dentist", "Book club"),
              _text("date", "ISO date", *_DATE), _text("time", "24-hour time HH:MM", *_TIME),
              _names("attendees", "People to invite, in any order", *_GUESTS))),
    Function("book_table", "Reserve a table in a restaurant.",
             "Reserve a table for {people} at {restaurant} on {date}.",
             (_text("restaurant", "Name of the restaurant", "Blue Olive", "Casa Luna", "Tamarind"),
              _count("people", "Number of guests", 2, 3, 4, 5, 6, 8),
              _text("date", "ISO date", *_DATE),
              _option("outdoor", "boolean", "Sit outside", False, "We want to sit outside.",
                      True))),
    Function("search_flights", "Find flights between two cities.",
             "Find flights from {origin} to {destination} on {date}.",
             (_text("origin", "City of departure", *_CITY[:5]),
              _text("destination", "City of arrival", *_CITY[5:]),
              _text("date", "ISO date", *_DATE),
              _option("max_stops", "integer", "Most stops allowed", 2,
                      "At most {max_stops} stops.", 0, 1))),
    Function("book_hotel", "Book a hotel room.",
             "Book a hotel room in {city} from {check_in} for {nights} nights.",
             (_text("city", "City name", *_CITY), _text("check_in", "ISO date", *_DATE),
              _count("nights", "Number of nights", 1, 2, 3, 5, 7))),
    Function("get_stock_price", "Get the current price of a share.",
             "What is the share price of {symbol} now?",
             (_text("symbol", "Ticker symbol", *_SYMBOLS),)),
    Function("translate_text", "Translate a text into another language.",
             "Translate '{text}' into {language}.",
             (_text("text", "Text to translate", "good morning", "where is the station",
                    "thank you very much", "see you tomorrow", "how much is it", "I am lost",
                    "happy birthday", "the train is late", "what time is it"),
              _text("language", "Target language", "Spanish", "Finnish", "Swahili", "Korean",
                    "Dutch", "Greek", "Hindi", "Turkish"))),
    Function("play_music", "Play songs by an artist.", "Play some songs by {artist}.",
             (_text("artist", "Name of the artist", "The Night Owls", "Rosa Lux", "Kilo Bravo",
                    *(f"{a} {b}" for a in _PERSON for b in ("Vale", "Stone", "Marsh"))),
              _option("shuffle", "boolean", "Play in random order", False,
                      "Play them in random order.", True))),
    Function("set_thermostat", "Set the heating of a room.",
             "Heat the {room} to {temperature} degrees.",
             (_text("room", "Name of the room", "kitchen", "bedroom", "office", "bathroom"),
              _amount("temperature", "Degrees Celsius", *(half / 2 for half in range(32, 51))))),
    Function("switch_lights", "Switch the lights of rooms on or off.",
             "Switch the lights {state} in these rooms: {rooms}.",
             (_text("state", "on or off", "on", "off"),
              _names("rooms", "Rooms, in any order", *_ROOMS))),
    Function("track_package", "Find out where a parcel is.", "Where is my parcel {tracking_id}?",
             (_text("tracking_id", "Tracking number", *_TRACKING),)),
    Function("order_taxi", "Order a taxi.",
             "I need a taxi from {pickup} to {dropoff} at {time}.",
             (_text("pickup", "Where to get in", "Main Street 5", "Airport Terminal 2",
                    "City Hall"),
              _text("dropoff", "Where to get out", "Harbor Lane 12", "Opera House", "Central Park"),
              _text("time", "24-hour time HH:MM", *_TIME))),
    Function("find_recipe", "Find a recipe that uses given ingredients.",
             "Find a recipe that uses {ingredients}.",
             (_names("ingredients", "Ingredients, in any order", *_FOODS),
              _option("max_minutes", "integer", "Longest cooking time", 60,
                      "It must be ready in {max_minutes} minutes.", 15, 20, 30))),
    Function("add_todo", "Add an entry to the to-do list.",
             "Add '{task}' to my to-do list, due on {due}.",
             (_text("task", "What to do", "renew passport", "water the plants", "pay rent"),
              _text("due", "ISO date", *_DATE),
              _option("priority", "string", "low, normal or high", "normal",
                      "Its priority is {priority}.", "low", "high"))),
    Function("get_public_holidays", "List the public holidays of a country in a year.",
             "Which public holidays does {country} have in {year}?",
             (_text("country", "Name of the country", "Norway", "Chile", "Kenya", "Japan",
                    "Canada", "Poland"),
              _count("year", "Year", *range(2020, 2035)))),
    Function("calculate_loan", "Calculate the monthly payment of a loan.",
             "What is the monthly payment for a loan of {principal} at {rate} percent over "
             "{years} years?",
             (_amount("principal", "Amount borrowed", 5000, 12000, 80000, 250000),
              _amount("rate", "Interest in percent a year", 2.5, 3, 3.75, 4.2),
              _count("years", "Term in years", 5, 10, 15, 20, 30))),
    Function("get_route_distance", "Get the driving distance between two cities.",
             "How far is it by car from {start} to {end}?",
             (_text("start", "First city", *_CITY[:4]), _text("end", "Second city", *_CITY[4:]),
              _option("unit", "string", "km or miles", "km", "Answer in {unit}.", "miles"))),
    Function("resize_image", "Change the size of an image file.",
             "Resize {file} to {width} by {height} pixels.",
             (_text("file", "Name of the file", "cat.png", "logo.png", "team.jpg"),
              _count("width", "Pixels", *range(320, 1300, 40)),
              _count("height", "Pixels", *range(240, 800, 40)))),
    Function("query_database", "Count the rows of a table that meet a condition.",
             "Count the rows of the table '{table}' where {column} is '{value}'.",
             (_text("table", "Table name", "orders", "users", "tickets"),
              _text("column", "Column name", "status", "region", "owner"),
              _text("value", "Value to look for", "open", "north", "blocked", "trial"))),
    Function("create_invoice", "Create an invoice for a customer.",
             "Create an invoice for {customer} over {amount} dollars.",
             (_text("customer", "Name of the customer", "Alder Ltd", "Beacon Inc", "Cobalt AG"),
              _amount("amount", "Amount in dollars", *range(75, 2400, 65), 180.25, 99.5))),
    Function("schedule_backup", "Schedule the backup of a server.",
             "Schedule a backup of the server {server} at {time}.",
             (_text("server", "Name of the server", "atlas", "hermes", "juno", "vega",
                    "orion", "lyra", "castor", "pollux"),
              _text("time", "24-hour time HH:MM", *_TIME),
              _option("incremental", "boolean", "Save changes only", True,
                      "Make a full backup, not an incremental one.", False))),
    Function("log_workout", "Write a workout into the training diary.",
             "Log a workout: {minutes} minutes of {activity}.",
             (_text("activity", "Kind of sport", "rowing", "cycling", "yoga", "swimming"),
              _count("minutes", "Duration in minutes", *range(15, 125, 5)))),
)  # fmt: skip
"""Every function, in an order that only the drawing depends on."""
