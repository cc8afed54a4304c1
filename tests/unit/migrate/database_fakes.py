"""Stand-ins for a database's other end."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed


class FakeSession:
    """Answers a question by the first entry whose text is in it: rows, an error to raise, or a function of the question."""

    def __init__(self, answers: dict[str, t.Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.closed = False

    def query(self, sql, timeout=10.0):
        self.asked.append(sql)
        for word, answer in self.answers.items():
            if word in sql:
                answer = answer(sql) if callable(answer) else answer
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return []

    def literal(self, value):
        return f"'{value}'"

    def close(self):
        self.closed = True


def denied(code):
    return MigrateError("the database refuses: denied", code=code, said="denied")


class FakePipe:
    """Gives chunks of output, then what ``end`` says: nothing (the client has ended) or an exception."""

    def __init__(self, chunks, end=b""):
        self.chunks = list(chunks)
        self.end = end
        self.sent = b""
        self.closed = 0

    def send(self, data, deadline):
        self.sent += data

    def receive(self, deadline):
        if self.chunks:
            return self.chunks.pop(0)
        if isinstance(self.end, bytes):
            return self.end
        raise self.end

    def close(self):
        self.closed += 1


class FakeClock:
    def __init__(self, now=1_000_000.0):
        self.at = now

    def now(self):
        return self.at

    def monotonic(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


class FakeRunner:
    """Runs nothing: gives the answers in turn and keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.ran: list[list[str]] = []

    def run(self, argv, *, stdin=None, timeout=None, env=None, cwd=None):
        self.ran.append(list(argv))
        rc, out, err = self.answers.pop(0)
        return Completed(tuple(argv), rc, out, err)
