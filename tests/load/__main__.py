"""`python -m load`: one load from the command line, with a short table at its end."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from .config import BodyVersion, Config, HeaderVersion, SseClient, VersionOf, WebSocketClient, default_mix
from .engine import Engine
from .errors import LoadError
from .result import Result
from .table import render
from .target import parse_target


def main(argv: list[str] | None = None) -> int:
    """Run the command. Exit code: 0 no failure, 1 failures, 2 refused."""
    args = _parser().parse_args(argv)
    try:
        engine = Engine(_config(args))
    except LoadError as exc:
        print(f"load: {exc}", file=sys.stderr)
        return 2
    result = asyncio.run(_run(engine))
    print(json.dumps(result.to_dict(), indent=2) if args.json else render(result))
    return 0 if result.clean else 1


async def _run(engine: Engine) -> Result:
    # Ctrl-C still gives the table.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, engine.stop)
    return await engine.run()


def _config(args: argparse.Namespace) -> Config:
    path = parse_target(args.url, args.allow_container).path
    version: VersionOf | None = HeaderVersion(args.version_header) if args.version_header else None
    if args.version_body:
        version = BodyVersion(args.version_body)
    streams: list[WebSocketClient | SseClient] = [WebSocketClient(args.ws)] if args.ws else []
    streams += [SseClient(args.sse)] if args.sse else []
    return Config(
        url=args.url,
        host=args.host,
        rate=args.rate,
        seconds=args.seconds,
        requests=args.requests,
        shapes=default_mix(get=path, post=args.post, body=args.body, slow=args.slow),
        streams=tuple(streams),
        version=version,
        keepalive=args.keepalive,
        fresh=args.fresh,
        timeout=args.timeout,
        rtt=args.rtt,
        seed=args.seed,
        allow_container=args.allow_container,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load", description="Open-loop load that counts every failure.")
    add = parser.add_argument
    add("--url", required=True, help="plain HTTP URL on loopback")
    add("--host", help="Host header")
    add("--rate", type=float, default=50, help="requests/s (default 50)")
    add("--seconds", type=float, default=10, help="how long (default 10)")
    add("--requests", type=int, help="at most so many requests")
    add("--post", metavar="PATH", help="make 30 %% of the requests POSTs to this path")
    add("--body", default='{"n": {n}, "run": "{run}"}', help="JSON body of the POSTs; {n} and {run} are filled in")
    add("--slow", metavar="PATH", help="also GET this path every 2 s")
    add("--ws", metavar="PATH", help="also keep a WebSocket open that echoes")
    add("--sse", metavar="PATH", help="also keep an event stream open")
    add("--keepalive", type=int, default=32, help="keep-alive clients (default 32)")
    add("--fresh", type=float, default=0.1, help="share of requests on their own connection (default 0.1)")
    add("--timeout", type=float, default=10, help="seconds for a request (default 10)")
    add("--rtt", type=float, default=0, help="model clients that are so many seconds away (default 0)")
    add("--version-header", metavar="NAME", help="response header that names the answering release")
    add("--version-body", metavar="REGEX", help="pattern in the body that names the answering release")
    add("--seed", type=int, default=1, help="seed of the schedule (default 1)")
    add("--allow-container", action="store_true", help="allow a private address of a container that you started")
    add("--json", action="store_true", help="print the whole result as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
