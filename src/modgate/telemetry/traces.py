"""Whether traces are on, and their beginning and end in this process.

Rules: the variables are those of every program with OpenTelemetry; OTEL_SDK_DISABLED=true wins over all
of them; traces are on where an exporter or an endpoint is named. Traces are an aid: nothing about them
keeps the gate from starting. What cannot be done is told in one line, and the gate runs without.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from modgate import __version__
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modgate.telemetry.otel import OtelTracer

__all__ = ["Wanted", "traces", "wanted"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"

Wanted = tuple[str, ...]
"""Exporters: `console`, `otlp-http`, `otlp-grpc`."""


def wanted(environ: Mapping[str, str]) -> Wanted:
    """The exporters that the variables ask for; empty where traces are off. Raises ValueError for others."""
    if _said(environ, "OTEL_SDK_DISABLED").lower() == "true":
        return ()
    named = [name.strip().lower() for name in _said(environ, "OTEL_TRACES_EXPORTER").split(",")]
    if not any(named):
        named = ["otlp"] if any(_said(environ, name) for name in _ENDPOINTS) else []
    if "none" in named:
        return ()
    found: dict[str, None] = {}
    for name in filter(None, named):
        if name not in {"otlp", "console"}:
            raise ValueError(
                f"OTEL_TRACES_EXPORTER: no exporter {name[:40]!r} here; known are otlp, console, none"
            )
        found["console" if name == "console" else _protocol(environ)] = None
    return tuple(found)


def _protocol(environ: Mapping[str, str]) -> str:
    protocol = next(filter(None, (_said(environ, name).lower() for name in _PROTOCOLS)), _HTTP)
    if protocol not in {_HTTP, "grpc"}:
        raise ValueError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: no protocol {protocol[:40]!r} here; known are {_HTTP} and grpc"
        )
    return "otlp-grpc" if protocol == "grpc" else "otlp-http"


def _said(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


@contextmanager
def traces(environ: Mapping[str, str]) -> Iterator[None]:
    """Traces within the block, where the variables ask for them; what is left is sent at its end.

    `environ` must be the process's own where it asks for any: the SDK reads that.
    """
    tracer = _started(environ)
    if tracer is None:
        yield
        return
    tracing.install(tracer)
    try:
        yield
    finally:
        tracing.install(None)
        tracer.close()


def _started(environ: Mapping[str, str]) -> OtelTracer | None:
    """The SDK at work; None where traces are off, or cannot be had: that is told."""
    try:
        exporters = wanted(environ)
        if not exporters:
            return None
        from modgate.telemetry import otel  # noqa: PLC0415  a quarter of a second that only traces cost

        otel.quiet()
        makers = {"console": otel.console, "otlp-http": otel.otlp_http, "otlp-grpc": otel.otlp_grpc}
        return otel.OtelTracer([makers[name] for name in exporters], service="modgate", version=__version__)
    except ImportError:
        why = "gRPC is not installed: pip install 'modgate[otlp-grpc]', or use the protocol http/protobuf"
    except (ValueError, OSError) as error:
        why = str(error)[:300]
    except Exception as error:  # noqa: BLE001  whatever the SDK makes of its variables, the gate serves
        why = type(error).__name__
    structlog.get_logger("modgate.traces").warning(f"no traces are sent: {why}")
    return None
