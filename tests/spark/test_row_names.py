"""A row has the same name for ever, and it is guessed by nobody without the key."""

from __future__ import annotations

import hashlib
import hmac

from spark.row_names import key_version, keyed_name, name_of, plain_name
from spark.tokens import is_pseudonym, pseudonymiser

KEY = bytes(range(32))


def test_a_plain_name_is_a_digest_of_batch_file_and_text() -> None:
    digest = hashlib.sha256("b\x1ff\x1f1,é".encode()).hexdigest()
    assert plain_name("b", "f", "1,é") == digest[:16]


def test_a_keyed_name_is_of_the_same_parts_with_a_key_of_its_own() -> None:
    key = hmac.new(KEY, b"product360\0row name\0", hashlib.sha256).digest()
    digest = hmac.new(key, "b\x1ff\x1f1,é".encode(), hashlib.sha256).hexdigest()
    assert keyed_name("b", "f", "1,é", master=KEY, version="7") == f"k7-{digest[:16]}"


def test_other_keys_batches_files_and_texts_give_other_names() -> None:
    names = {
        keyed_name(batch, file, text, master=key, version="1")
        for batch in "ab"
        for file in "ab"
        for text in "ab"
        for key in (KEY, KEY[::-1])
    }
    assert len(names) == 16


def test_a_row_id_tells_its_name_and_the_name_its_key() -> None:
    keyed = keyed_name("b", "f", "x", master=KEY, version="12")
    assert (name_of(f"{keyed}-3"), key_version(keyed)) == (keyed, "12")
    plain = plain_name("b", "f", "x")
    assert (name_of(f"{plain}-1"), key_version(plain)) == (plain, None)


def test_pseudonyms_are_told_from_values() -> None:
    made = [pseudonymiser(how, KEY, domain="d", version="3") for how in ("hash", "tokenise")]
    assert all(is_pseudonym(each(text)) for each in made for text in ("", "ann", "x" * 100))
    names = [keyed_name("b", "f", "x", master=KEY, version="1"), "ann", "h1-", "t1-ann", ""]
    assert not any(map(is_pseudonym, names))
