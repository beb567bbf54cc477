"""Check the Dockerfile where there is no Docker: its rules, and the same steps in a chroot made by debootstrap.

python scripts/check_container.py                    rules only
python scripts/check_container.py --build FOLDER     as root on Debian: builds the image's file tree in FOLDER, then
                                                     runs its command, `romtool doctor` and two ranks in it
--arg NAME=VALUE     a build argument            --mirror URL     of Debian
--pip FILE           a pip.conf for the build    --certificates FILE     of a proxy
"""

import argparse
import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CODENAMES = {"12": "bookworm", "13": "trixie"}
ENTER = """mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/tmp" && exec "$@" """
RUNNING = {"OMPI_MCA_rmaps_base_oversubscribe": "1"}


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile: its word, the text behind it, and its line."""

    word: str
    text: str
    line: int


def read(path: Path) -> list[Step]:
    """Return the instructions of a Dockerfile, continued lines joined."""
    steps, text, first = [], "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first if text else number
        text += line.strip()
        if text.endswith("\\"):
            text = text[:-1]
            continue
        word, _, rest = text.partition(" ")
        steps.append(Step(word, " ".join(rest.split()), first))
        text = ""
    return steps


def complaints(steps: list[Step]) -> list[str]:
    """Return what is wrong with a Dockerfile: what hadolint would say of the instructions that are used here."""
    found = []
    words = [step.word for step in steps]
    users = [step.text for step in steps if step.word == "USER"]
    for word in {word for word in words if word not in KNOWN}:
        found.append(f"{word} is no instruction that this check knows")
    if next((word for word in words if word != "ARG"), "") != "FROM":
        found.append("the first instruction is not FROM")
    if not users or users[-1].split(":")[0] in ("root", "0"):
        found.append("the last USER is root: whatever runs in the image would own the host's files")
    for word in ("CMD", "ENTRYPOINT"):
        if words.count(word) > 1:
            found.append(f"several {word}: only the last counts")
    for step in steps:
        found += [f"line {step.line}: {text}" for text in _complaints(step)]
    return found


KNOWN = {"FROM", "ARG", "RUN", "WORKDIR", "COPY", "ENV", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD", "LABEL"}


def _complaints(step: Step) -> list[str]:
    """Return what is wrong with one instruction."""
    found = []
    if step.word == "FROM" and not re.search(r":[\w.-]*\d", step.text):
        found.append("FROM without the number of a release: the image changes by itself")
    if step.word in ("CMD", "ENTRYPOINT") and not _is_list(step.text):
        found.append(f"{step.word} is not a JSON list: a shell would swallow signals")
    if step.word == "WORKDIR" and not step.text.startswith("/"):
        found.append("WORKDIR is not absolute")
    if step.word == "COPY":
        missing = [name for name in shlex.split(step.text)[:-1] if not (ROOT / name).exists()]
        found += [f"COPY of {name}, which does not exist" for name in missing]
    if step.word == "RUN":
        if re.search(r"\bsudo\b", step.text):
            found.append("RUN with sudo: it is root already")
        if "apt-get install" in step.text and not re.search(r"--no-install-recommends", step.text):
            found.append("apt-get install without --no-install-recommends")
        if re.search(r"apt-get|setup\.sh", step.text) and "rm -rf /var/lib/apt/lists" not in step.text:
            found.append("package lists stay in the layer: add rm -rf /var/lib/apt/lists/*")
        if re.search(r"\bcd \b", step.text):
            found.append("RUN with cd: use WORKDIR")
    return found


def _is_list(text: str) -> bool:
    """Tell whether a text is a JSON list of texts."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(entry, str) for entry in found)


class Image:
    """The file tree that the steps of a Dockerfile make, in a folder.

    Parameters
    ----------
    root: the folder.
    given: its options.
    """

    def __init__(self, root: Path, given: argparse.Namespace) -> None:
        self.root, self.given = root, given
        self.variables: dict[str, str] = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
        self.arguments: dict[str, str] = {}
        self.folder, self.user = "/", "root"
        self.entry: list[str] = []
        self.command: list[str] = []

    def apply(self, step: Step) -> None:
        """Do what an instruction says."""
        print(f"--- {step.word} {step.text}", flush=True)
        match step.word:
            case "FROM":
                self._bootstrap(step.text)
            case "ARG":
                name, _, value = step.text.partition("=")
                chosen = dict(entry.split("=", 1) for entry in self.given.arg)
                self.arguments[name] = chosen.get(name, "".join(shlex.split(value)))
            case "ENV":
                for entry in shlex.split(step.text):
                    name, _, value = entry.partition("=")
                    self.variables[name] = re.sub(r"\$\{(\w+)\}", lambda m: self.variables.get(m[1], ""), value)
            case "WORKDIR":
                self.folder = step.text
                self.inside(step.text).mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, target = shlex.split(step.text)
                for source in sources:
                    self._copy(ROOT / source, target)
            case "USER":
                self.user = step.text
            case "RUN":
                self.run(["/bin/sh", "-c", step.text])
            case "ENTRYPOINT":
                self.entry = json.loads(step.text)
            case "CMD":
                self.command = json.loads(step.text)

    def inside(self, path: str) -> Path:
        """Return where a path of the image is on this machine."""
        return self.root / path.lstrip("/")

    def run(self, words: list[str], **more: str) -> None:
        """Run a command in the image as its user; its mounts and processes are gone with it."""
        variables = {**self.variables, **self.arguments, **more}
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, str(self.root)]
        chroot = ["chroot", f"--userspec={self.user}", str(self.root), "/usr/bin/env", "-i"]
        settings = [f"{name}={value}" for name, value in {"HOME": self._home(), **variables}.items()]
        there = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.folder, *words]
        subprocess.run([*enter, *chroot, *settings, *there], check=True, stdin=subprocess.DEVNULL)

    def _home(self) -> str:
        """Return the home folder of the user."""
        return "/root" if self.user == "root" else f"/home/{self.user}"

    def _bootstrap(self, image: str) -> None:
        """Make the base system of an image of Debian."""
        number = re.search(r"debian:(\d+)", image)
        if not number:
            raise SystemExit(f"{image} is no image of Debian: this check cannot make it")
        self.root.mkdir(parents=True, exist_ok=True)
        command = ["debootstrap", "--variant=minbase", CODENAMES[number[1]], str(self.root), self.given.mirror]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for name in ("etc/resolv.conf", "etc/hosts"):
            shutil.copy(f"/{name}", self.root / name)
        if self.given.pip:
            shutil.copy(self.given.pip, self.root / "etc/pip.conf")
        if self.given.certificates:
            shutil.copy(self.given.certificates, self.root / "etc/build-certificates.crt")
            self.arguments["PIP_CERT"] = self.arguments["SSL_CERT_FILE"] = "/etc/build-certificates.crt"

    def _copy(self, source: Path, target: str) -> None:
        """Copy a file, or what is in a folder, as COPY does; what .dockerignore names stays out."""
        place = self.inside(target if target.startswith("/") else f"{self.folder}/{target}")
        ignored = [line.removeprefix("**/") for line in (ROOT / ".dockerignore").read_text().split()]
        if source.is_dir():
            leave = shutil.ignore_patterns(*ignored)
            shutil.copytree(source, place, dirs_exist_ok=True, ignore=leave)
        elif not any(fnmatch.fnmatch(source.name, pattern) for pattern in ignored):
            folder = place if target.endswith("/") or place.is_dir() else place.parent
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder if folder == place else place)


def main() -> None:
    """Check, and build where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, metavar="FOLDER")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--pip", type=Path)
    parser.add_argument("--certificates", type=Path)
    given = parser.parse_args()
    steps = read(ROOT / "Dockerfile")
    found = complaints(steps)
    print("\n".join(found) or f"Dockerfile: {len(steps)} instructions, nothing to complain of", flush=True)
    if found:
        sys.exit(1)
    if given.build is None:
        return
    if any(given.build.iterdir()) if given.build.is_dir() else False:
        raise SystemExit(f"{given.build} is not empty; give a new folder")
    image = Image(given.build.absolute(), given)
    for step in steps:
        image.apply(step)
    image.arguments = {}  # they end with the build
    image.inside(image.folder).chmod(0o777)
    image.run([*image.entry, *image.command])
    image.run([*image.entry, "doctor"], **RUNNING)
    image.run(["mpiexec", "-n", "2", *image.entry, "doctor", "--ranks", "2"], **RUNNING)


if __name__ == "__main__":
    main()
