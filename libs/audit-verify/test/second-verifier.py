"""A second implementation of the audit log format, in another language and sharing no code with the first.

Reads an export bundle (a tar archive), checks the manifest, rebuilds the tree from the entries alone and compares the root with
every signed checkpoint. Uses the standard library only; signatures are checked when the `cryptography` package is importable.

usage: second-verifier.py BUNDLE.tar          prints one line of JSON; exit 0 when everything agrees, 2 otherwise
"""

import base64
import hashlib
import json
import sys
import tarfile

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None


class Tampered(Exception):
    """Something in the bundle does not agree."""


def check(condition, what):
    """Raises Tampered when a condition does not hold."""
    if not condition:
        raise Tampered(what)


def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves):
    """RFC 9162 section 2.1.1, as it is written there: by recursion over the largest power of two."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(root(leaves[:half]), root(leaves[half:]))


def public_key(vkey):
    """Name, key id and raw key of a signed-note verifier key."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    typed = base64.b64decode(encoded, validate=True)
    check(typed[:1] == b"\x01" and len(typed) == 33, "key type")
    check(hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4].hex() == key_id, "key id")
    return name, key_id, typed[1:]


def note_text(note, vkey):
    """The signed text of a note."""
    text, _, lines = note.decode("utf-8").rpartition("\n\n")
    text += "\n"
    name, key_id, raw = public_key(vkey)
    _, signer, encoded = lines.strip().split(" ")
    blob = base64.b64decode(encoded, validate=True)
    check(signer == name and blob[:4].hex() == key_id, "signer")
    if Ed25519PublicKey is not None:
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], text.encode())
        except InvalidSignature:
            raise Tampered("signature") from None
    return text


def entries(files, size):
    """Entries in order, by the paths of C2SP tlog-tiles."""
    found = []
    for first in range(0, size, 256):
        width = min(256, size - first)
        number = first // 256
        groups = ["%03d" % (number % 1000)]
        while number >= 1000:
            number //= 1000
            groups.insert(0, "x%03d" % (number % 1000))
        data = files["tile/entries/" + "/".join(groups) + (".p/%d" % width if width < 256 else "")]
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "big")
            found.append(data[at + 2 : at + 2 + length])
            at += 2 + length
    check(len(found) == size, "number of entries")
    return found


def verify(path):
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    vkey = files["keys/log.vkey"].decode()
    manifest = json.loads(files["manifest.json"])
    signed = note_text(files["manifest.note"], vkey).splitlines()
    check(signed[1] == hashlib.sha256(files["manifest.json"]).hexdigest(), "manifest hash")
    for listed in manifest["files"]:
        check(hashlib.sha256(files[listed["path"]]).hexdigest() == listed["sha256"], listed["path"])
    log = entries(files, manifest["size"])
    for seq, entry in enumerate(log):
        event = json.loads(entry)
        check(int(event.get("seq", "0")) == seq and event["org"] == manifest["org"], "event %d" % seq)
        again = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        check(again == entry, "canonical form of event %d" % seq)
    leaves = [leaf(entry) for entry in log]
    for size in manifest["checkpoints"]:
        origin, stated, encoded = note_text(files["checkpoints/%016d" % size], vkey).splitlines()
        check(origin == manifest["origin"] and int(stated) == size, "checkpoint %d" % size)
        check(base64.b64decode(encoded) == root(leaves[:size]), "root at %d" % size)
    return {"size": len(log), "root": root(leaves).hex(), "signatures": Ed25519PublicKey is not None}


if __name__ == "__main__":
    try:
        print(json.dumps(verify(sys.argv[1])))
    except (Tampered, KeyError, ValueError, IndexError, tarfile.TarError) as error:
        print(json.dumps({"error": str(error)}))
        sys.exit(2)
