"""The Python client `signalr-client` 0.0.7 by TargetProcess, unmodified: webSockets and serverSentEvents, protocol 1.5."""

# Before anything else, as in any program on gevent: without it the client's close waits for itself.
from gevent import monkey

monkey.patch_all()

import argparse
import json
import sys
import time
import traceback

import gevent
import requests
import signalr

PATIENCE = 15
EVENTS = ["message", "groupMessage", "number", "tick"]
MISSING = object()


class WithoutWebSockets(requests.Session):
    """The client takes webSockets wherever they are offered; through this session they never are."""

    def get(self, url, **kwargs):
        response = super().get(url, **kwargs)
        if "/negotiate?" in url and response.ok:
            terms = response.json()
            terms["TryWebSockets"] = False
            response._content = json.dumps(terms).encode()
        return response


class Client:
    """The client's own API, with results by the number of the call."""

    def __init__(self, base, transport, path="/signalr", user=None):
        session = requests.Session() if transport == "webSockets" else WithoutWebSockets()
        if user:
            session.auth = requests.auth.HTTPBasicAuth(user, "secret")
        self.transport = transport
        self.connection = signalr.Connection(base + path, session)
        self.hub = self.connection.register_hub("conformance")
        self.secret = self.connection.register_hub("authHub")
        self.calls, self.results, self.errors, self.heard = 0, {}, [], []
        self.connection.received += self.receive
        self.connection.error += self.errors.append
        for event in EVENTS:
            self.hub.client.on(event, lambda *args, event=event: self.heard.append([event, *args]))

    def receive(self, **payload):
        if "I" in payload:
            self.results[payload["I"]] = payload

    def start(self):
        self.connection.start()
        self.id = self.call("request")["connectionId"]
        return self

    def answer(self, method, *args, hub=None):
        number = str(self.calls)
        self.calls += 1
        (hub or self.hub).server.invoke(method, *args)
        return until(lambda: f"the answer of {method}", lambda: self.results.get(number))

    def call(self, method, *args, hub=None):
        answer = self.answer(method, *args, hub=hub)
        assert "E" not in answer, f"{method} failed: {answer['E']}"
        return answer.get("R", MISSING)

    def hears(self, *wanted):
        until(lambda: f"{wanted} in {self.heard[-5:]}", lambda: list(wanted) in self.heard)

    def values(self, event, count):
        got = lambda: [each[1] for each in self.heard if each[0] == event]
        until(lambda: f"{count} times {event}, of which there are {len(got())}", lambda: len(got()) >= count)
        return got()

    def close(self):
        self.connection.close()


def until(what, probe, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for: {what() if callable(what) else what}")
        gevent.sleep(0.02)


def equal(actual, expected, what):
    assert actual == expected and type(actual) is type(expected), f"{what}: expected {expected!r}, got {actual!r}"


def calls(world):
    client = world.client
    equal(client.call("request")["transport"], world.transport, "transport")
    equal(client.call("Add", 2, 3), 5, "Add")
    for text in ["é+ 😀 </script> \u2028 \"q\" \\", "+", ""]:
        equal(client.call("Echo", text), text, "Echo")
    for value in [{"a": [1, {"b": None}]}, [], 0, False, "", 1.5]:
        equal(client.call("EchoAny", value), value, "EchoAny")
    assert client.call("Nothing") is MISSING, "Nothing has a result"
    equal(len(client.call("Large", 200_000)), 200_000, "length of a large result")
    most = 60_000 if world.transport == "webSockets" else 500_000
    equal(len(client.call("Echo", "x" * most)), most, "length of a large argument that came back")


def errors(world):
    client = world.client
    before = len(client.errors)
    answer = client.answer("Throw", "it broke")
    equal((answer.get("E"), answer.get("H", False)), ("it broke", False), "an error")
    answer = client.answer("ThrowHub", "the hub's", {"code": 7})
    equal((answer.get("E"), answer.get("H"), answer.get("D")), ("the hub's", True, {"code": 7}), "a HubException")
    denied = "Caller is not authorized to invoke the WhoAmI method on authHub."
    equal(client.answer("WhoAmI", hub=client.secret).get("E"), denied, "a hub for users only")
    equal(client.errors[before:], ["it broke", "the hub's", denied], "what the client's error event told")
    equal(client.call("Add", 1, 1), 2, "a call after it")


def callbacks(world):
    client, other = world.client, world.other
    client.call("SendMany", 300)
    equal(client.values("number", 300), list(range(300)), "numbers")
    client.call("StartTicks", 10, 10)
    equal(client.values("tick", 10), list(range(1, 11)), "ticks")
    client.call("Broadcast", "to all")
    for each in (client, other):
        each.hears("message", client.id, "to all")
    other.call("SendTo", client.id, "to one")
    client.hears("message", other.id, "to one")
    client.call("Join", "the group")
    # Its stream has no charset, just as that of the original server, and the client's library takes it for Latin-1.
    text = "é+" if world.transport == "webSockets" else "e+"
    other.call("SendGroup", "the group", text)
    client.hears("groupMessage", "the group", text)
    assert not [each for each in other.heard if each[0] == "groupMessage"], "one that is not in the group heard of it"


def users(world):
    client = Client(world.url, world.transport, "/basicauth/signalr", "ann").start()
    equal(client.call("WhoAmI", hub=client.secret), "ann", "name")
    client.close()
    try:
        Client(world.url, world.transport, "/basicauth/signalr").start()
    except requests.HTTPError as error:
        equal(error.response.status_code, 401, "status")
    else:
        raise AssertionError("nobody in particular was let in")


def leaves(world):
    """Over serverSentEvents it aborts; over webSockets it only closes the socket, and the server waits for it to come back."""
    life = lambda id: world.hasty_witness.call("Events", id)
    client = Client(world.hasty, world.transport).start()
    equal(life(client.id), ["connected"], "life of the connection")
    client.close()
    before = time.monotonic()
    until("the server knows", lambda: len(life(client.id)) > 1, 20)
    took = time.monotonic() - before
    if world.transport == "webSockets":
        equal(life(client.id), ["connected", "disconnected:false"], "life of the connection")
        assert took > 9, f"it was given up after {took} s already"
    else:
        equal(life(client.id), ["connected", "disconnected:true"], "life of the connection")
        assert took < 3, f"it took {took} s"


class World:
    def __init__(self, options, transport):
        self.url, self.hasty, self.transport = options.url, options.hasty, transport
        self.client = Client(self.url, transport).start()
        self.other = Client(self.url, "webSockets").start()
        self.hasty_witness = Client(self.hasty, "webSockets").start()

    def close(self):
        for client in (self.client, self.other, self.hasty_witness):
            client.close()


CHECKS = {
    "calls and results": calls,
    "errors": errors,
    "callbacks: in order, to those who are meant": callbacks,
    "users, and who is nobody in particular": users,
    "leaving": leaves,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--hasty", required=True, help="a server that loses patience soon")
    options = parser.parse_args()
    passed = failed = 0
    for transport in ("webSockets", "serverSentEvents"):
        world = World(options, transport)
        for name, check in CHECKS.items():
            try:
                check(world)
                passed += 1
                print(f"ok - {transport}: {name}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok - {transport}: {name}\n{traceback.format_exc()}", flush=True)
        world.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
