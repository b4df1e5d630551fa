"""Reads the description of the image and the compose file.

check DOCKERFILE COMPOSE   what they must hold: stages, user, health check, files that exist, no privileges
script DOCKERFILE          the steps of the last stage as bash, for where there is no container engine
"""

import json
import os
import shlex
import sys


def instructions(path):
    """Instruction and argument of each step, comments left out and continued lines joined."""
    steps, pending = [], ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            pending += stripped
            if pending.endswith("\\"):
                pending = pending[:-1]
                continue
            word, _, rest = pending.partition(" ")
            steps.append((word.upper(), rest.strip()))
            pending = ""
    if pending:
        sys.exit(f"{path}: the last line is continued")
    return steps


KNOWN = {
    "FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD",
}


def stages(steps):
    result = []
    for word, rest in steps:
        if word not in KNOWN:
            sys.exit(f"unknown instruction {word}")
        if word == "FROM":
            result.append([])
        result[-1].append((word, rest))
    return result


def value(stage, word):
    found = [rest for known, rest in stage if known == word]
    if not found:
        sys.exit(f"the last stage has no {word}")
    return found[-1]


def health(stage):
    return json.loads(value(stage, "HEALTHCHECK").partition(" CMD ")[2])


def check(dockerfile, compose):
    built = stages(instructions(dockerfile))
    if len(built) < 2:
        sys.exit("one stage: the image would have the compiler in it")
    last = built[-1]
    if value(last, "USER") in ("root", "0"):
        sys.exit("it runs as root")
    for word in ("ENTRYPOINT", "CMD"):
        json.loads(value(last, word))
    if not health(last):
        sys.exit("no health check")
    for word, rest in last:
        if word == "COPY" and not rest.startswith("--from"):
            for source in shlex.split(rest)[:-1]:
                if not os.path.exists(source):
                    sys.exit(f"COPY {source}: not there")
    try:
        import yaml
    except ImportError:
        print("skipped: the compose file is not read, Python has no yaml")
        return
    with open(compose, encoding="utf-8") as file:
        service = yaml.safe_load(file)["services"]["headwater"]
    exposed = set(value(last, "EXPOSE").split())
    for port in service["ports"]:
        target = port.rsplit(":", 1)[1]
        if target not in exposed:
            sys.exit(f"{target} is published but not exposed")
    volumes = json.loads(value(last, "VOLUME"))
    if not any(mount.split(":")[1] in volumes for mount in service["volumes"]):
        sys.exit("data are in no volume")
    if service["cap_drop"] != ["ALL"] or not service["read_only"]:
        sys.exit("the service has privileges that it does not need")
    context = os.path.normpath(os.path.join(os.path.dirname(compose), service["build"]["context"]))
    if not os.path.exists(os.path.join(context, "Dockerfile")):
        sys.exit(f"no Dockerfile in {context}")
    print(f"{dockerfile} and {compose} are fine")


def script(dockerfile):
    last = stages(instructions(dockerfile))[-1]
    print("set -euo pipefail")
    for word, rest in last:
        if word == "RUN":
            print(f"( {rest} )")
        elif word == "COPY" and rest.startswith("--from"):
            # The first stage's only product.
            print(f"cp /headwater-program {shlex.quote(shlex.split(rest)[-1])}")
        elif word == "COPY":
            source, target = shlex.split(rest)
            print(f'install -D -m 0644 "$tree"/{shlex.quote(source)} {shlex.quote(target)}')
    print(f"image_user={shlex.quote(value(last, 'USER'))}")
    print(f"image_directory={shlex.quote(value(last, 'WORKDIR'))}")
    for name, words in (
        ("entrypoint", json.loads(value(last, "ENTRYPOINT"))),
        ("command", json.loads(value(last, "CMD"))),
        ("health", health(last)),
    ):
        print(f"image_{name}=({' '.join(map(shlex.quote, words))})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"] and len(sys.argv) == 4:
        check(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["script"] and len(sys.argv) == 3:
        script(sys.argv[2])
    else:
        sys.exit(__doc__)
