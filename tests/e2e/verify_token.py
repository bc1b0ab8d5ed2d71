"""Reads a launcher's page on standard input and verifies its token with the public key: verify_token.py PUBLIC.pem APP_ID ROOM."""

import re
import sys

import jwt

public, app_id, room = open(sys.argv[1]).read(), sys.argv[2], sys.argv[3]
page = sys.stdin.read()
address = re.search(r"https://8x8\.vc/([^/]+)/([^?]+)\?jwt=([A-Za-z0-9_.-]+)", page)
assert address, "no meeting on the page"
assert address.group(1, 2) == (app_id, room), address.groups()
token = address.group(3)

header = jwt.get_unverified_header(token)
assert header == {"alg": "RS256", "typ": "JWT", "kid": f"{app_id}/aabbcc"}, header
# No leeway: JaaS allows none.
claims = jwt.decode(
    token,
    public,
    algorithms=["RS256"],
    audience="jitsi",
    issuer="chat",
    options={"require": ["exp", "nbf", "aud", "iss", "sub"]},
    leeway=0,
)
assert claims["sub"] == app_id and claims["room"] == room, claims
assert type(claims["exp"]) is int and claims["aud"] == "jitsi", claims
assert all(type(v) is str for v in claims["context"]["user"].values()), claims
assert claims["context"]["user"]["moderator"] in ("true", "false"), claims
assert isinstance(claims["context"]["features"], dict), claims
assert "admin" not in claims, claims
print(claims)
