"""Signed notes: a text, a blank line, and lines `— name base64(hash signature)`.

A note is what makes a tree head more than a claim, so it is read strictly: the text is UTF-8 without
control characters, the last blank line starts the signatures, every line there is well formed, and one
bad signature by a key we know spoils the whole note. A key is known by its name *and* a 32-bit hash of
name and key, so that a server may change keys and two servers may not be confused.

Source of the rules: golang.org/x/mod/sumdb/note (as vendored in GOROOT/src/cmd/vendor).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from modgate.errors import Invalid, Tampered

__all__ = [
    "InvalidSignature",
    "Note",
    "Signature",
    "Signer",
    "UnverifiedNote",
    "Verifier",
    "Verifiers",
    "decode_base64",
    "generate_key",
    "new_ed25519_verifier_key",
    "new_signer",
    "new_verifier",
    "open_note",
    "sign_note",
    "verifier_key_of",
    "verifier_list",
]

_ALG_ED25519 = 1
_KEY_SIZE = 32
_SIG_SPLIT = b"\n\n"
_SIG_PREFIX = "— ".encode()
_MAX_SIGNATURES = 100  # a note with more is an attempt to waste our time
_HEX8 = re.compile(r"[0-9a-fA-F]{8}")
# Python's own validation lets needless padding pass.
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
# unicode.IsSpace of Go, which is not str.isspace: Python counts U+001C..U+001F as well.
_SPACE = re.compile(r"[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


class Verifier(Protocol):
    """Checks signatures of one key."""

    @property
    def name(self) -> str:
        """The server's name."""

    @property
    def key_hash(self) -> int:
        """The 32-bit key hash."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's for `message`."""


class Signer(Protocol):
    """Signs with one key."""

    @property
    def name(self) -> str:
        """The server's name."""

    @property
    def key_hash(self) -> int:
        """The 32-bit hash of the matching verifier key."""

    def sign(self, message: bytes) -> bytes:
        """The raw signature."""


class Verifiers(Protocol):
    """A set of known keys."""

    def verifier(self, name: str, key_hash: int) -> Verifier | None:
        """The key, or None where it is unknown. Raises Invalid where two keys answer to the pair."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key it names, and base64 of key hash and signature."""

    name: str
    key_hash: int
    base64: str


@dataclass(frozen=True, slots=True)
class Note:
    """A text (ends in a newline), its verified signatures, and those by unknown keys."""

    text: str
    sigs: tuple[Signature, ...] = ()
    unverified_sigs: tuple[Signature, ...] = ()


class UnverifiedNote(Tampered):
    """The note is well formed but no known key signed it; `note` is what it says, unproved."""

    def __init__(self, note: Note) -> None:
        super().__init__("note has no verifiable signatures")
        self.note = note


class InvalidSignature(Tampered):
    """A known key's signature does not fit the text."""

    def __init__(self, name: str, key_hash: int) -> None:
        super().__init__(f"invalid signature for key {name}+{key_hash:08x}")
        self.name = name
        self.key_hash = key_hash


@dataclass(frozen=True, slots=True)
class _Ed25519Verifier:
    name: str
    key_hash: int
    key: Ed25519PublicKey = field(repr=False)

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            self.key.verify(signature, message)
        except _BadSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Ed25519Signer:
    name: str
    key_hash: int
    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


@dataclass(frozen=True, slots=True)
class _VerifierList:
    known: dict[tuple[str, int], list[Verifier]]

    def verifier(self, name: str, key_hash: int) -> Verifier | None:
        found = self.known.get((name, key_hash))
        if found is None:
            return None
        if len(found) > 1:
            raise Invalid(f"ambiguous key {name}+{key_hash:08x}")
        return found[0]


def decode_base64(text: str) -> bytes | None:
    """Standard padded base64 as Go reads it (line breaks are skipped); None where it is malformed."""
    joined = text.replace("\r", "").replace("\n", "")
    return base64.b64decode(joined) if _BASE64.fullmatch(joined) else None


def verifier_list(*verifiers: Verifier) -> Verifiers:
    """A set of keys to open notes with."""
    known: dict[tuple[str, int], list[Verifier]] = {}
    for verifier in verifiers:
        known.setdefault((verifier.name, verifier.key_hash), []).append(verifier)
    return _VerifierList(known)


def new_verifier(vkey: str) -> Verifier:
    """Read a verifier key `name+hash+base64(algorithm key)`. Raises Invalid."""
    name, _, rest = vkey.partition("+")
    key_hash, key = _read_key(name, rest)
    if key_hash != _key_hash(name, key):
        raise Invalid("invalid verifier hash", where=name)
    public = _ed25519_bytes(name, key)
    return _Ed25519Verifier(name, key_hash, Ed25519PublicKey.from_public_bytes(public))


def new_signer(skey: str) -> Signer:
    """Read a signer key `PRIVATE+KEY+name+hash+base64(algorithm seed)`. Raises Invalid."""
    parts = skey.split("+", 3)
    if len(parts) != 4 or parts[:2] != ["PRIVATE", "KEY"]:
        raise Invalid("malformed signer id")
    name = parts[2]
    key_hash, key = _read_key(name, parts[3])
    private = Ed25519PrivateKey.from_private_bytes(_ed25519_bytes(name, key))
    if key_hash != _key_hash(name, _tagged(private.public_key())):
        raise Invalid("invalid signer hash", where=name)
    return _Ed25519Signer(name, key_hash, private)


def generate_key(name: str, seed: bytes) -> tuple[str, str]:
    """The signer and the verifier key of a server, from 32 random bytes. Raises Invalid."""
    if len(seed) != _KEY_SIZE or not _is_valid_name(name):
        raise Invalid("a key needs a name without spaces or pluses and a seed of 32 bytes")
    private = Ed25519PrivateKey.from_private_bytes(seed)
    vkey = new_ed25519_verifier_key(name, private.public_key().public_bytes_raw())
    key_hash = vkey.split("+")[1]
    secret = base64.b64encode(bytes([_ALG_ED25519]) + seed).decode()
    return f"PRIVATE+KEY+{name}+{key_hash}+{secret}", vkey


def verifier_key_of(skey: str) -> str:
    """The verifier key that belongs to a signer key. Raises Invalid."""
    signer = new_signer(skey)
    _, tagged = _read_key(signer.name, skey.split("+", 3)[3])
    return generate_key(signer.name, tagged[1:])[1]


def new_ed25519_verifier_key(name: str, key: bytes) -> str:
    """The verifier key for a raw Ed25519 public key of 32 bytes. Raises Invalid."""
    if len(key) != _KEY_SIZE:
        raise Invalid(f"invalid public key size {len(key)}, expected {_KEY_SIZE}")
    tagged = bytes([_ALG_ED25519]) + key
    return f"{name}+{_key_hash(name, tagged):08x}+{base64.b64encode(tagged).decode()}"


def open_note(message: bytes, known: Verifiers) -> Note:
    """Parse a note and check the signatures of known keys.

    Raises Invalid (malformed), UnverifiedNote (no known key signed it), InvalidSignature.
    Source: note.Open.
    """
    text, lines = _split(message)
    sigs: list[Signature] = []
    unverified: list[Signature] = []
    seen: set[tuple[str, int]] = set()
    seen_unverified: set[bytes] = set()
    for count, line in enumerate(lines, start=1):
        signature, raw = _parse_signature(line)
        if count > _MAX_SIGNATURES:
            raise Invalid("malformed note")
        verifier = known.verifier(signature.name, signature.key_hash)
        if verifier is None:
            if line not in seen_unverified:
                seen_unverified.add(line)
                unverified.append(signature)
            continue
        if (verifier.name, verifier.key_hash) != (signature.name, signature.key_hash):
            raise Invalid("verifier name or hash doesn't match signature")
        if (signature.name, signature.key_hash) in seen:
            continue
        seen.add((signature.name, signature.key_hash))
        if not verifier.verify(text, raw):
            raise InvalidSignature(signature.name, signature.key_hash)
        sigs.append(signature)
    note = Note(text.decode(), tuple(sigs), tuple(unverified))
    if not sigs:
        raise UnverifiedNote(note)
    return note


def sign_note(note: Note, *signers: Signer) -> bytes:
    """Encode a note, adding the signers' signatures after (and in place of) those it carries.

    Raises Invalid for a text without final newline, a bad name, a signature whose hash is not its own.
    Source: note.Sign.
    """
    if not note.text.endswith("\n"):
        raise Invalid("malformed note")
    text = note.text.encode()
    new: list[str] = []
    replaced: set[tuple[str, int]] = set()
    for signer in signers:
        if not _is_valid_name(signer.name):
            raise Invalid("invalid signer")
        replaced.add((signer.name, signer.key_hash))
        raw = signer.key_hash.to_bytes(4, "big") + signer.sign(text)
        new.append(f"— {signer.name} {base64.b64encode(raw).decode()}\n")
    old: list[str] = []
    for sig in (*note.sigs, *note.unverified_sigs):
        if not _is_valid_name(sig.name):
            raise Invalid("malformed note")
        if (sig.name, sig.key_hash) in replaced:
            continue
        claimed = decode_base64(sig.base64)
        if claimed is None or len(claimed) < 4 or int.from_bytes(claimed[:4], "big") != sig.key_hash:
            raise Invalid("malformed note")
        old.append(f"— {sig.name} {sig.base64}\n")
    return text + b"\n" + "".join(old + new).encode()


def _split(message: bytes) -> tuple[bytes, list[bytes]]:
    """The signed text and the signature lines."""
    if _CONTROL.search(message):
        raise Invalid("malformed note")
    try:
        message.decode()
    except UnicodeDecodeError:
        raise Invalid("malformed note") from None
    split = message.rfind(_SIG_SPLIT)
    if split < 0 or not message.endswith(b"\n") or split + 2 == len(message):
        raise Invalid("malformed note")
    return message[: split + 1], message[split + 2 : -1].split(b"\n")


def _parse_signature(line: bytes) -> tuple[Signature, bytes]:
    if not line.startswith(_SIG_PREFIX):
        raise Invalid("malformed note")
    name, _, b64 = line[len(_SIG_PREFIX) :].decode().partition(" ")
    raw = decode_base64(b64)
    if raw is None or not _is_valid_name(name) or not b64 or len(raw) < 5:
        raise Invalid("malformed note")
    return Signature(name, int.from_bytes(raw[:4], "big"), b64), raw[4:]


def _read_key(name: str, rest: str) -> tuple[int, bytes]:
    hash16, _, key64 = rest.partition("+")
    key = decode_base64(key64)
    if not _HEX8.fullmatch(hash16) or not key or not _is_valid_name(name):
        raise Invalid("malformed verifier id")
    return int(hash16, 16), key


def _ed25519_bytes(name: str, tagged: bytes) -> bytes:
    if tagged[0] != _ALG_ED25519:
        raise Invalid("unknown verifier algorithm", where=name)
    if len(tagged) != 1 + _KEY_SIZE:
        raise Invalid("malformed verifier id", where=name)
    return tagged[1:]


def _tagged(key: Ed25519PublicKey) -> bytes:
    return bytes([_ALG_ED25519]) + key.public_bytes_raw()


def _key_hash(name: str, tagged: bytes) -> int:
    return int.from_bytes(hashlib.sha256(name.encode() + b"\n" + tagged).digest()[:4], "big")


def _is_valid_name(name: str) -> bool:
    """Non-empty, encodable, without spaces (which end a name) and pluses (which end it in a key)."""
    if not name or "+" in name or _SPACE.search(name):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
