"""A model behind an OpenAI-compatible address on this machine, asked for suggestions to a reviewer; off unless named.

Only the registry's own words are sent. The address must be this machine's own: a hospital's questions stay in house.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson

from fhirtrial.client.answer import server_error
from fhirtrial.client.retry import Retry
from fhirtrial.client.server import Server, is_loopback, shown
from fhirtrial.client.transport import Request, Transport, World
from fhirtrial.errors import ConfigError

_PATH = "/chat/completions"


class LocalModel:
    """Callable: a question → the model's words, as steady as the endpoint allows (temperature 0, a fixed seed)."""

    def __init__(self, url: str, model: str, world: World | None = None) -> None:
        # Not there now is not there: nobody waits for a model that is only asked for suggestions.
        self._server = Server(url, retry=Retry(attempts=1))
        if not is_loopback(urlsplit(self._server.url).hostname or ""):
            raise ConfigError(
                shown(url), "is not this machine", "name a local address such as http://127.0.0.1:8080/v1"
            )
        self._model = model
        self._transport = Transport(self._server, world or World())

    def __call__(self, question: str) -> str:
        """ServerError where no answer came; an answer in another shape is no words."""
        asked = {
            "model": self._model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "seed": 0,
            "stream": False,
        }
        request = Request({"content-type": "application/json", "accept": "application/json"}, orjson.dumps(asked))
        answer = self._transport.exchange("POST", self._server.url + _PATH, lambda: request)
        if not answer.ok:
            raise server_error(shown(self._server.url), answer)
        return _words(answer.body)


def _words(body: object) -> str:
    try:
        said = body["choices"][0]["message"]["content"]  # type: ignore[index]  # any other shape is no words
    except (KeyError, IndexError, TypeError):
        return ""
    return said if isinstance(said, str) else ""
