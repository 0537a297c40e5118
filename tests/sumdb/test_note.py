"""Signed notes: what x/mod says, and what is not in its tables."""

from __future__ import annotations

from typing import Any

import pytest

from modgate.errors import Invalid, ModgateError, Tampered
from modgate.sumdb.note import (
    InvalidSignature,
    Note,
    Signature,
    UnverifiedNote,
    Verifiers,
    generate_key,
    new_ed25519_verifier_key,
    new_signer,
    new_verifier,
    open_note,
    sign_note,
    verifier_list,
)
from tests.sumdb.vectors import cases, unb64

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"


def known(names: str) -> Verifiers:
    keys = {"peter": PETER, "enoch": ENOCH}
    return verifier_list(*(new_verifier(keys[name]) for name in names.split()))


@pytest.mark.parametrize("case", cases("note", "bad_keys", "keys"), ids=lambda case: ascii(case["key"]))
def test_a_verifier_key_is_read_as_go_reads_it(case: dict[str, Any]) -> None:
    if not case["ok"]:
        with pytest.raises(Invalid) as caught:
            new_verifier(case["key"])
        assert caught.value.what == case["error"]
        return
    verifier = new_verifier(case["key"])
    assert (verifier.name, verifier.key_hash) == (case["name"], case["hash"])


@pytest.mark.parametrize("case", cases("note", "manglings"), ids=["verifier", "signer"])
def test_no_mangled_key_is_accepted(case: dict[str, Any]) -> None:
    key = case["key"]
    read = new_signer if key.startswith("PRIVATE+") else new_verifier
    read(key)
    parts = [key[i:j] for i in range(len(key)) for j in range(i + 1, len(key) + 1) if j - i < len(key)]
    flipped = [key[:i] + chr(ord(key[i]) + 1) + key[i + 1 :] for i in range(len(key))]
    assert len(parts + flipped) == case["count"]
    assert not case["accepted"]
    for mangled in parts + flipped:
        with pytest.raises(Invalid):
            read(mangled)


@pytest.mark.parametrize("case", cases("note", "sign", "more_sign"))
def test_notes_are_signed_as_go_signs_them(case: dict[str, Any]) -> None:
    signers = [new_signer(PETER_SECRET)] * case["signers"]
    sigs = tuple(Signature(s["name"], s["hash"], s["base64"]) for s in case["sigs"] or ())
    if case["ok"]:
        assert sign_note(Note(case["text"], sigs), *signers).decode() == case["message"]
        return
    with pytest.raises(Invalid, match=case["error"]):
        sign_note(Note(case["text"], sigs), *signers)


@pytest.mark.parametrize("case", cases("note", "open", "bad_messages", "messages"))
def test_notes_are_opened_as_go_opens_them(case: dict[str, Any]) -> None:
    message = unb64(case["message"])
    if case["ok"]:
        note = open_note(message, known(case["known"]))
    else:
        with pytest.raises(ModgateError) as caught:
            open_note(message, known(case["known"]))
        assert caught.value.what == case["error"]
        malformed = case["error"] == "malformed note" or case["error"].startswith("ambiguous")
        assert isinstance(caught.value, Invalid if malformed else Tampered)
        if not case.get("unverified"):
            assert not isinstance(caught.value, UnverifiedNote)
            return
        assert isinstance(caught.value, UnverifiedNote)
        note = caught.value.note
    assert note.text == case["text"]
    assert [_shown(s) for s in note.sigs] == case["sigs"]
    assert [_shown(s) for s in note.unverified_sigs] == case["unverified_sigs"]


class Fixed:
    """Verifiers that give one key for every name and hash."""

    def verifier(self, _name: str, _key_hash: int) -> Any:
        return new_verifier(PETER)


@pytest.mark.parametrize(("old", "new"), [(b"PeterNeumann", b"CarmenSandiego"), (b"x08g", b"xxxx")])
def test_a_verifier_for_another_name_or_hash_is_refused(old: bytes, new: bytes) -> None:
    message = sign_note(Note("text\n"), new_signer(PETER_SECRET)).replace(old, new)
    with pytest.raises(Invalid, match="verifier name or hash doesn't match signature"):
        open_note(message, Fixed())


class BadSigner:
    name = "bad name"
    key_hash = 1

    def sign(self, message: bytes) -> bytes:
        return message


def test_a_signer_with_a_bad_name_is_refused() -> None:
    with pytest.raises(Invalid, match="invalid signer"):
        sign_note(Note("text\n"), BadSigner())


def test_a_list_finds_its_keys_and_names_ambiguous_ones() -> None:
    peter, enoch = new_verifier(PETER), new_verifier(ENOCH)
    keys = verifier_list(peter, enoch, enoch)
    assert keys.verifier("PeterNeumann", 0xC74F20A3) is peter
    assert keys.verifier("PeterNeumann", 0xC74F20A4) is None
    assert keys.verifier("PeterNeuman", 0xC74F20A3) is None
    with pytest.raises(Invalid, match="ambiguous key EnochRoot"):
        keys.verifier("EnochRoot", 0xAF0CFE78)


def test_generated_keys_fit_each_other() -> None:
    secret, public = generate_key("EnochRoot", bytes(range(32)))
    signer, verifier = new_signer(secret), new_verifier(public)
    assert (
        (signer.name, signer.key_hash) == (verifier.name, verifier.key_hash) == ("EnochRoot", signer.key_hash)
    )
    signature = bytearray(signer.sign(b"hi"))
    assert verifier.verify(b"hi", bytes(signature))
    assert not verifier.verify(b"ho", bytes(signature))
    signature[0] ^= 1
    assert not verifier.verify(b"hi", bytes(signature))
    assert not verifier.verify(b"hi", b"short")
    message = sign_note(Note("text\n"), signer)
    with pytest.raises(InvalidSignature):
        open_note(message.replace(b"text", b"next"), verifier_list(verifier))


@pytest.mark.parametrize(
    ("name", "seed"), [("a+b", bytes(32)), ("a b", bytes(32)), ("", bytes(32)), ("a", bytes(31))]
)
def test_keys_of_bad_names_or_seeds_are_not_made(name: str, seed: bytes) -> None:
    with pytest.raises(Invalid):
        generate_key(name, seed)


def test_a_raw_key_of_another_size_is_no_key() -> None:
    with pytest.raises(Invalid):
        new_ed25519_verifier_key("EnochRoot", bytes(31))


def test_a_secret_key_is_not_shown() -> None:
    assert "Private" not in repr(new_signer(PETER_SECRET))


def _shown(signature: Signature) -> str:
    return f"{signature.name} {signature.key_hash:08x} {signature.base64}"
