"""Start and stop child processes that can never outlive us.

Every child leads its own session, so that Ctrl-C reaches only the supervisor and the supervisor
stops the children in order. The kernel signals a child whose supervisor was killed.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
LARGEST_LOG_KEPT = 10 * 1024 * 1024


class UnableToStart(Exception):
    """A service or a child cannot be started; the message is written for the operator."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The operating-system account of a child; without a uid the child keeps ours."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """Return the supplementary groups: none for another account, ours when it is ours."""
        return None if self.uid is None else []

    def owns(self, path: Path) -> None:
        """Hand a file or folder over to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_run(self, command: Sequence[str | Path], *, directory: Path = Path("/")) -> bool:
        """Say whether the account can execute a command; a folder on the way may be closed."""
        try:
            finished = subprocess.run(
                [str(part) for part in command],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                user=self.uid,
                group=self.gid,
                extra_groups=self.groups,
            )
        except PermissionError:
            return False
        return finished.returncode == 0


class Interrupted(Exception):
    """We were asked to stop."""


class StopSignals:
    """Remember that we were asked to stop, for whoever waits to notice.

    Raising from the handler is not enough: inside a callback of the interpreter, such as those that
    run around a fork, the exception is printed and forgotten.
    """

    def __init__(self) -> None:
        self.pending: deque[signal.Signals] = deque()

    def listen(self) -> None:
        """Take over every polite signal."""
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self._remember)

    def check(self) -> None:
        """Raise Interrupted when a signal has come."""
        if self.pending:
            raise Interrupted(self.pending[0].name)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.pending.append(signal.Signals(number))


stop_signals = StopSignals()


def unprivileged_account(*candidates: str | None) -> Account:
    """Choose the first existing account when we are root; anybody else keeps their own."""
    if os.geteuid() != 0:
        return Account()
    for name in candidates:
        try:
            entry = pwd.getpwnam(name or "")
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise UnableToStart("root では起動できません。一般ユーザーのアカウントが見つかりません。")


def signal_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return the function that asks the kernel to signal the child when its parent is gone.

    It runs between fork and exec, after the uid has been dropped, which would clear the request.
    A signal mask blocked in the parent is inherited, and a server would then never see SIGTERM.
    """
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        libc.prctl(PR_SET_PDEATHSIG, int(number))

    return prepare


@dataclass(frozen=True, kw_only=True)
class Child:
    """A running child, the signal that ends it politely, and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    log: Path

    @property
    def has_ended(self) -> bool:
        """Say whether the process is gone."""
        return self.process.poll() is not None

    def ask_to_stop(self) -> None:
        """Send the polite signal and do not wait."""
        if not self.has_ended:
            self.process.send_signal(self.stop_signal)

    def stop(self, *, patience: float = 30) -> None:
        """Ask politely, wait, and then end whatever is left of the child's process group."""
        self.ask_to_stop()
        self.end(patience=patience)

    def end(self, *, patience: float = 30) -> None:
        """Wait for a child that was asked, and end whatever is left of its process group."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_lines(self, count: int = 20) -> str:
        """Return the end of the child's log, for the message that says why it died."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def start(
    name: str,
    command: Sequence[str | Path | int],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account,
    directory: Path = Path("/"),
    stop_signal: signal.Signals = signal.SIGTERM,
    orphan_signal: signal.Signals | None = None,
) -> Child:
    """Start a child with exactly the environment given; nothing is inherited from ours.

    `orphan_signal` is what it gets when we are killed, when that must differ from a polite stop.
    """
    if log.exists() and log.stat().st_size > LARGEST_LOG_KEPT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=signal_with_parent(orphan_signal or stop_signal),
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
        )
    log.chmod(0o600)
    return Child(name=name, process=process, stop_signal=stop_signal, log=log)


def wait_until(ready: Callable[[], bool], *, child: Child, patience: float = 180) -> None:
    """Poll until a child answers; when it dies or stays silent, say so with its last words."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        stop_signals.check()
        if child.has_ended:
            raise UnableToStart(f"{child.name} が起動直後に終了しました。\n{child.last_lines()}")
        if ready():
            return
        time.sleep(0.03)
    raise UnableToStart(f"{child.name} が {patience:.0f} 秒以内に応答しません。\n{child.last_lines()}")


def call(
    command: Sequence[str | Path | int],
    *,
    environment: Mapping[str, str],
    account: Account,
    directory: Path,
) -> int:
    """Run a command to its end on our terminal; when we are asked to stop, it is ended first."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=signal_with_parent(signal.SIGTERM),
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
        if stop_signals.pending:
            process.terminate()
            process.wait()
    stop_signals.check()
    return process.returncode
