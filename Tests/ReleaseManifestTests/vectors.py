"""Signed releases as another implementation makes and checks them: DSSE envelopes over Ed25519, with `cryptography` and the
standard library alone.

vectors.py make FOLDER     writes the envelopes that the Swift side has to accept or refuse (Tests/Fixtures/trust)
vectors.py check FOLDER    checks what the Swift side signed: each NAME.json with the keys of keys.json
"""
import base64
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TYPE = "application/vnd.wrktalk.%s.v1+json"


def encoding(payload_type, payload):
    """DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key(number):
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def public(number):
    return key(number).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(number):
    return hashlib.sha256(public(number)).hexdigest()


def envelope(kind, payload, numbers, encode=base64.b64encode, names=key_id, signed_as=None):
    if not isinstance(payload, bytes):
        payload = json.dumps(payload, sort_keys=True).encode()
    message = encoding(TYPE % (signed_as or kind), payload)
    return {
        "payloadType": TYPE % kind,
        "payload": encode(payload).decode(),
        "signatures": [{"keyid": names(n), "sig": encode(key(n).sign(message)).decode()} for n in numbers],
    }


def root(version=1, roots=(1,), releases=(11,), threshold=1, release_threshold=1, revoked=()):
    members = set(roots) | set(releases)
    return {
        "product": "wrktalk", "version": version, "issuedAt": "2026-12-16T08:00:00Z", "expires": "2028-01-15T08:00:00Z",
        "keys": {key_id(n): {"publicKey": base64.b64encode(public(n)).decode()} for n in members},
        "roles": {
            "root": {"keys": sorted(map(key_id, roots)), "threshold": threshold},
            "release": {"keys": sorted(map(key_id, releases)), "threshold": release_threshold},
        },
        "revokedKeys": sorted(map(key_id, revoked)), "revokedReleases": [], "minimumSequence": 0,
    }


def manifest(**changes):
    value = {
        "product": "wrktalk", "version": "1.0.0", "sequence": 10, "minimumSequence": 0,
        "issuedAt": "2027-01-14T08:00:00+00:00", "expires": "2027-04-15T10:00:00+02:00",
        "artifacts": [{"runtime": "Compose", "sha256": "a" * 64, "size": 1000}],
        "images": [{"service": "backend", "repository": "registry.example.com/wrktalk/backend",
                    "digest": "sha256:" + "b" * 64}],
        "imageTags": {"backend": "v1"}, "settings": [{"key": "GREETING", "value": "Gr\u00fc\u00df Gott \U0001f600 / \\ \""}],
    }
    value.update(changes)
    return value


def cases():
    """Name, trust root, further roots, release, and the reason of the refusal; null where it is accepted."""
    plain = lambda n: ""
    own = lambda n: "key-%d" % n
    first = envelope("root", root(), [1])
    two = envelope("root", root(releases=(11, 12), release_threshold=2), [1])
    tampered = envelope("release", manifest(), [11])
    tampered["payload"] = base64.b64encode(json.dumps(manifest(version="9.9.9")).encode()).decode()
    twice = envelope("release", manifest(), [11, 11], names=own)
    twice["signatures"][1]["keyid"] = key_id(12)
    rotated = envelope("root", root(version=2, roots=(2,), releases=(12,), revoked=()), [1, 2])
    revoking = envelope("root", root(version=2, releases=(11, 12), revoked=(11,)), [1])
    yield "signed", first, [], envelope("release", manifest(), [11]), None
    yield "url-safe", first, [], envelope("release", manifest(), [11], base64.urlsafe_b64encode), None
    yield "unnamed key", first, [], envelope("release", manifest(), [11], names=plain), None
    yield "other names", first, [], envelope("release", manifest(), [99, 11], names=own), None
    yield "pretty payload", first, [], envelope("release", json.dumps(manifest(), indent=7).encode(), [11]), None
    yield "two of two", two, [], envelope("release", manifest(), [12, 11]), None
    yield "one key twice", two, [], twice, "SignatureInvalid"
    yield "another key", first, [], envelope("release", manifest(), [99]), "SignatureInvalid"
    yield "another payload", first, [], tampered, "SignatureInvalid"
    yield "signed as a root", first, [], envelope("release", manifest(), [11], signed_as="root"), "SignatureInvalid"
    yield "of the type of a root", first, [], envelope("root", manifest(), [11]), "ManifestInvalid"
    yield "without encoding", first, [], {
        "payloadType": TYPE % "release", "payload": base64.b64encode(b"{}").decode(),
        "signatures": [{"keyid": key_id(11), "sig": base64.b64encode(key(11).sign(b"{}")).decode()}],
    }, "SignatureInvalid"
    yield "a number too large", first, [], envelope("release", manifest(sequence=2**53 + 1), [11]), "ManifestInvalid"
    yield "a fraction", first, [], envelope("release", manifest(sequence=1.0), [11]), "ManifestInvalid"
    yield "another product", first, [], envelope("release", manifest(product="other"), [11]), "ProductMismatch"
    yield "expired", first, [], envelope("release", manifest(expires="2027-01-15T07:59:59Z"), [11]), "ManifestExpired"
    yield "after a rotation", first, [rotated], envelope("release", manifest(), [12]), None
    yield "the old key after a rotation", first, [rotated], envelope("release", manifest(), [11]), "SignatureInvalid"
    yield "a revoked key", first, [revoking], envelope("release", manifest(), [11]), "ReleaseRevoked"
    yield "another key than the revoked one", first, [revoking], envelope("release", manifest(), [12]), None


def make(folder):
    os.makedirs(folder, exist_ok=True)
    made = [
        {"name": name, "root": json.dumps(first), "successors": [json.dumps(r) for r in successors],
         "release": json.dumps(release), "refusal": refusal}
        for name, first, successors, release, refusal in cases()
    ]
    with open(os.path.join(folder, "vectors.json"), "w") as file:
        json.dump({"now": "2027-01-15T08:00:00Z", "cases": made}, file, indent=1)
        file.write("\n")


def check(folder):
    """Each envelope is signed by exactly the keys that keys.json names for it."""
    with open(os.path.join(folder, "keys.json")) as file:
        expected = json.load(file)
    for name, entry in sorted(expected.items()):
        with open(os.path.join(folder, name)) as file:
            signed = json.load(file)
        payload = base64.b64decode(signed["payload"], validate=True)
        message = encoding(signed["payloadType"], payload)
        found = set()
        for signature in signed["signatures"]:
            for raw in entry["candidates"]:
                verifier = Ed25519PublicKey.from_public_bytes(base64.b64decode(raw))
                try:
                    verifier.verify(base64.b64decode(signature["sig"], validate=True), message)
                except InvalidSignature:
                    continue
                assert signature["keyid"] == hashlib.sha256(base64.b64decode(raw)).hexdigest(), "%s: keyid" % name
                found.add(raw)
        assert found == set(entry["signers"]), "%s: signed by %s, not %s" % (name, found, entry["signers"])
        assert signed["payloadType"] == entry["payloadType"], name
        assert json.loads(payload) == entry["payload"], "%s: another payload" % name
    print("%d envelopes are right" % len(expected))


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](sys.argv[2])
