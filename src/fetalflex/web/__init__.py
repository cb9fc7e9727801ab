"""How FetalFlex serves pages to a browser on this machine, and keeps everybody else out.

A server on localhost is open to every page that the user's browser shows and to every other account on the machine:
a browser sends requests there for any web site, and only hides the answers. So every application is wrapped in a
`Guard`, and six rules hold:

1. It listens on the loopback interface. Another address needs a token that the user chose.
2. A request names, as its host, one of the names of this server, so that no foreign name can be pointed at it.
3. A request that a foreign page caused is refused, by `Origin` and by `Sec-Fetch-Site`; there is no CORS and no cookie.
4. Everything below `/api/`, and everything that changes something, needs a token in the header `X-FetalFlex-Token`. It
   is drawn at the start and stands in the address that is printed, behind the `#`, which browsers do not send.
5. What is sent is JSON of limited size. Names and paths of files are never taken from it: the server gives out ids.
6. Pages may load nothing but what this server gives, and no answer is taken for another type than it says.

Needs the extra `studio`; imports only errors, checks and the reading of JSON.
"""

from fetalflex.web.address import Address, listen
from fetalflex.web.bodies import Answer, read_object, refused
from fetalflex.web.events import Event, event_stream
from fetalflex.web.failures import FAILURES
from fetalflex.web.guard import TOKEN_HEADER, Guard, token_of
from fetalflex.web.pages import StaticPages
from fetalflex.web.requirements import check_installed
from fetalflex.web.serving import Server, serve
from fetalflex.web.tokens import check_token, is_one_of, new_token

__all__ = [
    "FAILURES",
    "TOKEN_HEADER",
    "Address",
    "Answer",
    "Event",
    "Guard",
    "Server",
    "StaticPages",
    "check_installed",
    "check_token",
    "event_stream",
    "is_one_of",
    "listen",
    "new_token",
    "read_object",
    "refused",
    "serve",
    "token_of",
]
