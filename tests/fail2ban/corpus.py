#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sample lines with known answers: each through the translated filter and the real engine, in its stream's order."""
import base64
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import f2b  # noqa: E402


def bytes_of(record):
    return base64.b64decode(record["line_b64"]) if record.get("line_b64") else record["line"].encode()


def differences(record, got):
    """What the answer should have been, for each member that is wrong."""
    if got["match"] != record["match"]:
        yield f"match {got['match']}, not {record['match']}"
        return
    if not record["match"]:
        return
    if got.get("id") != record["host"]:
        yield f"id {got.get('id')}, not {record['host']}"
    if record["epoch"] is not None and int(got.get("epoch", -1)) != int(record["epoch"]):
        yield f"epoch {got.get('epoch')}, not {record['epoch']}"
    attrs = record.get("attrs") or {}
    if attrs.get("user") is not None and got.get("user", "") != attrs["user"]:
        yield f"user {got.get('user')!r}, not {attrs['user']!r}"


def run_stream(world, records):
    """Wrong records of one stream: (record, what is wrong)."""
    records.sort(key=lambda r: r["seq"])
    first = records[0]
    image, said = world.image(f2b.call_of(first["filter"], first["options"]))
    if image is None or "error:" in said:
        return [(r, f"no filter: {said.strip()}") for r in records]
    got, _ = world.lines(image, [bytes_of(r) for r in records], bool(first["journal"]))
    os.close(image)
    if len(got) != len(records):
        return [(r, f"{len(got)} answers to {len(records)} lines") for r in records]
    return [(r, "; ".join(d)) for r, g in zip(records, got) if (d := list(differences(r, g)))]


def main():
    f2b.need_package()
    streams = collections.defaultdict(list)
    records = f2b.need_corpus()
    for r in records:
        streams[r["stream"], bool(r["journal"])].append(r)
    wrong = []
    with f2b.World() as world:
        for of_stream in streams.values():
            wrong += run_stream(world, of_stream)
    for record, what in wrong:
        print(f"{record['stream']} {record['seq']}: {what}\n    {bytes_of(record)!r}")
    print(f"{len(records) - len(wrong)} of {len(records)} records right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
