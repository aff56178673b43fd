"""Pseudonyms: equal where they must be, unrelated where they must not be, reversible by the key."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark.tokens import TokenInvalid, pseudonymiser, reversed_token, token_version

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
VALUES = st.text(st.characters(codec="utf-8"), max_size=80)


def hashed(value: str, key: bytes = KEY, domain: str = "person", version: str = "1") -> str:
    return pseudonymiser("hash", key, domain=domain, version=version)(value)


def tokenised(value: str, key: bytes = KEY, domain: str = "person", version: str = "1") -> str:
    return pseudonymiser("tokenise", key, domain=domain, version=version)(value)


def hmac_by_hand(key: bytes, message: bytes) -> bytes:
    """RFC 2104, from SHA-256 alone."""
    inner, outer = (bytes(each ^ pad for each in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
    return hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()


@given(VALUES)
def test_a_hash_is_the_hmac_of_the_value_by_the_domains_own_key(value: str) -> None:
    key = hmac_by_hand(KEY, b"product360\0hash\0person")
    assert hashed(value) == f"h1-{hmac_by_hand(key, value.encode()).hex()}"


@given(VALUES)
def test_a_token_is_the_tag_of_the_padded_value_and_the_value_under_a_stream(value: str) -> None:
    tag_key = hmac_by_hand(KEY, b"product360\0tokenise tag\0person")
    stream_key = hmac_by_hand(KEY, b"product360\0tokenise stream\0person")
    text = tokenised(value).removeprefix("t1-")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    tag, hidden = data[:16], data[16:]
    plain = bytearray()
    for place, byte in enumerate(hidden):
        block = hmac_by_hand(stream_key, tag + (place // 32).to_bytes(4, "big"))
        plain.append(byte ^ block[place % 32])
    assert bytes(plain).startswith(value.encode() + b"\x80")
    assert set(plain[len(value.encode()) + 1 :]) <= {0}
    assert len(plain) % 16 == 0
    assert tag == hmac_by_hand(tag_key, bytes(plain))[:16]


@given(VALUES)
def test_who_has_the_key_reverses_a_token(value: str) -> None:
    assert reversed_token(tokenised(value), KEY, domain="person") == value


@given(VALUES, VALUES)
def test_only_equal_values_are_equal(one: str, other: str) -> None:
    assert (hashed(one) == hashed(other)) == (one == other)
    assert (tokenised(one) == tokenised(other)) == (one == other)


@pytest.mark.parametrize("treated", [hashed, tokenised])
def test_domain_key_and_version_each_make_another_pseudonym(treated) -> None:  # type: ignore[no-untyped-def]
    made = [
        treated("ann"),
        treated("ann", domain="company"),
        treated("ann", key=OTHER_KEY),
        treated("ann", version="2"),
    ]
    assert len(set(made)) == 4


def test_a_token_says_which_version_of_the_key_made_it() -> None:
    assert token_version(tokenised("ann", version="17")) == "17"


def test_another_key_or_domain_reverses_nothing() -> None:
    token = tokenised("ann")
    for key, domain in ((OTHER_KEY, "person"), (KEY, "company")):
        with pytest.raises(TokenInvalid, match="did not make"):
            reversed_token(token, key, domain=domain)


def test_no_letter_of_a_token_can_be_altered_or_left_out() -> None:
    token = tokenised("a value that is longer than one block of the stream of the token")
    for place in range(len("t1-"), len(token)):
        for letter in ("A", "z", "_"):
            altered = token[:place] + letter + token[place + 1 :]
            if altered != token:
                with pytest.raises(TokenInvalid):
                    reversed_token(altered, KEY, domain="person")
        with pytest.raises(TokenInvalid):
            reversed_token(token[:place] + token[place + 1 :], KEY, domain="person")


@pytest.mark.parametrize(
    "text", ["", "ann", "t1-", "t-abc", "t1-é", "h1-00", "t1-AAAA", "t1-AAAAA"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        reversed_token(text, KEY, domain="person")
    with pytest.raises(TokenInvalid):
        token_version(text)
