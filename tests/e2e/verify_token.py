"""Verifies a meeting token with a library that is not ours, as JaaS or prosody would, and says who it is for.

    verify_token.py jaas KEY APP_ID ROOM        KEY: the public key, a PEM file
    verify_token.py jitsi KEY APP_ID ROOM SUB   KEY: the public key, or a file with prosody's app_secret

Reads the meeting's address on standard input, alone or with a page around it.
"""

import re
import sys

import jwt

kind, key_file, app_id, room, *subject = sys.argv[1:]
key = open(key_file).read()
algorithm = "RS256" if "PUBLIC KEY" in key else "HS256"
key = key.rstrip("\n") if algorithm == "HS256" else key

address = re.search(r"https://([^/\s\"]+)/(?:([^/\s\"]+)/)?([^?/\s\"]+)\?jwt=([A-Za-z0-9_.-]+)", sys.stdin.read())
assert address, "no meeting's address"
host, app, name, token = address.groups()
assert (app, name) == (app_id if kind == "jaas" else None, room), address.groups()

header = jwt.get_unverified_header(token)
expected = {"alg": algorithm, "typ": "JWT"}
if kind == "jaas":
    assert host == "8x8.vc", host
    expected["kid"] = f"{app_id}/aabbcc"
elif algorithm == "RS256":
    expected["kid"] = "gatepost"
assert header == expected, header

# No leeway: neither JaaS nor prosody allows any.
claims = jwt.decode(
    token,
    key,
    algorithms=[algorithm],
    audience="jitsi",
    issuer="chat" if kind == "jaas" else app_id,
    options={"require": ["exp", "nbf", "iat", "aud", "iss", "sub"]},
    leeway=0,
)
user, features = claims["context"]["user"], claims["context"].get("features")
assert claims["sub"] == (app_id if kind == "jaas" else subject[0]) and claims["room"] == room, claims
assert type(claims["exp"]) is int and claims["aud"] == "jitsi", claims
assert all(type(value) is str for value in user.values()), claims
assert user["moderator"] in ("true", "false"), claims
assert "admin" not in claims, claims
if kind == "jaas":
    assert isinstance(features, dict) and all(value in ("true", "false") for value in features.values()), claims
    assert "moderator" not in claims and "affiliation" not in user, claims
else:
    assert claims["moderator"] is (user["moderator"] == "true"), claims
    assert user["affiliation"] == ("owner" if claims["moderator"] else "member"), claims
print(claims)
