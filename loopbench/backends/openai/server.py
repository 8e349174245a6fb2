"""What a server says about itself: engine, version, model. Asked once, before a run."""

from __future__ import annotations

import hashlib
import os
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from loopbench.backends.forms import is_url, split_name
from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.errors import BackendError
from loopbench.types import ModelInfo, Struct

ANSWER_S = 30.0
KEY_VARIABLES = ("LOOPBENCH_API_KEY", "OPENAI_API_KEY")
_OWNERS = {
    "llamacpp": "llama-server",
    "vllm": "vllm",
    "sglang": "sglang",
    "library": "ollama",
    "organization_owner": "lmstudio",
}
_VERSIONS = {"vllm": "/version", "sglang": "/get_server_info", "ollama": "/api/version"}


class Address(Struct, frozen=True):
    """Where a server is and which of its models is meant."""

    root: str
    """Without the API's path."""
    base: str
    """With it: `http://host:port/v1`."""
    model: str | None


class Server(Struct, frozen=True):
    """What a server said about one of its models."""

    address: Address
    model: str
    engine: str
    """`llama-server`, `vllm`, `sglang`, `ollama`, `lmstudio` or `unknown`."""
    version: str
    api: str
    """`native` (llama-server's own route), `chat` or `completions`."""
    gives_ids: bool
    context: int
    parameters: int
    quantization: str
    template: str | None
    bos_token: str | None

    def info(self, name: str | None) -> ModelInfo:
        """Return the provenance of the model, as far as a server tells it."""
        told = (self.model, self.engine, self.parameters, self.quantization, self.template)
        if self.template is not None and self.api != "completions":
            digest = hashlib.sha256(self.template.encode("utf-8", "surrogateescape"))
            template_hash: str | None = "sha256:" + digest.hexdigest()
        else:
            template_hash = "unknown" if self.api == "chat" else None
        return ModelInfo(
            name=name or self.model.rstrip("/").rpartition("/")[2].removesuffix(".gguf"),
            path=f"{self.address.base}#{self.model}",
            # No server gives its weights away: this is what it says of them.
            fingerprint="told:" + hashlib.sha256(repr(told).encode()).hexdigest(),
            architecture="unknown",
            parameters=self.parameters,
            quantization=self.quantization,
            context_length=self.context,
            template_hash=template_hash,
            engine=f"{self.engine} over HTTP ({self.api})",
            engine_version=self.version,
            tokenization="model" if self.gives_ids else FALLBACK,
        )


def parse_address(place: str) -> Address:
    """Read `http://HOST:PORT/v1#MODEL`.

    Raises
    ------
    ValueError
        If it is no such address, or one that carries a secret.
    """
    url, model = split_name(place)
    parts = urlsplit(url)
    if not is_url(url) or not parts.hostname:
        raise ValueError(f"{place!r} is no address of a server such as http://127.0.0.1:8000/v1.")
    if parts.username or parts.password or parts.query:
        # It would be written into the run folder.
        raise ValueError(f"An address must hold no key: put it into ${KEY_VARIABLES[0]}.")
    base = url.rstrip("/")
    if not parts.path.strip("/"):
        base += "/v1"
    return Address(root=base.removesuffix("/v1"), base=base, model=model)


def api_key() -> str | None:
    """Return the key from the environment, the only place where it is looked for."""
    return next((key for name in KEY_VARIABLES if (key := os.environ.get(name))), None)


def new_session() -> aiohttp.ClientSession:
    """Return a session that sends the key, if there is one; call it in an event loop."""
    key = api_key()
    return aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        # A kept connection may be closed by the server while a request is written into it.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
    )


async def ask_server(session: aiohttp.ClientSession, place: str, api: str | None) -> Server:
    """Ask a server what it is.

    Parameters
    ----------
    api
        `chat` or `completions`; None for the best there is.

    Raises
    ------
    ValueError
        If the address or the model's name is not usable.
    BackendError
        If no server of the kind answers there.
    """
    address = parse_address(place)
    card = await _card(session, address)
    engine = _OWNERS.get(str(card.get("owned_by")), "unknown")
    meta: Any = card.get("meta") if isinstance(card.get("meta"), dict) else {}
    props: dict[str, Any] = {}
    if engine == "llama-server":
        props = await _maybe(session, f"{address.root}/props")
    if props and api is None and not urlsplit(address.root).path:
        api = "native"
    said = await _maybe(session, address.root + _VERSIONS[engine]) if engine in _VERSIONS else {}
    version = props.get("build_info") or said.get("version") or "unknown"
    slot = props.get("default_generation_settings") or {}
    return Server(
        address=address,
        model=str(card["id"]),
        engine=engine,
        version=str(version),
        api=api or "chat",
        gives_ids=api == "native",
        context=_number(slot.get("n_ctx"), card.get("max_model_len")),
        parameters=_number(meta.get("n_params")),
        quantization=str(props.get("model_ftype") or meta.get("ftype") or "unknown"),
        template=props.get("chat_template") or None,
        bos_token=props.get("bos_token") or None,
    )


async def _card(session: aiohttp.ClientSession, address: Address) -> dict[str, Any]:
    """Return the server's entry of the model that is meant."""
    reply = await _get(session, f"{address.base}/models", required=address.model is None)
    entries = (reply or {}).get("data")
    entries = entries if isinstance(entries, list) else []
    cards = [c for c in entries if isinstance(c, dict) and isinstance(c.get("id"), str)]
    names = [card["id"] for card in cards]
    if address.model in names:
        return dict(cards[names.index(address.model)])
    if address.model is not None:
        if cards:
            raise ValueError(f"{address.base} has no model {address.model!r}, {_some(names)}.")
        return {"id": address.model}
    if len(cards) == 1:
        return dict(cards[0])
    if not cards:
        raise BackendError(f"{address.base} lists no models; name one as {address.base}#NAME.")
    raise ValueError(
        f"{address.base} has several models, {_some(names)}; name one as {address.base}#NAME."
    )


def _some(names: list[str]) -> str:
    return "only " + ", ".join(names[:8]) + (" and more" if len(names) > 8 else "")


def _number(*values: Any) -> int:
    return next((v for v in values if isinstance(v, int)), 0)


async def _maybe(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """Return what a route says that not every server of the kind has, or opens to everyone."""
    try:
        return await _get(session, url) or {}
    except BackendError:
        return {}


async def _get(
    session: aiohttp.ClientSession, url: str, *, required: bool = False
) -> dict[str, Any] | None:
    """Return a JSON object; None for anything else, unless it is required."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with session.get(url, timeout=timeout, allow_redirects=False) as response:
            if response.status in (401, 403):
                raise BackendError(
                    f"{url} refuses the key (HTTP {response.status}); put the right one into"
                    f" ${KEY_VARIABLES[0]}."
                )
            value = await response.json(content_type=None) if response.status == 200 else None
            problem = f"HTTP {response.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise BackendError(f"No server answers at {url}: {error or 'it took too long'}.") from error
    except ValueError:
        value, problem = None, "no JSON"
    if isinstance(value, dict):
        return value
    if required:
        raise BackendError(f"{url} is not an OpenAI-compatible server: it answers {problem}.")
    return None
