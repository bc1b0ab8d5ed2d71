"""The configuration of a step: python3 config.py FOLDER UPSTREAM-PORT STEP writes gatepost.toml in FOLDER."""

import os
import pathlib
import sys

# What /moving is, one after the other; actions.MOVING has what each answers.
MOVING = [
    'respond = "here"', 'proxy = "http://127.0.0.1:{upstream}"', 'redirect = "https://www.gatepost.test/"\nstatus = 307',
    'respond = "gone"\nstatus = 410',
]

CONFIG = """
[server]
http = ["127.0.0.1:{http}"]
https = ["127.0.0.1:{https}"]
workers = 2
state = "state"
control = "control.sock"
drain = "5s"
[admin]
listen = "127.0.0.1:{admin}"
[log]
access = "access.log"
[limits]
head_timeout = "30s"
idle_timeout = "20s"
http2_idle_timeout = "30s"
send_timeout = "20s"
requests_per_connection = 500
[[certificate]]
chain = "live/fullchain.pem"
key = "live/privkey.pem"
trusted_roots = "root.pem"
[auth.staff]
file = "staff.users"
[launcher.jaas]
provider = "jaas"
app_id = "vpaas-magic-cookie-123456"
key_id = "vpaas-magic-cookie-123456/aabbcc"
private_key = "private.pk"
identity = ["mattermost"]
mattermost = "http://127.0.0.1:{upstream}"
moderators = "members"

[[site]]
hosts = ["chat.gatepost.test"]
security_headers = true
  [[site.route]]
  path = "/"
  proxy = "http://127.0.0.1:{upstream}"
  preset = "mattermost"
  pool_idle_timeout = "4s"
  upgrade_idle_timeout = "150s"
  send_timeout = "30s"
  [[site.route]]
  path = "/files"
  root = "www"
  [[site.route]]
  path = "/jitsi/"
  launcher = "jaas"
  [[site.route]]
  path = "/old"
  redirect = "https://www.gatepost.test/new"
  [[site.route]]
  path = "/fault"
  proxy = "http://127.0.0.1:{upstream}"
  read_timeout = "8s"
  [[site.route]]
  path = "/refused"
  proxy = "http://127.0.0.1:1"
  [[site.route]]
  path = "/limited"
  rate_limit = {{ rate = "10/s", burst = 10 }}
  respond = "slowly"
  [[site.route]]
  path = "/staff"
  auth = "staff"
  respond = "in"
  [[site.route]]
  path = "/inside"
  deny = ["127.0.0.0/8"]
  respond = "inside"
  [[site.route]]
  path = "/step"
  respond = "{step}"
  [[site.route]]
  path = "/moving"
  {moving}
"""


def write(folder, upstream, step):
    """Written beside and moved, so that nobody reads half of it."""
    ports = dict(line.split("=") for line in (folder / "ports").read_text().split())
    moving = MOVING[step % len(MOVING)].format(upstream=upstream)
    text = CONFIG.format(upstream=upstream, step=step, moving=moving, **ports)
    # Sites that come and go: tables of another size with each step.
    for number in range(step % 40):
        text += f'[[site]]\nhosts = ["site{step}-{number}.gatepost.test"]\n[[site.route]]\npath = "/"\nrespond = "here"\n'
    new = folder / "gatepost.toml.new"
    new.write_text(text)
    os.replace(new, folder / "gatepost.toml")


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
