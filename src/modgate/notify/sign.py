"""Signatures of messages: those of Standard Webhooks, so that receivers verify with a library they have.

1. `webhook-id` names the message: the same at each attempt, another for each message. A receiver that keeps
   the ids it has seen takes each message once.
2. `webhook-timestamp` is when this attempt was made, in Unix seconds: a receiver refuses what is old.
3. `webhook-signature` holds `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, one for each
   secret, with blanks between: while a secret is replaced, both the old and the new one verify.

A secret is a line of its file: `whsec_` and the key in base64, or any other text, which is the key as it
stands. Source: the Standard Webhooks specification, "Verifying webhook authenticity" and "Signature scheme".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.outbox import Message

__all__ = ["message_id", "parse_secrets", "signed_headers"]

_PREFIX = "whsec_"
_MAX_SECRETS = 8


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of a file with secrets, one a line, the newest first; `#` begins a comment.

    Raises Invalid, without the secret, for a line that is none and for a file without any.
    """
    keys: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        keys.append(_key(word, number))
    if not keys:
        raise Invalid("the file holds no secret")
    if len(keys) > _MAX_SECRETS:
        raise Invalid(f"the file holds more than {_MAX_SECRETS} secrets")
    return tuple(keys)


def message_id(message: Message) -> str:
    """The `webhook-id` of a message: made from its target and key, of which there is only one."""
    target = message.target.encode()
    data = b"%d:%s%s" % (len(target), target, message.key.encode("utf-8", "replace"))
    digest = hashlib.blake2b(data, digest_size=16, person=b"modgate-webhook").digest()
    return "msg_" + base64.b32encode(digest).decode("ascii").rstrip("=").lower()


def signed_headers(secrets: Sequence[bytes], *, identifier: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of an attempt at `at` (Unix seconds); without secrets there is no signature."""
    headers = {"webhook-id": identifier, "webhook-timestamp": str(at)}
    if secrets:
        content = b"%s.%d.%s" % (identifier.encode(), at, body)
        signed = (hmac.digest(secret, content, "sha256") for secret in secrets)
        headers["webhook-signature"] = " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signed)
    return headers


def _key(word: str, number: int) -> bytes:
    if not word.startswith(_PREFIX):
        return word.encode()
    try:
        key = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise Invalid(f"line {number} begins with {_PREFIX}, but what follows is no base64")
    return key
